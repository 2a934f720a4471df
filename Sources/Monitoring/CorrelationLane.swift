import Analysis
import Reports
import Response
import Terms

/// Event-time processing of one lane above the local tier: children's reports in, this monitor's
/// reports out.
///
/// Reports wait until every live child's watermark has passed them, and are then processed in the
/// order of (emitted, id, revision). So the outcome does not depend on how fast or in what order
/// they arrived.
public struct CorrelationLane: Sendable {
  /// How far past the last report time runs when a lane has ended, so that open windows close.
  public static let drainHorizon = TimeSpan.hours(24)

  private struct Child {
    var watermark = CaptureTime.distantPast
    var isAlive = true
  }

  public let name: LaneName
  private var children: [MonitorName: Child] = [:]
  private var engines: [any AnalysisEngine<Report>]
  private var resolver: Resolver
  private var sink: ReportSink
  private var pending: [Report] = []
  /// Children whose lease ran out since the last `process`.
  private var newlySilent: [MonitorName] = []
  private var lastEvent = CaptureTime.distantPast

  /// Everything emitted at or before this is processed; nothing this lane emits later is older.
  public private(set) var watermark = CaptureTime.distantPast
  /// Reports that came after their time had been processed: stored, not correlated.
  public private(set) var lateCount: UInt64 = 0

  /// `scope` keeps this lane's ids apart from those of another lane of the same monitor and name.
  public init(
    name: LaneName, monitor: MonitorName, tier: Tier, scope: String = "",
    expecting expected: [MonitorName], engines: [any AnalysisEngine<Report>], resolver: Resolver
  ) {
    self.name = name
    self.engines = engines
    self.resolver = resolver
    sink = ReportSink(monitor: monitor, tier: tier, exercise: name.exercise, scope: scope)
    for child in expected { children[child] = Child() }
  }

  /// Reports waiting for a watermark.
  public var waiting: Int { pending.count }

  /// The event time up to which `child` has told everything; nil for a stranger.
  public func watermark(of child: MonitorName) -> CaptureTime? { children[child]?.watermark }

  /// Takes a report of a child, in any order.
  public mutating func receive(_ report: Report) {
    if report.emitted <= watermark {
      lateCount += 1
    } else {
      pending.append(report)
    }
  }

  /// A child promises that nothing emitted at or before `time` will follow. Never moves back.
  public mutating func setWatermark(_ time: CaptureTime, of child: MonitorName) {
    children[child, default: Child()].watermark = max(children[child]?.watermark ?? time, time)
  }

  /// Time waits for this child too, from its first promise on.
  public mutating func expect(_ child: MonitorName) {
    if children[child] == nil { children[child] = Child() }
  }

  /// A child's lease ran out, or it is back. A dead child no longer holds time back.
  public mutating func setAlive(_ isAlive: Bool, child: MonitorName) {
    guard var state = children[child], state.isAlive != isAlive else { return }
    state.isAlive = isAlive
    children[child] = state
    if !isAlive, state.watermark < .distantFuture { newlySilent.append(child) }
  }

  /// Takes a child that is no longer this monitor's out of the reckoning.
  public mutating func remove(child: MonitorName) { children[child] = nil }

  /// Processes everything that the watermarks allow; returns this monitor's reports in order of
  /// emission.
  public mutating func process() -> [Report] {
    let horizon = children.values.filter(\.isAlive).map(\.watermark).min() ?? watermark
    guard horizon > watermark || !newlySilent.isEmpty else { return [] }
    var output: [Report] = []
    let due = takePending(through: horizon)
    var next = 0
    let limit = horizon < .distantFuture ? horizon : drainLimit(due)
    while true {
      let eventTime = next < due.count ? due[next].emitted : .distantFuture
      let time = min(eventTime, nextDeadline)
      guard time <= limit, time < .distantFuture else { break }
      runDeadlines(through: time)
      output += resolver.advance(to: time)
      let start = next
      while next < due.count, due[next].emitted == time { next += 1 }
      analyse(due[start..<next])
      let conclusions = engines.read(sink.drain(), into: &sink)
      output += resolver.resolve(conclusions.sorted(by: Self.precedes), asOf: time)
    }
    output += silenceReports(after: max(watermark, min(horizon, lastEvent)))
    watermark = max(watermark, horizon)
    return finished(output)
  }

  private var nextDeadline: CaptureTime {
    engines.reduce(resolver.nextDeadline) { min($0, $1.nextDeadline) }
  }

  private func drainLimit(_ due: [Report]) -> CaptureTime {
    max(lastEvent, due.last?.emitted ?? .distantPast) + Self.drainHorizon
  }

  private mutating func takePending(through horizon: CaptureTime) -> [Report] {
    var due = pending.filter { $0.emitted <= horizon }
    pending.removeAll { $0.emitted <= horizon }
    due.sort(by: Self.precedes)
    if let last = due.last { lastEvent = max(lastEvent, last.emitted) }
    return due
  }

  private mutating func runDeadlines(through time: CaptureTime) {
    for index in engines.indices { engines[index].runDeadlines(through: time, into: &sink) }
  }

  private mutating func analyse(_ events: ArraySlice<Report>) {
    guard !events.isEmpty else { return }
    events.withUnsafeBufferPointer { batch in
      for index in engines.indices { engines[index].analyse(batch: batch, into: &sink) }
    }
  }

  /// One health report per child that fell silent: quiet because blind must be said.
  private mutating func silenceReports(after time: CaptureTime) -> [Report] {
    defer { newlySilent = [] }
    return newlySilent.sorted().map { child in
      let last = children[child]?.watermark ?? .distantPast
      let moment =
        time == .distantPast ? CaptureTime(nanoseconds: 0) : time + TimeSpan(nanoseconds: 1)
      let since = last == .distantPast ? moment : min(last, moment)
      var report = sink.opening(
        .monitorSilent, subject: child.text, first: since, last: moment, at: moment, severity: 4,
        confidence: 1)
      report.attributes["monitor"] = .text(child.text)
      return report
    }
  }

  private func finished(_ output: [Report]) -> [Report] {
    let silent = children.filter { !$0.value.isAlive }.map(\.key).sorted()
    guard !silent.isEmpty else { return output.sorted(by: Self.precedes) }
    return output.map { report in
      var report = report
      report.coverage.silent = Set(report.coverage.silent).union(silent).sorted()
      return report
    }.sorted(by: Self.precedes)
  }

  static func precedes(_ left: Report, _ right: Report) -> Bool {
    (left.emitted, left.id, left.revision) < (right.emitted, right.id, right.revision)
  }
}
