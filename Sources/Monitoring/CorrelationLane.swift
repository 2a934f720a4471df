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

  struct Child {
    var watermark = CaptureTime.distantPast
    var isAlive = true
    /// Reports of it among the pending, and about their bytes.
    var waiting = 0
    var waitingBytes = 0

    mutating func hold(_ bytes: Int) {
      waiting += 1
      waitingBytes += bytes
    }

    mutating func release(_ bytes: Int) {
      waiting -= 1
      waitingBytes -= bytes
    }
  }

  public let name: LaneName
  var children: [MonitorName: Child] = [:]
  var engines: [any AnalysisEngine<Report>]
  /// What each engine wants to see, and those that hear what others conclude.
  private let interests: [EventClasses]
  private let listeners: [Int]
  /// When each wants to be advanced next, as it said when it was last asked for something.
  private var deadlines: [CaptureTime]
  var resolver: Resolver
  private var sink: ReportSink
  /// Where conclusions stand while they are resolved: kept, so that no moment needs memory for them.
  private var room: [Report] = []
  private static let roomLimit = 64
  var pending: [Report] = []
  /// Children that time no longer waits for since the last `process`, and why.
  private var newlySilent: [MonitorName: Silence] = [:]
  var lastEvent = CaptureTime.distantPast
  var conduct = ConductLog()
  var coverage = CoverageKeeper()
  /// Living children that have not passed `watermark` yet: as long as there is one, time stands.
  private var heldBackBy = 0
  /// What engines need that their states do not hold.
  let facts: [CodingUserInfoKey: any Sendable]

  /// Everything emitted at or before this is processed; nothing this lane emits later is older.
  public internal(set) var watermark = CaptureTime.distantPast
  /// Reports that came after their time had been processed.
  public internal(set) var lateCount: UInt64 = 0

  /// `scope` keeps this lane's ids apart from those of another lane of the same monitor and name;
  /// `facts` is what its engines ask for when their state is read.
  public init(
    name: LaneName, monitor: MonitorName, tier: Tier, scope: String = "",
    expecting expected: [MonitorName], engines: [any AnalysisEngine<Report>], resolver: Resolver,
    facts: [CodingUserInfoKey: any Sendable] = [:]
  ) {
    self.name = name
    self.facts = facts
    self.engines = engines
    interests = engines.map(\.interest)
    listeners = engines.indices.filter { engines[$0].listens }
    deadlines = engines.map(\.nextDeadline)
    self.resolver = resolver
    sink = ReportSink(monitor: monitor, tier: tier, exercise: name.exercise, scope: scope)
    for child in expected { children[child] = Child() }
    countHolders()
  }

  /// Reports waiting for a watermark.
  public var waiting: Int { pending.count }

  /// The event time up to which `child` has told everything; nil for a stranger.
  public func watermark(of child: MonitorName) -> CaptureTime? { children[child]?.watermark }

  /// Takes a report of a child, in any order. One that comes after its time has been processed (its
  /// child was taken for dead) is counted, and taken as the next thing that happens: it revises what
  /// was concluded without it.
  /// - Parameter reached: the lane's watermark when the report came first, where it is taken again.
  public mutating func receive(_ report: Report, reached: CaptureTime = .distantPast) {
    let child = children.index(forKey: report.monitor)
    if let child, report.emitted <= children.values[child].watermark {
      note(.brokenPromise, by: report.monitor, at: report.emitted, reason: "told after its time")
    }
    let passed = max(watermark, reached)
    // What it said stands in another incident, which is told too.
    guard report.partOf == nil else { return }
    guard report.emitted <= passed else { return wait(report, of: child) }
    lateCount += 1
    guard passed < .distantFuture else { return }
    var late = report
    late.emitted = passed + TimeSpan(nanoseconds: 1)
    wait(late, of: child)
  }

  private mutating func wait(
    _ report: Report, of child: Dictionary<MonitorName, Child>.Index?
  ) {
    pending.append(report)
    if let child { children.values[child].hold(report.footprint) }
  }

  /// Counts again what waits of each child.
  mutating func countWaiting() {
    for child in children.keys {
      children[child]?.waiting = 0
      children[child]?.waitingBytes = 0
    }
    for report in pending { children[report.monitor]?.hold(report.footprint) }
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
    guard let known = children[child] else {
      children[child] = Child(watermark: time)
      return countHolders()
    }
    guard time > known.watermark else { return }
    children[child]?.watermark = time
    if known.isAlive, known.watermark <= watermark, time > watermark { heldBackBy -= 1 }
  }

  /// Time waits for this child too, from its first promise on.
  public mutating func expect(_ child: MonitorName) {
    guard children[child] == nil else { return }
    children[child] = Child()
    countHolders()
  }

  /// Living children that time waits for while others are more than `lag` past them, and what they
  /// have promised.
  public func holders(lag: TimeSpan) -> [MonitorName: CaptureTime] {
    guard heldBackBy > 0 else { return [:] }
    let living = children.filter(\.value.isAlive)
    guard let newest = living.values.map(\.watermark).max() else { return [:] }
    return living.mapValues(\.watermark).filter { _, promise in
      promise <= watermark && promise < newest && newest - promise > lag
    }
  }

  /// A child's lease ran out, or it is back. A dead child no longer holds time back.
  public mutating func setAlive(
    _ isAlive: Bool, child: MonitorName, because silence: Silence = .lease
  ) {
    guard var state = children[child], state.isAlive != isAlive else { return }
    state.isAlive = isAlive
    children[child] = state
    countHolders()
    if !isAlive, state.watermark < .distantFuture { newlySilent[child] = silence }
  }

  /// Takes a child that is no longer this monitor's out of the reckoning.
  public mutating func remove(child: MonitorName) {
    children[child] = nil
    countHolders()
  }

  /// Processes everything that the watermarks allow; returns this monitor's reports in order of
  /// emission.
  public mutating func process() -> [Report] {
    guard heldBackBy == 0 || !newlySilent.isEmpty else { return [] }
    let horizon = self.horizon
    defer { countHolders() }
    guard horizon > watermark || !newlySilent.isEmpty else { return [] }
    var output: [Report] = []
    let due = takePending(through: horizon)
    var next = 0
    let limit = horizon < .distantFuture ? horizon : drainLimit(due)
    while true {
      let eventTime = next < due.count ? due[next].emitted : .distantFuture
      let deadline = nextDeadline
      let time = min(eventTime, deadline)
      guard time <= limit, time < .distantFuture else { break }
      if deadline <= time {
        runDeadlines(through: time)
        let start = output.count
        resolver.advance(to: time, into: &output)
        Self.cover(&output, from: start, coverage)
      }
      let start = next
      while next < due.count, due[next].emitted == time { next += 1 }
      analyse(due[start..<next])
      resolve(at: time, &output)
    }
    output += judgeSilence(after: max(watermark, min(horizon, lastEvent)))
    watermark = max(watermark, horizon)
    return finished(output)
  }

  /// The event time that every live child has passed.
  private var horizon: CaptureTime {
    var least: CaptureTime?
    for child in children.values where child.isAlive {
      least = min(least ?? child.watermark, child.watermark)
    }
    return least ?? watermark
  }

  /// Asks all engines when they want to be advanced.
  mutating func askDeadlines() {
    for index in engines.indices { deadlines[index] = engines[index].askDeadline() }
  }

  mutating func countHolders() {
    heldBackBy = 0
    for child in children.values where child.isAlive && child.watermark <= watermark {
      heldBackBy += 1
    }
  }

  private var nextDeadline: CaptureTime {
    var next = resolver.nextDeadline
    for deadline in deadlines where deadline < next { next = deadline }
    return next
  }

  private func drainLimit(_ due: [Report]) -> CaptureTime {
    max(lastEvent, due.last?.emitted ?? .distantPast) + Self.drainHorizon
  }

  private mutating func takePending(through horizon: CaptureTime) -> [Report] {
    var due: [Report] = []
    if pending.allSatisfy({ $0.emitted <= horizon }) {
      swap(&due, &pending)
      countWaiting()
    } else {
      due = pending.filter { $0.emitted <= horizon }
      pending.removeAll { $0.emitted <= horizon }
      for report in due { children[report.monitor]?.release(report.footprint) }
    }
    due += conduct.due(through: horizon, in: sink)
    // Most children speak in order; and to move reports is dearer than to move their places.
    if !Self.isInOrder(due) {
      due = due.indices.sorted { Self.precedes(due[$0], due[$1]) }.map { due[$0] }
    }
    if let last = due.last { lastEvent = max(lastEvent, last.emitted) }
    return due
  }

  private mutating func runDeadlines(through time: CaptureTime) {
    for index in engines.indices where deadlines[index] <= time {
      engines[index].runDeadlines(through: time, into: &sink)
      deadlines[index] = engines[index].askDeadline()
    }
  }

  private mutating func analyse(_ events: ArraySlice<Report>) {
    guard !events.isEmpty else { return }
    events.withUnsafeBufferPointer { batch in
      var classes: EventClasses = []
      for event in batch.indices {
        if batch[event].loss > 0 || batch[event].kind == .overload || !coverage.isLossless {
          note(batch[event])
        }
        classes.formUnion(batch[event].classes)
      }
      for index in engines.indices where !interests[index].isDisjoint(with: classes) {
        engines[index].analyse(batch: batch, into: &sink)
        deadlines[index] = engines[index].askDeadline()
      }
    }
  }

  /// Resolves what the engines have concluded since they were asked last, once those that listen have
  /// heard it, and what they add at once.
  private mutating func resolve(
    at time: CaptureTime, _ output: inout [Report], evenNothing: Bool = false
  ) {
    guard evenNothing || !sink.reports.isEmpty else { return }
    var conclusions: [Report] = []
    swap(&conclusions, &room)
    sink.drain(into: &conclusions)
    if !conclusions.isEmpty {
      for index in listeners {
        engines[index].hear(conclusions, into: &sink)
        deadlines[index] = engines[index].askDeadline()
      }
    }
    if !sink.reports.isEmpty { conclusions += sink.drain() }
    let start = output.count
    resolver.resolve(conclusions, asOf: time, into: &output)
    Self.cover(&output, from: start, coverage)
    conclusions.removeAll(keepingCapacity: conclusions.count <= Self.roomLimit)
    swap(&conclusions, &room)
  }

  /// One health report per child that fell silent: quiet because blind must be said.
  private mutating func silenceReports(after time: CaptureTime) -> [Report] {
    defer { newlySilent = [:] }
    return newlySilent.sorted { $0.key < $1.key }.map { child, silence in
      let last = children[child]?.watermark ?? .distantPast
      let moment =
        time == .distantPast ? CaptureTime(nanoseconds: 0) : time + TimeSpan(nanoseconds: 1)
      let since = last == .distantPast ? moment : min(last, moment)
      var report = sink.opening(
        .monitorSilent, subject: child.text, first: since, last: moment, at: moment, severity: 4,
        confidence: 1)
      report.attributes["monitor"] = .text(child.text)
      report.attributes["reason"] = .text(silence.rawValue)
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
    var output = reports
    resolve(at: moment, &output, evenNothing: true)
    return output
  }

  private mutating func note(_ event: Report) {
    guard event.monitor == sink.monitor, event.kind == .overload,
      case .text(let name)? = event.attributes["monitor"], let child = MonitorName(name)
    else { return coverage.note(event) }
    coverage.note(untaken: event.coverage.loss, of: child, at: event.emitted)
  }

  /// Enters what was lost on the way into what the resolver has told.
  private static func cover(
    _ output: inout [Report], from start: Int, _ coverage: CoverageKeeper
  ) {
    guard start < output.count, !coverage.isClear else { return }
    for index in start..<output.count { coverage.cover(&output[index]) }
  }

  private func finished(_ output: [Report]) -> [Report] {
    let silent = children.filter { !$0.value.isAlive }.map(\.key).sorted()
    guard !silent.isEmpty else {
      return Self.inOrder(output)
    }
    return output.map { report in
      var report = report
      CoverageKeeper.cover(&report, silent: silent, of: children.count)
      return report
    }.sorted(by: Self.precedes)
  }
}
