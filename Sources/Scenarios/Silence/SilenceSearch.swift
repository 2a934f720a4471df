import Hierarchy
import Reports
import Terms

/// Answers a `SilenceQuestion` from what a replay or the archives hold.
///
/// It follows the reports of the kind up the tree to where they end, and says what the next monitor
/// up does with such a report; where there is none, it holds the evidence against the limits of the
/// engines that could have spoken.
public struct SilenceSearch {
  /// Sights told per tier; sums of evidence count as one each.
  static let sightLimit = 12

  let question: SilenceQuestion
  let topology: Topology
  let limits: [EngineLimit]
  let rows: [ReportRow]
  /// Loss counters by monitor, where known.
  let losses: [String: [String: UInt64]]
  /// Local monitors that had packets to look at; nil where that is not known.
  let watching: Set<String>?

  public init(
    _ question: SilenceQuestion, topology: Topology, limits: [EngineLimit], rows: [ReportRow],
    losses: [String: [String: UInt64]] = [:], watching: Set<String>? = nil
  ) {
    self.question = question
    self.topology = topology
    self.limits = limits
    self.rows = rows.sorted(by: ReportRow.precedes)
    self.losses = losses
    self.watching = watching
  }

  public func answer() -> SilenceAnswer {
    var answer = SilenceAnswer()
    let verdicts = rows.filter { $0.class != "evidence" && question.concerns($0) }
    for row in verdicts.prefix(Self.sightLimit) {
      answer.seen.append(
        .init(tier: row.tier, monitor: row.monitor, text: Self.words(row), id: row.id))
    }
    answer.seen += evidence()
    let asked = verdicts.filter { question.asksFor($0) }
    let roots = Set(topology.roots.map(\.name.text))
    let told = asked.filter { $0.class == "incident" && roots.contains($0.monitor) }
    if !told.isEmpty {
      answer.stops = told.map {
        .init(monitor: $0.monitor, cause: .told, text: Self.words($0))
      }
    } else if asked.isEmpty {
      answer.stops = toldOtherwise(verdicts)
      if answer.stops.isEmpty {
        answer.stops = unspoken(hasEvidence: answer.seen.contains { $0.id == nil })
      }
    } else {
      let highest = asked.map(\.tierRank).max() ?? 0
      answer.stops = asked.filter { $0.tierRank == highest }.flatMap { stops(of: $0) }
    }
    answer.stops += blindness()
    return answer
  }

  // MARK: A report that went no further

  private func stops(of row: ReportRow) -> [SilenceAnswer.Stop] {
    if let larger = rows.first(where: { $0.derivedFrom.contains(row.id) && $0.kind != row.kind }) {
      let text =
        "\(row.kind) [\(row.id.prefix(8))] is part of \(larger.kind) [\(larger.id.prefix(8))]"
      return [.init(monitor: larger.monitor, cause: .absorbed, text: text)]
    }
    if row.severity <= Report.informationalSeverity {
      let text =
        "severity \(Figures.short(row.severity)): up to \(Figures.short(Report.informationalSeverity))"
        + " is informational and opens no incident"
      return [.init(monitor: row.monitor, cause: .severity, text: text)]
    }
    guard let child = MonitorName(row.monitor),
      let parent = topology.monitor(child)?.parents.first
    else {
      return [
        .init(
          monitor: row.monitor, cause: .unknown,
          text: "\(Self.words(row)): opened no incident here")
      ]
    }
    return handOver(row, child, parent)
  }

  private func handOver(
    _ row: ReportRow, _ child: MonitorName, _ parent: MonitorName
  ) -> [SilenceAnswer.Stop] {
    var stops: [SilenceAnswer.Stop] = []
    let wanted = topology.subscription(of: parent, to: child)
    let reportClass = ReportClass(rawValue: row.class) ?? .detection
    if !wanted.wants(ReportKind(row.kind), reportClass, severity: row.severity) {
      let text =
        "subscribes to \(wanted.kinds.joined(separator: ", ")) of severity "
        + "\(Figures.short(wanted.leastSeverity)) or more; this is \(row.kind), severity "
        + Figures.short(row.severity)
      stops.append(.init(monitor: parent.text, cause: .filter, text: text))
    }
    if let shed = losses[child.text]?["budget.shed"], shed > 0 {
      let budget = wanted.budget.map { "\(Figures.short($0)) reports/s" } ?? "the budget"
      stops.append(
        .init(
          monitor: child.text, cause: .budget,
          text: "\(Figures.counted(Int(clamping: shed), "report")) beyond \(budget) not sent"))
    }
    if let late = losses[parent.text]?["reports.late"], late > 0 {
      let text = "\(Figures.counted(Int(clamping: late), "report")) came after their time"
      stops.append(.init(monitor: parent.text, cause: .lateness, text: text))
    }
    guard stops.isEmpty else { return stops }
    return [
      .init(
        monitor: parent.text, cause: .unknown,
        text: "\(Self.words(row)) reached it, or still waits: it concluded nothing of the kind")
    ]
  }

  // MARK: No report of the kind

  /// What was seen of the parties at the highest monitor that told anything, as what it told.
  private func toldOtherwise(_ verdicts: [ReportRow]) -> [SilenceAnswer.Stop] {
    let told = verdicts.filter { $0.severity > Report.informationalSeverity }
    guard let highest = told.map(\.tierRank).max() else { return [] }
    return told.filter { $0.tierRank == highest }.map { row in
      .init(monitor: row.monitor, cause: .absorbed, text: "told as \(Self.words(row))")
    }
  }

  private func unspoken(hasEvidence: Bool) -> [SilenceAnswer.Stop] {
    guard hasEvidence else {
      let text = "no evidence names these parties in that time"
      return [.init(monitor: "every monitor", cause: .unseen, text: text)]
    }
    let engines = Set(
      topology.schema.kinds.keys.filter { $0.matches(question.kind) }.map {
        String($0.text.drop { $0 != "." }.dropFirst())
      })
    let asked = limits.filter { limit in
      engines.contains(String(limit.name.prefix { $0 != "." }))
    }
    let text =
      asked.isEmpty
      ? "the evidence was not enough for any engine"
      : "the evidence above stayed below "
        + asked.map { "\($0.name) \(Self.value($0))" }.joined(separator: ", ")
    return [.init(monitor: "every monitor", cause: .threshold, text: text)]
  }

  private static func value(_ limit: EngineLimit) -> String {
    switch limit.unit {
    case .count, .ratio: Figures.short(limit.standard)
    case .duration: "\(TimeSpan.seconds(limit.standard))"
    case .rate: Figures.short(limit.standard) + "/s"
    }
  }

  /// Evidence about the parties, summed over each monitor and service. Only what monitors took from
  /// their own packets: what is merged above says the same again.
  private func evidence() -> [SilenceAnswer.Sight] {
    struct Sum {
      var contacts: UInt64 = 0
      var failures: UInt64 = 0
      var peers: Set<String> = []
      var epochs = 0
    }
    struct Key: Hashable, Comparable {
      var monitor: String
      var party: String
      var service: String

      static func < (left: Key, right: Key) -> Bool {
        (left.monitor, left.party, left.service) < (right.monitor, right.party, right.service)
      }
    }
    var sums: [Key: Sum] = [:]
    for report in rows
    where report.class == "evidence" && report.tier == "local"
      && question.meets(report.first, report.last)
    {
      for row in report.summary ?? [] where row.text == nil && question.concerns(row) {
        let service = row.port == 0 ? row.transport : "\(row.transport)/\(row.port)"
        let party = row.source.map { "from \($0)" } ?? "to \(row.target ?? "?")"
        var sum = sums[Key(monitor: report.monitor, party: party, service: service)] ?? Sum()
        sum.contacts &+= row.contacts
        sum.failures &+= row.failures
        sum.peers.formUnion(row.peers)
        sum.epochs += 1
        sums[Key(monitor: report.monitor, party: party, service: service)] = sum
      }
    }
    return sums.sorted { ($1.value.failures, $0.key) < ($0.value.failures, $1.key) }
      .prefix(Self.sightLimit).map { key, sum in
        let text =
          "\(key.party) \(key.service): \(sum.contacts) first contacts, \(sum.failures) failed, "
          + "\(Figures.counted(sum.peers.count, "other side")), "
          + Figures.counted(sum.epochs, "epoch")
        return SilenceAnswer.Sight(tier: "local", monitor: key.monitor, text: text, id: nil)
      }
  }

  // MARK: Who could not see

  private func blindness() -> [SilenceAnswer.Stop] {
    var stops: [SilenceAnswer.Stop] = []
    for party in [question.source, question.target].compactMap({ $0 }) {
      guard let segment = topology.segment(containing: party.base) else { continue }
      let monitors = topology.monitors.filter { $0.segment == segment.name }
      let text = "no local monitor watches \(segment.name), where \(party) belongs"
      if monitors.isEmpty {
        stops.append(.init(monitor: segment.name, cause: .blindness, text: text))
      }
      for monitor in monitors where watching?.contains(monitor.name.text) == false {
        let text = "had no packets of \(segment.name), where \(party) belongs"
        stops.append(.init(monitor: monitor.name.text, cause: .blindness, text: text))
      }
    }
    let concerned = rows.filter { question.meets($0.first, $0.last) }
    for silent in Set(concerned.flatMap(\.coverage.silent)).sorted() {
      stops.append(.init(monitor: silent, cause: .blindness, text: "was silent in that time"))
    }
    for (monitor, counters) in losses.sorted(by: { $0.key < $1.key }) {
      let told = counters.filter { $0.value > 0 && Self.blinds($0.key) }.sorted { $0.key < $1.key }
      guard !told.isEmpty else { continue }
      let text = told.map { "\($0.key) \(Figures.grouped($0.value))" }.joined(separator: ", ")
      stops.append(.init(monitor: monitor, cause: .blindness, text: "lost \(text)"))
    }
    var seen: Set<SilenceAnswer.Stop> = []
    return stops.filter { seen.insert($0).inserted }
  }

  private static func blinds(_ counter: String) -> Bool {
    ["capture.", "flows.", "fragments.", "detectors."].contains { counter.hasPrefix($0) }
  }

  private static func words(_ row: ReportRow) -> String {
    "\(row.kind)  \(ResultSummary.brief(row.sources, of: row.count.sources)) → "
      + "\(ResultSummary.brief(row.targets, of: row.count.targets))  severity "
      + "\(Figures.short(row.severity))  [\(row.id.prefix(8))]"
  }
}
