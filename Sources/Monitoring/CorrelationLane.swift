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
    /// Reports of it among the pending, and about their bytes.
    var waiting = 0
    var waitingBytes = 0
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
  private var conduct = ConductLog()
  private var coverage = CoverageKeeper()

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
    let child = report.monitor
    if let promised = children[child]?.watermark, report.emitted <= promised {
      note(.brokenPromise, by: child, at: report.emitted, reason: "told after its time")
    }
    if report.emitted <= watermark {
      lateCount += 1
    } else {
      pending.append(report)
      children[child]?.waiting += 1
      children[child]?.waitingBytes += report.footprint
    }
  }

  /// Notes what a child did that no sound monitor does; see `ConductLog`.
  public mutating func note(
    _ misconduct: Misconduct, by child: MonitorName, at time: CaptureTime, count: UInt64 = 1,
    taken: UInt64 = 0, reason: String
  ) {
    conduct.note(
      misconduct, by: child, at: time, count: count, taken: taken, reason: reason,
      floor: watermark, promised: children[child]?.watermark ?? .distantPast)
  }

  /// Whether no more of a child fits within `limits`: one that is ahead of the others can wait.
  public func isAhead(_ child: MonitorName, _ limits: IntakeLimits) -> Bool {
    guard let state = children[child], state.watermark > watermark else { return false }
    return state.waiting >= limits.waitingReports || state.waitingBytes >= limits.waitingBytes
  }

  /// Whether more of a child than `limits` ever allow is waiting, whoever holds time back.
  public func isOverfull(_ child: MonitorName, _ limits: IntakeLimits) -> Bool {
    guard let state = children[child] else { return false }
    return state.waiting >= limits.waitingReports * limits.excess
      || state.waitingBytes >= limits.waitingBytes * limits.excess
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
      // Apart: within one expression the whole lane would be copied before the resolver changes.
      let advanced = resolver.advance(to: time)
      output += covered(advanced)
      let start = next
      while next < due.count, due[next].emitted == time { next += 1 }
      analyse(due[start..<next])
      let conclusions = engines.read(sink.drain(), into: &sink)
      let resolved = resolver.resolve(conclusions.sorted(by: Self.precedes), asOf: time)
      output += covered(resolved)
    }
    output += judgeSilence(after: max(watermark, min(horizon, lastEvent)))
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
    for report in due {
      children[report.monitor]?.waiting -= 1
      children[report.monitor]?.waitingBytes -= report.footprint
    }
    due += conduct.due(through: horizon, in: sink)
    due.sort(by: Self.precedes)
    if let last = due.last { lastEvent = max(lastEvent, last.emitted) }
    return due
  }

  private mutating func runDeadlines(through time: CaptureTime) {
    for index in engines.indices { engines[index].runDeadlines(through: time, into: &sink) }
  }

  private mutating func analyse(_ events: ArraySlice<Report>) {
    guard !events.isEmpty else { return }
    for event in events { note(event) }
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

  /// Correlators hear of the silence too, and may think more of it.
  private mutating func judgeSilence(after time: CaptureTime) -> [Report] {
    let reports = silenceReports(after: time)
    guard let moment = reports.first?.emitted else { return [] }
    let heard = reports.map { report in
      var report = report
      report.severity = 1
      return report
    }
    analyse(heard[...])
    let conclusions = engines.read(sink.drain(), into: &sink)
    let resolved = resolver.resolve(conclusions, asOf: moment)
    return reports + covered(resolved)
  }

  private mutating func note(_ event: Report) {
    guard event.monitor == sink.monitor, event.kind == .overload,
      case .text(let name)? = event.attributes["monitor"], let child = MonitorName(name)
    else { return coverage.note(event) }
    coverage.note(untaken: event.coverage.loss, of: child, at: event.emitted)
  }

  private func covered(_ reports: [Report]) -> [Report] {
    reports.map { report in
      var report = report
      coverage.cover(&report)
      return report
    }
  }

  private func finished(_ output: [Report]) -> [Report] {
    let silent = children.filter { !$0.value.isAlive }.map(\.key).sorted()
    guard !silent.isEmpty else { return output.sorted(by: Self.precedes) }
    return output.map { report in
      var report = report
      CoverageKeeper.cover(&report, silent: silent, of: children.count)
      return report
    }.sorted(by: Self.precedes)
  }

  static func precedes(_ left: Report, _ right: Report) -> Bool {
    (left.emitted, left.id, left.revision) < (right.emitted, right.id, right.revision)
  }
}
