import Hierarchy
import Reports
import Terms

/// What a replay leaves behind, before it is judged: filled by the drivers, the same for every
/// mode.
public struct ReplayOutcome: Sendable {
  /// Every monitor's own reports, all revisions or only the newest, in any order.
  public var reports: [Report]
  public var links: [LinkResult]
  /// Loss counters by monitor.
  public var losses: [String: [String: UInt64]]
  public var timing: ReplayTiming

  public init(
    reports: [Report], links: [LinkResult], losses: [String: [String: UInt64]],
    timing: ReplayTiming
  ) {
    self.reports = reports
    self.links = links
    self.losses = losses
    self.timing = timing
  }
}

extension ReplayResult {
  /// Judges an outcome by its scenario. Order and rows do not depend on the order of
  /// `outcome.reports`.
  public init(_ outcome: ReplayOutcome, scenario: Scenario, topology: Topology) {
    var newest: [ReportID: Report] = [:]
    for report in outcome.reports {
      if let held = newest[report.id], held.revision >= report.revision { continue }
      newest[report.id] = report
    }
    func rows(_ wanted: ReportClass) -> [ReportRow] {
      newest.values.filter { $0.reportClass == wanted }
        .map { ReportRow($0, topology: topology) }.sorted(by: ReportRow.precedes)
    }
    incidents = rows(.incident).filter { $0.partOf == nil }
    detections = rows(.detection)
    let start = outcome.timing.first
    let verdicts = incidents + detections
    expectations = scenario.expectations.map { $0.evaluate(verdicts, start: start) }
    passed = expectations.allSatisfy(\.held)
    self.scenario = scenario.name
    (evidenceReports, evidenceOmitted) = Self.evidence(behind: verdicts, newest)
    links = outcome.links.sorted { ($0.parent, $0.child) < ($1.parent, $1.child) }
    losses = outcome.losses.filter { !$0.value.isEmpty }
    timing = outcome.timing
  }

  /// The evidence that `verdicts` are derived from, over any number of steps, in canonical order.
  private static func evidence(
    behind verdicts: [ReportRow], _ newest: [ReportID: Report]
  ) -> (rows: [ReportRow], omitted: Int) {
    // Parties of the deriving report choose which summary rows stay.
    var queue = verdicts[...]
    var seen = Set(verdicts.map(\.id))
    var found: [ReportRow] = []
    var omitted = 0
    while let parent = queue.popFirst() {
      for text in parent.derivedFrom where seen.insert(text).inserted {
        guard let id = ReportID(text), let report = newest[id] else { continue }
        guard found.count < evidenceLimit else {
          omitted += 1
          continue
        }
        var row = ReportRow(report)
        row.keepSummaryRows(for: parent)
        // What lies below is looked at with the eyes of the verdict above: evidence names no
        // parties of its own.
        var next = row
        if report.reportClass == .evidence {
          next.sources = parent.sources
          next.targets = parent.targets
          next.attributes = parent.attributes
        }
        found.append(row)
        queue.append(next)
      }
    }
    return (found.sorted(by: ReportRow.precedes), omitted)
  }
}

extension ReportRow {
  /// A row with risk and techniques as the topology has them.
  public init(_ report: Report, topology: Topology) {
    let values = report.targets.listed.lazy.filter(\.isHost)
      .compactMap { topology.asset(at: $0.base)?.value }
    self.init(
      report, risk: report.risk(assetValue: values.max() ?? Asset.standardValue),
      techniques: Self.techniques(report, topology.schema))
  }

  /// The kind's, and those that the report brings of its own: a directive's.
  private static func techniques(_ report: Report, _ schema: Schema) -> [String] {
    let known = schema.kinds[report.kind]?.techniques ?? []
    guard case .text(let own)? = report.attributes["techniques"] else { return known }
    return known + own.split(separator: ",").map(String.init).filter { !known.contains($0) }
  }

  /// Cuts the summary to `ReplayResult.summaryLimit` rows: those that concern `parent` first,
  /// order kept.
  mutating func keepSummaryRows(for parent: ReportRow) {
    guard let rows = summary, rows.count > ReplayResult.summaryLimit else { return }
    let concerned = rows.filter { $0.concerns(parent) }
    let chosen = concerned.isEmpty ? rows : concerned
    summary = Array(chosen.prefix(ReplayResult.summaryLimit))
  }
}
