import Analysis
import Dispatch
import Flows
import Reports
import Signatures
import Synchronization
import Terms

/// What the workers of one pipeline share: flow engines, their merged events, and the detectors.
///
/// A round has three steps. Each worker runs its own flow engine over its frames; the last one to be
/// through merges the events; then the workers take one group of detectors after the other, so that
/// each detector sees all its events in order. So the reports are those of one worker.
///
/// Unchecked, because no lock guards the parts: a flow engine and a round's frames are their
/// worker's until all have arrived, the merge is the last one's, a group is whose number came up,
/// and everything is the owner's while no round is running.
final class SharedAnalysis: @unchecked Sendable {
  /// What a round does with the flow engines.
  enum Order {
    /// Take in the frames of this set, then move to a time.
    case frames(set: Int, through: CaptureTime)
    /// Close the flows that opened with packets up to this one.
    case close(through: UInt64)
    /// Nothing: no event will come any more.
    case rest
  }

  private let workers: Int
  private let engines: UnsafeMutableBufferPointer<FlowEngine>
  /// Two sets, one to be filled while the other is worked on; in a set one for each worker.
  private let rounds: UnsafeMutableBufferPointer<FrameRound>
  /// The events of the round at hand and of the one before, in turns.
  private let merged: UnsafeMutableBufferPointer<MergedEvents>
  private var turn = 0
  private var detectors: SharedEngines<FlowEvent>
  private var sessionDetectors: SharedEngines<SessionEvent>
  private var signatures: SharedSignatures?
  private var order = Order.rest
  private var deadline = CaptureTime.distantPast

  private let arrived = Atomic<Int>(0)
  private let gate = DispatchSemaphore(value: 0)
  private let tasks = TaskRow()

  init(
    workers: Int, limits: FlowLimits, sink: ReportSink,
    engines detectors: [any AnalysisEngine<FlowEvent>],
    sessionEngines: [any AnalysisEngine<SessionEvent>], context: DetectionContext
  ) {
    self.workers = workers
    engines = .allocate(capacity: workers)
    for index in 0..<workers {
      engines.initializeElement(at: index, to: FlowEngine(limits: limits.share(of: workers)))
    }
    merged = .allocate(capacity: 2)
    for index in 0..<2 { merged.initializeElement(at: index, to: MergedEvents()) }
    rounds = .allocate(capacity: workers * 2)
    for index in 0..<workers * 2 { rounds.initializeElement(at: index, to: FrameRound()) }
    self.detectors = SharedEngines(detectors, workers: workers, sink: sink)
    sessionDetectors = SharedEngines(sessionEngines, workers: workers, sink: sink)
    signatures = context.signatures.map {
      SharedSignatures($0, context, sink: sink, to: engines)
    }
  }

  deinit {
    engines.deinitialize()
    engines.deallocate()
    rounds.deinitialize()
    rounds.deallocate()
    merged.deinitialize()
    merged.deallocate()
  }

  // MARK: The owner's

  /// Room for the frames of each worker, in one of the sets that no round is working on.
  @inline(__always) func frames(set: Int) -> UnsafeMutablePointer<FrameRound> {
    // The buffer has a base: it was allocated for at least two.
    rounds.baseAddress.unsafelyUnwrapped + set * workers
  }

  /// Says what the next round does, and through which time detectors' deadlines run after it.
  func prepare(_ order: Order, deadlinesThrough deadline: CaptureTime) {
    self.order = order
    self.deadline = deadline
    turn = 1 - turn
    arrived.store(0, ordering: .relaxed)
    tasks.lay(out: sessionDetectors.groups.count + detectors.groups.count + 1)
  }

  /// When the last first contact of any engine must have been answered.
  var lastDeadline: CaptureTime? { engines.indices.compactMap { engines[$0].lastDeadline }.max() }

  /// The packet through which flows close next; nil when all are closed.
  func closingMark(batch: Int) -> UInt64? {
    engines.indices.compactMap { engines[$0].closingMark(batch: batch) }.min()
  }

  /// What the engines count, with what their intake knows.
  func statistics(_ intake: borrowing SharedIntake) -> FlowStatistics {
    intake.statistics(of: engines)
  }

  var losses: UInt64 {
    detectors.losses &+ sessionDetectors.losses &+ (signatures?.losses ?? 0)
  }
  var signatureStatistics: SignatureStatistics? { signatures?.statistics }
  var eventCounts: (flows: UInt64, sessions: UInt64) {
    (detectors.eventCount, sessionDetectors.eventCount)
  }

  func drainReports() -> [Report] {
    detectors.drainReports() + sessionDetectors.drainReports()
      + (signatures?.drainReports() ?? [])
  }

  /// Lends the flow events of the round at hand, which must be over, or of the one before.
  func withFlowEvents(ofPrevious isPrevious: Bool, _ body: (UnsafeBufferPointer<FlowEvent>) -> Void)
  {
    merged[isPrevious ? 1 - turn : turn].withEvents { flows, _ in body(flows) }
  }

  // MARK: The workers'

  func work(as worker: Int) {
    switch order {
    case .frames(let set, let time):
      rounds[set * workers + worker].drain(into: &engines[worker])
      engines[worker].advance(to: time)
    case .close(let packet): engines[worker].close(through: packet)
    case .rest: break
    }
    if arrived.add(1, ordering: .acquiringAndReleasing).newValue == workers {
      merge()
      for _ in 1..<workers { gate.signal() }
    } else {
      gate.wait()
    }
    merged[turn].withEvents { flows, sessions in detect(worker, flows, sessions) }
  }

  private func merge() {
    FlowEngine.merge(engines, into: &merged[turn])
    signatures?.merge()
    merged[turn].withEvents { flows, sessions in
      detectors.count(flows)
      sessionDetectors.count(sessions)
    }
  }

  /// Session events hold references, which two threads that count them at once slow down; so some
  /// workers begin with the session engines, the others with the flow engines.
  private func detect(
    _ worker: Int, _ flows: UnsafeBufferPointer<FlowEvent>,
    _ sessions: UnsafeBufferPointer<SessionEvent>
  ) {
    let count = sessionDetectors.groups.count
    let signatureTask = count + detectors.groups.count
    while let task = tasks.next(fromBehind: worker % 2 == 1) {
      if task < count {
        sessionDetectors.groups[task].take(sessions, deadlinesThrough: deadline)
      } else if task < signatureTask {
        detectors.groups[task - count].take(flows, deadlinesThrough: deadline)
      } else {
        signatures?.take(deadlinesThrough: deadline)
      }
    }
  }
}

/// Tasks in a row, taken from both ends until they meet.
private final class TaskRow: Sendable {
  private let count = Atomic<Int>(0)
  private let claimed = Atomic<Int>(0)
  private let fromFront = Atomic<Int>(0)
  private let fromBehind = Atomic<Int>(0)

  /// A new row; nobody may be taking from the old one.
  func lay(out newCount: Int) {
    count.store(newCount, ordering: .relaxed)
    claimed.store(0, ordering: .relaxed)
    fromFront.store(0, ordering: .relaxed)
    fromBehind.store(0, ordering: .relaxed)
  }

  /// A task that nobody else gets: as many are claimed as there are, so the ends never cross.
  func next(fromBehind isTurned: Bool) -> Int? {
    let total = count.load(ordering: .relaxed)
    guard claimed.add(1, ordering: .relaxed).oldValue < total else { return nil }
    if isTurned { return total - fromBehind.add(1, ordering: .relaxed).newValue }
    return fromFront.add(1, ordering: .relaxed).oldValue
  }
}
