import Analysis
import Reports
import Terms

/// A child that sends more reports than its budget ever lets through, or more than fit while event
/// time waits: a program gone wrong, or somebody who wants the others' reports to drown.
///
/// A child under a real attack is no such thing: its own budget coarsens its evidence, however much
/// there is to tell. The monitor does not take what is over (`IntakeBudget`) and notes it.
struct FloodingChild: AnalysisEngine, Codable {
  static let reportsLimit = EngineLimit(
    "flooding-child.reports", 256, .count,
    "Reports of a child over its budget, and not taken, from which on it is reported.")
  static let limits = [reportsLimit]
  private static let severity = 6.0

  private let context: CorrelationContext
  private let least: UInt64
  private var cases: [MonitorName: ConductCase] = [:]
  /// Share of the child's reports that was not taken, of late.
  private var shares: [MonitorName: Double] = [:]

  init(_ context: CorrelationContext) {
    self.context = context
    least = UInt64(max(1, context.limits.count(Self.reportsLimit)))
  }

  var nextDeadline: CaptureTime {
    cases.values.reduce(.distantFuture) { min($0, $1.due) }
  }

  var interest: EventClasses { .notes }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.kind == .overload, let child = event.notedChild(by: context.monitor) else { return }
    var known = cases[child] ?? ConductCase(child, at: event.first)
    known.add(event, event.notedReason, count: event.notedCount)
    cases[child] = known
    shares[child] = event.coverage.loss
    tell(child, at: event.emitted, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for child in cases.keys.sorted() { tell(child, at: now, into: &sink) }
  }

  private mutating func tell(
    _ child: MonitorName, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let attributes: [(String, AttributeValue)] = [
      ("loss", .ratio(shares[child] ?? 0)), ("resource", .text("reports of a child")),
    ]
    let report = cases[child]?.telling(
      .overload, at: now, least: least, severity: Self.severity, context, attributes, sink)
    if let report { sink.emit(report) }
  }
}
