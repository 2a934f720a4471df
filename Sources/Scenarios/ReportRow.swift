import Reports
import Terms

/// A report as a result file holds it, and as `why` walks it: one row, newest revision.
///
/// Times are UTC epoch seconds to the microsecond.
public struct ReportRow: Codable, Hashable, Sendable {
  /// Distinct members, also of those that the lists leave out.
  public struct Count: Codable, Hashable, Sendable {
    public var sources: Int
    public var targets: Int

    public init(sources: Int, targets: Int) {
      self.sources = sources
      self.targets = targets
    }
  }

  public struct EvidenceRow: Codable, Hashable, Sendable {
    public var monitor: String
    public var capture: String
    /// Zero-based packet indices.
    public var packets: [UInt64]

    public init(monitor: String, capture: String, packets: [UInt64]) {
      self.monitor = monitor
      self.capture = capture
      self.packets = packets
    }
  }

  public struct TermRow: Codable, Hashable, Sendable {
    public var name: String
    public var value: Double
    public var threshold: Double?
    public var unit: String

    public init(name: String, value: Double, threshold: Double? = nil, unit: String = "") {
      self.name = name
      self.value = value
      self.threshold = threshold
      self.unit = unit
    }

    init(_ term: Term) {
      self.init(name: term.name, value: term.value, threshold: term.threshold, unit: term.unit)
    }
  }

  public struct CoverageRow: Codable, Hashable, Sendable {
    public var segments: [String]
    public var loss: Double
    public var silent: [String]

    public init(segments: [String], loss: Double, silent: [String]) {
      self.segments = segments
      self.loss = loss
      self.silent = silent
    }
  }

  public var id: String
  public var revision: UInt32
  /// detection, evidence or incident.
  public var `class`: String
  public var kind: String
  public var tier: String
  public var monitor: String
  public var first: Double
  public var last: Double
  /// Event time at which the first revision was sent, and this one.
  public var raised: Double
  public var emitted: Double
  /// Addresses and prefixes, the first `AddressSet.listLimit`.
  public var sources: [String]
  public var targets: [String]
  public var ports: [UInt16]
  public var transport: String?
  public var count: Count
  public var severity: Double
  public var confidence: Double
  /// OSSIM's risk with the most valuable asset among the targets.
  public var risk: Double
  /// ATT&CK technique ids of the kind.
  public var techniques: [String]
  public var attributes: [String: ResultValue]
  public var derivedFrom: [String]
  /// The incident that it turned out to be part of.
  public var partOf: String?
  public var evidence: [EvidenceRow]
  public var terms: [TermRow]
  public var coverage: CoverageRow
  public var exercise: String?
  /// How much an incident matters; nil for the other classes.
  public var assessment: AssessmentRow?
  /// Rows of an evidence report.
  public var summary: [SummaryRow]?
}

extension ReportRow {
  /// `risk` and `techniques` come from the topology, where there is one; else the risk is that of the
  /// asset which the incident was assessed by.
  public init(_ report: Report, risk: Double? = nil, techniques: [String] = []) {
    id = report.id.description
    revision = report.revision
    self.class = report.reportClass.rawValue
    kind = report.kind.text
    tier = report.tier.rawValue
    monitor = report.monitor.text
    first = report.first.resultSeconds
    last = report.last.resultSeconds
    raised = report.raised.resultSeconds
    emitted = report.emitted.resultSeconds
    sources = report.sources.listed.map(\.description)
    targets = report.targets.listed.map(\.description)
    ports = report.ports
    transport = report.transport?.description
    count = Count(sources: report.sources.count, targets: report.targets.count)
    severity = report.severity
    confidence = report.confidence
    self.risk =
      risk ?? report.assessment.map { report.risk(assetValue: Int($0.riskValue)) } ?? 0
    self.techniques = techniques
    attributes = Dictionary(
      uniqueKeysWithValues: report.attributes.map { ($0.key, ResultValue($0.value)) })
    derivedFrom = report.derivedFrom.map(\.description)
    partOf = report.partOf?.description
    evidence = report.evidence.map {
      EvidenceRow(monitor: $0.monitor.text, capture: $0.capture, packets: $0.packets)
    }
    terms = report.terms.map { TermRow($0) }
    coverage = CoverageRow(
      segments: report.coverage.segments, loss: report.coverage.loss,
      silent: report.coverage.silent.map(\.text))
    exercise = report.exercise
    assessment = report.assessment.map { AssessmentRow($0) }
    summary = report.summary.map(SummaryRow.rows)
  }

  public var tierRank: Int {
    Tier(rawValue: tier).map { Tier.allCases.firstIndex(of: $0) ?? 0 } ?? 0
  }

  /// The order of rows in a result: highest tier first; then incidents by class of rank and by when
  /// they were raised, which no revision changes; the rest by time.
  public static func precedes(_ left: ReportRow, _ right: ReportRow) -> Bool {
    if left.tierRank != right.tierRank { return left.tierRank > right.tierRank }
    let (mine, theirs) = (left.assessment?.classOrder ?? 0, right.assessment?.classOrder ?? 0)
    if mine != theirs { return mine > theirs }
    guard left.assessment == nil || right.assessment == nil else {
      return (left.raised, left.id) < (right.raised, right.id)
    }
    return (left.first, left.kind, left.id) < (right.first, right.kind, right.id)
  }
}

extension CaptureTime {
  /// UTC epoch seconds, cut to the microsecond that a `Double` can carry.
  public var resultSeconds: Double { Double(nanoseconds / 1000) / 1e6 }
}
