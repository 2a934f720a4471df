import Analysis
import Reports
import Terms

/// A child that says what it cannot know: of segments and packets of other monitors, under another's
/// name, or against itself (revisions that run back, one revision with two contents). Somebody
/// else may be writing its reports.
///
/// That a child speaks of hosts in another's segments only is no forgery if the other sees them too:
/// such claims count when their owner, being alive, says nothing of them (`ClaimBook`).
struct ForgedReports: AnalysisEngine, Codable {
  static let reportsLimit = EngineLimit(
    "forged-reports.reports", 3, .count,
    "Reports that a child cannot have made, from which on it is reported.")
  static let claimsLimit = EngineLimit(
    "forged-reports.claims", 16, .count,
    "Reports about hosts of another child only, of which that one says nothing, until it counts.")
  static let revisionsLimit = EngineLimit(
    "forged-reports.revisions", 16_384, .count,
    "Reports whose newest revision is remembered; of more, half are forgotten.")
  static let limits = [reportsLimit, claimsLimit, revisionsLimit]
  private static let severity = 7.0

  /// What is remembered of a report's newest revision.
  private struct Newest: Sendable, Codable {
    var revision: UInt32
    var last: CaptureTime
    var severity: Double
    /// When it was told, to forget the oldest.
    var emitted: CaptureTime
  }

  private let context: CorrelationContext
  private let least: UInt64
  private let leastClaims: Int
  private let capacity: Int
  private var cases: [MonitorName: ConductCase] = [:]
  private var revisions: [ReportID: Newest] = [:]
  private var claims: ClaimBook
  /// The segments that each child spoke of last, as far as it can: mostly they are the same again.
  private var sound = Remade<[MonitorName: [String]]>()

  init(_ context: CorrelationContext) {
    self.context = context
    least = UInt64(max(1, context.limits.count(Self.reportsLimit)))
    leastClaims = max(1, context.limits.count(Self.claimsLimit))
    capacity = max(16, context.limits.count(Self.revisionsLimit))
    claims = ClaimBook(context.duties)
  }

  var nextDeadline: CaptureTime {
    cases.values.reduce(claims.nextDeadline) { min($0, $1.due) }
  }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard let duty = context.duties[event.monitor] else {
      guard let child = event.notedChild(by: context.monitor) else { return }
      if event.kind == .monitorSilent { claims.setSilent(child) }
      if event.kind == .forgedReports {
        note(event, of: child, event.notedReason, count: event.notedCount, into: &sink)
      }
      return
    }
    if let reason = overreach(event, duty) {
      note(event, of: event.monitor, reason, into: &sink)
    }
    claims.hear(event, duty)
    guard event.reportClass != .evidence else { return }
    if let reason = contradiction(event) { note(event, of: event.monitor, reason, into: &sink) }
    claims.consider(event, duty)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for (child, unconfirmed) in claims.settle(now, least: leastClaims) {
      note(
        unconfirmed, of: child, "hosts of another child, of which that one says nothing",
        count: UInt64(leastClaims), into: &sink)
    }
    for child in cases.keys.sorted() { tell(child, at: now, into: &sink) }
  }

  /// What the report speaks of beyond what its monitor watches.
  private mutating func overreach(_ event: Report, _ duty: ChildDuty) -> String? {
    let known = sound.value.index(forKey: event.monitor)
    if known.map({ sound.value.values[$0] != event.coverage.segments }) ?? true {
      for segment in event.coverage.segments where !duty.segments.contains(segment) {
        return "segments that it does not watch"
      }
      sound.value[event.monitor] = event.coverage.segments
    }
    for piece in event.evidence
    where piece.monitor != event.monitor && !duty.monitors.contains(piece.monitor) {
      return "packets of monitors that are not below it"
    }
    guard case .rates(let rows)? = event.summary else { return nil }
    var seen = ""
    for row in rows where row.segment != seen {
      guard row.segment.isEmpty || duty.segments.contains(row.segment) else {
        return "segments that it does not watch"
      }
      seen = row.segment
    }
    return nil
  }

  /// What the report says against an earlier one of the same id.
  private mutating func contradiction(_ event: Report) -> String? {
    let fresh = Newest(
      revision: event.revision, last: event.last, severity: event.severity,
      emitted: event.emitted)
    guard let place = revisions.index(forKey: event.id) else {
      if revisions.count >= capacity { forgetOldest() }
      revisions[event.id] = fresh
      return nil
    }
    let known = revisions.values[place]
    if event.revision < known.revision { return "revisions that run back" }
    if event.revision == known.revision {
      return event.last != known.last || event.severity != known.severity
        ? "one revision with two contents" : nil
    }
    revisions.values[place] = fresh
    return nil
  }

  private mutating func forgetOldest() {
    let times = revisions.values.map(\.emitted).sorted()
    let middle = times[times.count / 2]
    revisions = revisions.filter { $0.value.emitted > middle }
  }

  private mutating func note(
    _ event: Report, of child: MonitorName, _ reason: String, count: UInt64 = 1,
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
    let report = cases[child]?.telling(
      .forgedReports, at: now, least: least, severity: Self.severity, context, [], sink)
    if let report { sink.emit(report) }
  }
}
