import Analysis
import Flows
import Reports
import Terms

/// eBayes TCP: says what a burst of one client's traffic most likely is (Valdes & Skinner,
/// "Adaptive, Model-Based Monitoring for Cyber Attack Detection", RAID 2000).
///
/// `SessionModel` has hypotheses, leaves and first tables; the rows of normal sessions adapt to the
/// segment, those of attacks to what the specific detectors report. A burst that an attack explains
/// best waits for `session-class.hold`: when another engine reports its client, that report stands
/// and the burst's states teach the attack's row; only what nobody else explains is told.
struct SessionClasses: FlowReader {
  static let belief = EngineLimit(
    "session-class.belief", 0.95, .ratio, "Belief in attacks from which a burst counts as one.")
  static let inferences = EngineLimit(
    "session-class.inferences", 3, .count, "Inferences in a row that must agree on that.")
  static let events = EngineLimit(
    "session-class.events", 24, .count, "Connections of a burst below which nothing is told.")
  static let hold = EngineLimit(
    "session-class.hold", 90, .duration,
    "How long a verdict waits for another engine's report of the same client.")
  static let pause = EngineLimit(
    "session-class.pause", 60, .duration, "Silence after which a client's burst is over.")
  static let memory = EngineLimit(
    "session-class.memory", 3600, .duration,
    "How long a client that another engine has reported needs no verdict.")
  static let clients = EngineLimit(
    "session-class.clients", 2048, .count, "Bursts followed at once; about 500 bytes each.")
  static let limits = [belief, inferences, events, hold, pause, memory, clients]

  /// Connections, or time, between two inferences of a burst.
  private static let stride: UInt32 = 16
  private static let strideTime = TimeSpan.seconds(10)
  /// Event time over which distinct addresses, services and outcomes are counted together.
  private static let piece = TimeSpan.minutes(2)
  /// Share of the prior in π of the next inference: what the same burst shows again is hardly new.
  private static let relaxation = 0.7
  /// Belief from which a burst teaches the row of a normal session, and its least size.
  private static let teachingBelief = 0.9
  private static let teachingEvents: UInt32 = 8

  private let beliefLimit: Double
  private let inferenceLimit: Int
  private let eventLimit: UInt32
  private let holdSpan: TimeSpan
  private let pauseSpan: TimeSpan
  private let memorySpan: TimeSpan
  private var bursts: BoundedTable<SessionBurst>
  /// When another engine last told of a client.
  private var explained: BoundedTable<CaptureTime>
  /// Hashes of the last lone failures of strangers.
  private var strangers = [UInt32](repeating: 0, count: 4096)
  private(set) var model = NaiveBayes(
    prior: SessionModel.prior, tables: SessionModel.tables, weight: SessionModel.weight)
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    beliefLimit = limits[Self.belief]
    inferenceLimit = max(limits.count(Self.inferences), 1)
    eventLimit = UInt32(clamping: limits.count(Self.events))
    holdSpan = limits.span(Self.hold)
    pauseSpan = limits.span(Self.pause)
    memorySpan = limits.span(Self.memory)
    let capacity = limits.count(Self.clients)
    bursts = BoundedTable(capacity: capacity, empty: SessionBurst())
    explained = BoundedTable(capacity: capacity, empty: .distantPast)
  }

  var interest: EventClasses { .flow(.established, .refused, .unanswered, .closed, over: .tcp) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == .tcp else { return }
    switch event.pointee.kind {
    case .established, .refused, .unanswered:
      begin(
        event,
        outcome: event.pointee.kind == .established ? nil : event.pointee.kind == .refused ? 1 : 2)
    case .closed:
      guard event.pointee.isEstablished else { return }
      let slot = bursts.find(TableKey(event.pointee.source))
      if slot >= 0 { bursts[slot].end(event) }
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    for slot in bursts.slots {
      if bursts[slot].due <= now { tell(slot, at: now, into: &sink) }
      nextDeadline = min(nextDeadline, bursts[slot].due)
    }
  }
}

// MARK: - Bursts

extension SessionClasses {
  @inline(__always) private mutating func begin(_ event: UnsafePointer<FlowEvent>, outcome: Int?) {
    let key = TableKey(event.pointee.source)
    var slot = bursts.find(key)
    if slot < 0 {
      // One failure of a stranger, such as a forged source, is no burst.
      if outcome != nil, !isSecondFailure(key.hash) { return }
      slot = bursts.admit(
        key, asOf: event.pointee.time,
        until: outcome == nil ? event.pointee.time + pauseSpan : event.pointee.time)
      guard slot >= 0 else { return }
    } else if event.pointee.time - bursts[slot].last > pauseSpan, bursts[slot].due == .distantFuture
    {
      finish(slot)
    }
    if bursts[slot].total == 0 {
      bursts[slot].begun = event.pointee.opened
      bursts[slot].last = event.pointee.time
      bursts[slot].judged = event.pointee.time
      bursts[slot].counted = event.pointee.time
    } else if event.pointee.time - bursts[slot].counted > Self.piece,
      bursts[slot].due == .distantFuture
    {
      bursts[slot].continueAnew(at: event.pointee.time)
    }
    bursts[slot].fade(to: event.pointee.time)
    bursts[slot].begin(event, outcome: outcome)
    if bursts[slot].total & 15 == 0 { bursts.keep(slot, until: event.pointee.time + pauseSpan) }
    let fresh = bursts[slot].total &- bursts[slot].judgedTotal
    if fresh >= Self.stride
      || (fresh >= 4 && event.pointee.time - bursts[slot].judged >= Self.strideTime)
    {
      infer(slot, at: event.pointee.time)
    }
  }

  private mutating func isSecondFailure(_ hash: UInt64) -> Bool {
    let place = Int(truncatingIfNeeded: hash & 4095)
    let tag = UInt32(truncatingIfNeeded: hash >> 32)
    defer { strangers[place] = tag }
    return strangers[place] == tag
  }

  /// A burst is over: a normal one teaches.
  private mutating func finish(_ slot: Int) {
    let burst = bursts[slot]
    bursts[slot] = SessionBurst()
    guard burst.total >= Self.teachingEvents, !burst.belief.isEmpty,
      let best = burst.belief.indices.max(by: { burst.belief[$0] < burst.belief[$1] }),
      burst.belief[best] >= Self.teachingBelief,
      SessionModel.Hypothesis(rawValue: best)?.isAttack == false
    else { return }
    model.learn(hypothesis: best, states: burst.states)
  }

  private mutating func infer(_ slot: Int, at now: CaptureTime) {
    let states = bursts[slot].observed()
    let before = bursts[slot].belief
    let support = before.isEmpty ? model.prior : model.relaxed(before, by: Self.relaxation)
    let belief = model.belief(support, states: states)
    bursts[slot].belief = belief
    bursts[slot].states = states
    bursts[slot].judged = now
    bursts[slot].judgedTotal = bursts[slot].total
    guard Self.attack(belief) >= beliefLimit else {
      bursts[slot].wins = 0
      bursts[slot].since = .distantPast
      return
    }
    bursts[slot].wins += 1
    if bursts[slot].since == .distantPast { bursts[slot].since = bursts[slot].begun }
    guard bursts[slot].wins >= inferenceLimit, bursts[slot].total >= eventLimit,
      bursts[slot].due == .distantFuture, !bursts[slot].thread.isOpen
    else { return }
    bursts[slot].due = now + holdSpan
    bursts.keep(slot, until: now + holdSpan + pauseSpan)
    nextDeadline = min(nextDeadline, bursts[slot].due)
  }

  private static func attack(_ belief: [Double]) -> Double {
    belief[SessionModel.Hypothesis.dictionary.rawValue...].reduce(0, +)
  }
}

// MARK: - Reports

extension SessionClasses {
  /// Verdicts that by themselves prove little: a pool of connections, forged sources, anything odd.
  private static let informational: Set<SessionModel.Hypothesis> = [
    .processTable, .synFlood, .otherAttack,
  ]

  /// Connections per service from which on somebody asks again rather than around, and how many
  /// services one comes back to so at most.
  private static let rounds = 4.0
  private static let acquaintances = 48.0

  /// Whoever comes back to the same services, refused or not, knows them; so does whoever reaches most
  /// of the hosts that he turns to: a mail server delivers to hosts of which some are gone.
  private static func provesLittle(
    _ hypothesis: SessionModel.Hypothesis, _ burst: SessionBurst
  ) -> Bool {
    if informational.contains(hypothesis) { return true }
    guard hypothesis == .ipSweep || hypothesis == .portSweep else { return false }
    // Services are counted anew in a long burst, addresses with them.
    let (begun, doors) = (Double(burst.services.wrappedSum()), max(burst.ports.value, 1))
    if doors <= acquaintances, begun >= rounds * doors { return true }
    return hypothesis == .ipSweep && 2 * burst.failed < burst.total
  }

  private mutating func tell(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    bursts[slot].due = .distantFuture
    let key = bursts.key(slot)
    let burst = bursts[slot]
    guard !isExplained(key, at: now), !isExplained(TableKey(burst.target), at: now),
      let best = burst.belief.indices.max(by: { burst.belief[$0] < burst.belief[$1] }),
      let hypothesis = SessionModel.Hypothesis(rawValue: best), hypothesis.isAttack
    else { return }
    var report = sink.opening(
      .profileAnomaly, subject: "session class of \(key.address)", first: burst.begun,
      last: burst.last, at: now,
      severity: Self.provesLittle(hypothesis, burst) ? Report.informationalSeverity : 3,
      confidence: 0.6 * Self.attack(burst.belief))
    report.sources.insert(key.address)
    report.transport = .tcp
    if burst.addresses.value < 1.5 { report.targets.insert(burst.target) }
    if burst.ports.value < 1.5 { report.ports = [burst.targetPort] }
    report.attributes = [
      "feature": .text("session-class"), "technique": .text("session-class"),
      "hypothesis": .text(hypothesis.name), "value": .ratio(burst.belief[best]),
      "usual": .ratio(model.prior[best]),
    ]
    report.evidence = [sink.evidence((0..<8).map { burst.packets[$0] }.filter { $0 > 0 })]
    report.terms = [
      Term("belief in attacks", Self.attack(burst.belief), threshold: beliefLimit),
      Term("agreeing inferences", Double(burst.wins), threshold: Double(inferenceLimit)),
      Term("connections", Double(burst.total), threshold: Double(eventLimit)),
      Term("failed connections", Double(burst.failed)),
      Term("addresses", burst.addresses.value.rounded()),
      Term("addresses and ports", burst.ports.value.rounded()),
    ]
    for hypothesis in SessionModel.Hypothesis.allCases {
      let belief = burst.belief[hypothesis.rawValue]
      if belief >= 0.01 { report.terms.append(Term("belief in \(hypothesis.name)", belief)) }
    }
    bursts[slot].thread.emit(report, count: UInt64(burst.total), at: now, into: &sink)
  }

  private func isExplained(_ key: TableKey, at now: CaptureTime) -> Bool {
    let slot = explained.find(key)
    return slot >= 0 && now - explained[slot] <= memorySpan
  }
}

extension SessionClasses {
  mutating func hear(_ report: Report, into sink: inout ReportSink) {
    guard report.namesAttack else { return }
    for set in [report.sources, report.targets] {
      for prefix in set.listed where prefix.isHost { explain(TableKey(prefix.base), report) }
    }
    guard let hypothesis = Self.hypothesis(of: report) else { return }
    for prefix in report.sources.listed where prefix.isHost {
      let slot = bursts.find(TableKey(prefix.base))
      // Once per report, and only what the model took for an attack of some sort itself.
      guard slot >= 0, report.revision == 0, bursts[slot].wins > 0 else { continue }
      model.learn(hypothesis: hypothesis.rawValue, states: bursts[slot].states)
    }
  }

  private mutating func explain(_ key: TableKey, _ report: Report) {
    let slot = explained.admit(key, asOf: report.emitted, until: report.emitted + memorySpan)
    guard slot >= 0 else { return }
    explained[slot] = report.emitted
    explained.keep(slot, until: report.emitted + memorySpan)
  }

  /// What a specific detector's report is to the model; nil where it has no such hypothesis.
  static func hypothesis(of report: Report) -> SessionModel.Hypothesis? {
    switch report.kind {
    case .portScan, .slowScan: report.targets.count > 4 ? .ipSweep : .portSweep
    case .pingSweep: .ipSweep
    case .bruteForce: .dictionary
    case .synFlood: .synFlood
    case .slowHTTP: .processTable
    default: nil
    }
  }
}

extension SessionClasses: LossCounting {
  var losses: UInt64 { bursts.refusedCount &+ explained.refusedCount }
}

// MARK: - Learned state

extension SessionClasses: LearningEngine {
  var learnedName: String { "session-classes" }

  func encode(into writer: inout StateWriter) { model.encode(into: &writer) }

  mutating func restore(from reader: inout StateReader) throws(StateFault) {
    model = try model.restored(from: &reader)
  }
}
