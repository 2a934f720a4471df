import Analysis
import Dispatch
import Flows
import Reports
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
  private var merged = MergedEvents()
  private var detectors: SharedEngines<FlowEvent>
  private var sessionDetectors: SharedEngines<SessionEvent>
  private var order = Order.rest
  private var deadline = CaptureTime.distantPast

  private let arrived = Atomic<Int>(0)
  private let gate = DispatchSemaphore(value: 0)
  private let nextTask = Atomic<Int>(0)

  init(
    workers: Int, limits: FlowLimits, sink: ReportSink,
    engines detectors: [any AnalysisEngine<FlowEvent>],
    sessionEngines: [any AnalysisEngine<SessionEvent>]
  ) {
    self.workers = workers
    engines = .allocate(capacity: workers)
    for index in 0..<workers {
      engines.initializeElement(at: index, to: FlowEngine(limits: limits.share(of: workers)))
    }
    rounds = .allocate(capacity: workers * 2)
    for index in 0..<workers * 2 { rounds.initializeElement(at: index, to: FrameRound()) }
    self.detectors = SharedEngines(detectors, workers: workers, sink: sink)
    sessionDetectors = SharedEngines(sessionEngines, workers: workers, sink: sink)
  }

  deinit {
    engines.deinitialize()
    engines.deallocate()
    rounds.deinitialize()
    rounds.deallocate()
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
    arrived.store(0, ordering: .relaxed)
    nextTask.store(0, ordering: .relaxed)
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

  var losses: UInt64 { detectors.losses &+ sessionDetectors.losses }
  var eventCounts: (flows: UInt64, sessions: UInt64) {
    (detectors.eventCount, sessionDetectors.eventCount)
  }

  func drainReports() -> [Report] {
    detectors.drainReports() + sessionDetectors.drainReports()
  }

  /// Lends the flow events of the round that is over.
  func withFlowEvents(_ body: (UnsafeBufferPointer<FlowEvent>) -> Void) {
    merged.withEvents { flows, _ in body(flows) }
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
    merged.withEvents { flows, sessions in detect(flows, sessions) }
  }

  private func merge() {
    FlowEngine.merge(engines, into: &merged)
    merged.withEvents { flows, sessions in
      detectors.count(flows)
      sessionDetectors.count(sessions)
    }
  }

  private func detect(
    _ flows: UnsafeBufferPointer<FlowEvent>, _ sessions: UnsafeBufferPointer<SessionEvent>
  ) {
    let count = sessionDetectors.groups.count
    while true {
      let task = nextTask.add(1, ordering: .relaxed).oldValue
      if task < count {
        sessionDetectors.groups[task].take(sessions, deadlinesThrough: deadline)
      } else if task - count < detectors.groups.count {
        detectors.groups[task - count].take(flows, deadlinesThrough: deadline)
      } else {
        return
      }
    }
  }
}
