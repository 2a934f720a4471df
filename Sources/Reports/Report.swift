import Terms

/// What a report is to the tree.
public enum ReportClass: String, Sendable, Hashable, CaseIterable {
  /// A local verdict.
  case detection
  /// A sub-threshold summary of one epoch.
  case evidence
  /// Reports that belong together; opened by a resolver only.
  case incident
}

/// One conclusion of one monitor: a value that explains itself. The newest revision of an id wins.
///
/// Every list is bounded by a limit of `Report.Limit`; the decoder refuses more.
public struct Report: Hashable, Sendable {
  /// The most that one report may carry.
  public enum Limit {
    public static let ports = 64
    public static let attributes = 32
    /// Packet indices per piece of evidence.
    public static let packets = 32
    public static let evidence = 64
    public static let derivedFrom = 256
    public static let terms = 32
    public static let summaryRows = 4096
    /// Sources of a rate row that are counted apart.
    public static let busiest = 32
    /// Names in a coverage list.
    public static let coverage = 256
  }

  // What takes a byte or two stands together: reports are copied many times.
  public var id: ReportID
  /// 0 for the opening revision.
  public var revision: UInt32 = 0
  public var reportClass: ReportClass
  /// The tier of the monitor that concluded it.
  public var tier: Tier
  public var transport: TransportProtocol?
  public var kind: ReportKind
  /// The monitor that concluded it.
  public var monitor: MonitorName
  /// Event time of the first and last observation behind the report.
  public var first: CaptureTime
  public var last: CaptureTime
  /// Event time at which revision 0 was emitted.
  public var raised: CaptureTime
  /// Event time at which this revision was emitted; reports are ordered by it, and watermarks speak
  /// of it.
  public var emitted: CaptureTime
  /// 0–10; up to `informationalSeverity` is informational.
  public var severity: Double
  /// 0–1.
  public var confidence: Double
  /// Its lists, in a list of one: copies of a report share them until one changes.
  @usableFromInline var lists = [Lists()]
  /// Apart from them: an incident shares the lists of what it was concluded from.
  @usableFromInline var assessments: [Assessment] = []

  /// The highest severity that is still only informational.
  public static let informationalSeverity = 2.0
  /// The technique of a flood whose targets are whole networks.
  public static let carpetTechnique = "carpet"

  public init(
    id: ReportID, kind: ReportKind, reportClass: ReportClass, monitor: MonitorName, tier: Tier,
    first: CaptureTime, last: CaptureTime, raised: CaptureTime, emitted: CaptureTime,
    severity: Double, confidence: Double
  ) {
    self.id = id
    self.kind = kind
    self.reportClass = reportClass
    self.monitor = monitor
    self.tier = tier
    self.first = first
    self.last = last
    self.raised = raised
    self.emitted = emitted
    self.severity = severity
    self.confidence = confidence
  }

  @usableFromInline struct Lists: Hashable, Sendable {
    @usableFromInline var sources = AddressSet()
    @usableFromInline var targets = AddressSet()
    @usableFromInline var ports: [UInt16] = []
    @usableFromInline var attributes = Attributes()
    @usableFromInline var evidence: [Evidence] = []
    @usableFromInline var derivedFrom: [ReportID] = []
    @usableFromInline var terms: [Term] = []
    @usableFromInline var coverage = Coverage()
    /// In a list of one; empty where all of it is nil.
    @usableFromInline var rarities: [Rarities] = []

    @usableFromInline init() {}
  }

  /// What hardly an attack has.
  @usableFromInline struct Rarities: Hashable, Sendable {
    @usableFromInline var partOf: ReportID?
    @usableFromInline var exercise: String?
    @usableFromInline var summary: Summary?

    @usableFromInline init() {}

    @usableFromInline var isEmpty: Bool { partOf == nil && exercise == nil && summary == nil }
  }

  /// Changes what is rare; what stays nil costs nothing.
  @inlinable mutating func setRarity(isNil: Bool, _ change: (inout Rarities) -> Void) {
    if lists[0].rarities.isEmpty {
      guard !isNil else { return }
      lists[0].rarities = [Rarities()]
    }
    change(&lists[0].rarities[0])
    if lists[0].rarities[0].isEmpty { lists[0].rarities = [] }
  }

  /// OSSIM's risk on its 0–10 scale: ⌊value · priority · reliability / 25⌋ with value 0–5 (the
  /// asset), priority 0–5 (from severity) and reliability 0–10 (from confidence).
  public func risk(assetValue: Int) -> Double {
    let risk = Double(assetValue) * (severity / 2) * (confidence * 10) / 25
    return min(10, max(0, risk.rounded(.down)))
  }
}

extension Report {
  @inlinable public var sources: AddressSet {
    _read { yield lists[0].sources }
    _modify { yield &lists[0].sources }
  }

  @inlinable public var targets: AddressSet {
    _read { yield lists[0].targets }
    _modify { yield &lists[0].targets }
  }

  /// Target ports, sorted, without repeats; the smallest `Limit.ports`.
  @inlinable public var ports: [UInt16] {
    _read { yield lists[0].ports }
    _modify { yield &lists[0].ports }
  }

  @inlinable public var attributes: Attributes {
    _read { yield lists[0].attributes }
    _modify { yield &lists[0].attributes }
  }

  @inlinable public var evidence: [Evidence] {
    _read { yield lists[0].evidence }
    _modify { yield &lists[0].evidence }
  }

  @inlinable public var derivedFrom: [ReportID] {
    _read { yield lists[0].derivedFrom }
    _modify { yield &lists[0].derivedFrom }
  }

  /// The incident of the same monitor that this one turned out to be part of: with it, no further
  /// revision follows, and what was said stands in the other.
  @inlinable public var partOf: ReportID? {
    get { lists[0].rarities.first?.partOf }
    set { setRarity(isNil: newValue == nil) { $0.partOf = newValue } }
  }

  /// The score and threshold terms that led here, for `why`.
  @inlinable public var terms: [Term] {
    _read { yield lists[0].terms }
    _modify { yield &lists[0].terms }
  }

  @inlinable public var coverage: Coverage {
    _read { yield lists[0].coverage }
    _modify { yield &lists[0].coverage }
  }

  /// The share lost, without the rest of its coverage.
  @inlinable public var loss: Double { lists[0].coverage.loss }

  /// The drill this belongs to; nil for real traffic.
  @inlinable public var exercise: String? {
    get { lists[0].rarities.first?.exercise }
    set { setRarity(isNil: newValue == nil) { $0.exercise = newValue } }
  }

  /// Rows of an evidence report; nil for the other classes.
  @inlinable public var summary: Summary? {
    get { lists[0].rarities.first?.summary }
    set { setRarity(isNil: newValue == nil) { $0.summary = newValue } }
  }

  /// How much it matters; incidents have one.
  @inlinable public var assessment: Assessment? {
    get { assessments.first }
    set { assessments = newValue.map { [$0] } ?? [] }
  }
}

/// Packets behind a report: where to look in which capture.
public struct Evidence: Hashable, Sendable, Codable {
  public var monitor: MonitorName
  /// The capture's name: a file's last path component, or an interface.
  public var capture: String
  /// Zero-based indices of packets in that capture, ascending, at most `Report.Limit.packets`.
  public var packets: [UInt64]

  public init(monitor: MonitorName, capture: String, packets: [UInt64]) {
    self.monitor = monitor
    self.capture = capture
    self.packets = packets
  }
}

/// One step of the reasoning behind a report: a measured value beside what it was held against.
public struct Term: Hashable, Sendable {
  public var name: String
  public var value: Double
  /// The limit it passed; nil for a score that only adds weight.
  public var threshold: Double?
  /// The unit of both, such as `ports`, `packets/s`; may be empty.
  public var unit: String

  public init(_ name: String, _ value: Double, threshold: Double? = nil, unit: String = "") {
    self.name = name
    self.value = value
    self.threshold = threshold
    self.unit = unit
  }
}

/// What the monitor could see when it concluded.
public struct Coverage: Hashable, Sendable {
  /// Segments whose traffic reached the conclusion, sorted.
  public var segments: [String] = []
  /// Share of packets or reports lost on the way, 0–1.
  public var loss = 0.0
  /// Monitors that were silent, sorted.
  public var silent: [MonitorName] = []

  public init() {}
}
