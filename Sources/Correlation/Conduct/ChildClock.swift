import Analysis
import Reports
import Terms

/// A child whose times cannot be: it tells what is yet to happen, what ends before it began, or what
/// lies before the time up to which it had promised to have told all. Its clock jumped, or somebody
/// writes its reports.
struct ChildClock: AnalysisEngine, Codable {
  static let reportsLimit = EngineLimit(
    "child-clock.reports", 3, .count,
    "Reports of a child with impossible times from which on it is reported.")
  static let slackLimit = EngineLimit(
    "child-clock.slack", 1, .duration,
    "How far after its own emission a report's last observation may lie.")
  static let limits = [reportsLimit, slackLimit]
  private static let severity = 6.0

  private let context: CorrelationContext
  private let least: UInt64
  private let slack: TimeSpan
  private var cases: [MonitorName: ConductCase] = [:]
  private var worst: [MonitorName: TimeSpan] = [:]

  init(_ context: CorrelationContext) {
    self.context = context
    least = UInt64(max(1, context.limits.count(Self.reportsLimit)))
    slack = context.limits.span(Self.slackLimit)
  }

  var nextDeadline: CaptureTime {
    cases.values.reduce(.distantFuture) { min($0, $1.due) }
  }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    if event.kind == .clockSkew, let child = event.notedChild(by: context.monitor) {
      note(event, of: child, event.notedReason, count: event.notedCount, into: &sink)
      return
    }
    guard event.last > event.emitted || event.first > event.last || event.raised > event.emitted
    else { return }
    let child = event.monitor
    guard context.duties[child] != nil else { return }
    if event.last > event.emitted + slack {
      worst[child] = max(worst[child] ?? .zero, event.last - event.emitted)
      note(event, of: child, "seen after it was told", count: 1, into: &sink)
    } else if event.first > event.last {
      note(event, of: child, "ended before it began", count: 1, into: &sink)
    } else if event.raised > event.emitted {
      note(event, of: child, "raised after it was told", count: 1, into: &sink)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for child in cases.keys.sorted() { tell(child, at: now, into: &sink) }
  }

  private mutating func note(
    _ event: Report, of child: MonitorName, _ reason: String, count: UInt64,
    into sink: inout ReportSink
  ) {
    var known = cases[child] ?? ConductCase(child, at: event.emitted)
    known.add(event, reason, count: count)
    cases[child] = known
    tell(child, at: event.emitted, into: &sink)
  }

  private mutating func tell(
    _ child: MonitorName, at now: CaptureTime, into sink: inout ReportSink
  ) {
    var attributes: [(String, AttributeValue)] = []
    if let skew = worst[child] { attributes.append(("skew", .duration(skew))) }
    let report = cases[child]?.telling(
      .clockSkew, at: now, least: least, severity: Self.severity, context, attributes, sink)
    if let report { sink.emit(report) }
  }
}
