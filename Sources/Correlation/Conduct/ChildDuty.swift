import Analysis
import Reports
import Terms

/// What a child can speak of, by the topology: what it watches, and what may report to it.
public struct ChildDuty: Hashable, Sendable, Codable {
  /// The child, and every monitor that may be below it, failed over ones included.
  public var monitors: Set<MonitorName>
  /// The segments that those watch.
  public var segments: Set<String>
  /// Where the hosts of those segments are; nil when one of them is a perimeter, which sees all.
  public var prefixes: [IPPrefix]?

  public init(monitors: Set<MonitorName>, segments: Set<String>, prefixes: [IPPrefix]?) {
    self.monitors = monitors
    self.segments = segments
    self.prefixes = prefixes
  }

  func watches(_ address: IPPrefix) -> Bool {
    prefixes?.contains { $0.overlaps(address) } ?? true
  }
}

/// One child's misconduct: counted, told when it is plain, revised now and then.
struct ConductCase: Sendable, Codable {
  private static let revisionGap = TimeSpan.minutes(1)
  /// Reasons named apart.
  private static let reasonLimit = 8

  let child: MonitorName
  private(set) var first: CaptureTime
  private(set) var last: CaptureTime
  private(set) var count: UInt64 = 0
  private var reasons: [String: UInt64] = [:]
  private var told: Report?
  private var isNews = false

  init(_ child: MonitorName, at time: CaptureTime) {
    self.child = child
    first = time
    last = time
  }

  mutating func add(_ event: Report, _ reason: String, count more: UInt64 = 1) {
    first = min(first, event.first)
    last = max(last, event.emitted)
    count &+= more
    if reasons[reason] != nil || reasons.count < Self.reasonLimit {
      reasons[reason, default: 0] &+= more
    }
    isNews = true
  }

  /// When a revision is due; `.distantFuture` when nothing is new.
  var due: CaptureTime {
    guard isNews, let told else { return .distantFuture }
    return told.emitted + Self.revisionGap
  }

  /// The report, when it has something new to say at `now`.
  mutating func telling(
    _ kind: ReportKind, at now: CaptureTime, least: UInt64, severity: Double,
    _ context: CorrelationContext, _ attributes: [(String, AttributeValue)],
    _ sink: ReportSink
  ) -> Report? {
    guard isNews, count >= least, told == nil || due <= now else { return nil }
    var report =
      told
      ?? sink.opening(
        kind, subject: "conduct of \(child)", first: first, last: last, at: now,
        severity: severity, confidence: 0.9)
    if told != nil { report.revision &+= 1 }
    report.emitted = now
    report.first = min(report.first, first)
    report.last = max(report.last, min(last, now))
    let named = reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    context.describe(
      &report,
      [
        ("monitor", .text(child.text)), ("dropped", .count(count)),
        ("reason", .text(named.map(\.key).joined(separator: ", "))),
      ] + attributes)
    report.terms = named.prefix(Report.Limit.terms - 1).map {
      Term($0.key, Double($0.value), unit: "reports")
    }
    report.terms.append(
      Term("reports", Double(count), threshold: Double(least), unit: "reports"))
    told = report
    isNews = false
    return report
  }
}

extension Report {
  /// The child of which the monitor itself noted this; nil for what a child told.
  func notedChild(by monitor: MonitorName) -> MonitorName? {
    guard self.monitor == monitor, reportClass == .detection,
      severity <= Report.informationalSeverity, case .text(let name)? = attributes["monitor"]
    else { return nil }
    return MonitorName(name)
  }

  var notedCount: UInt64 {
    if case .count(let count)? = attributes["dropped"] { count } else { 1 }
  }

  var notedReason: String {
    if case .text(let text)? = attributes["reason"] { text } else { "unsaid" }
  }
}
