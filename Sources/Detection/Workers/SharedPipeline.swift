import Analysis
import Flows
import Packets
import Reports
import Signatures
import Terms

/// `DetectionPipeline` on several threads: the caller decodes frames and hands them out by the two
/// hosts they pass between; a crew analyses round after round.
///
/// The caller fills one round while the crew works on the one before, and waits for it when both
/// are full: nothing queues up beyond. Reports and watermark are those of the rounds that are over.
final class SharedPipeline {
  /// Flows that each worker closes in one round at the end.
  private static let closingBatch = 2048

  private let crew: WorkerCrew
  private let analysis: SharedAnalysis
  private var intake: SharedIntake
  /// The set of rounds being filled, and whether there is anything in it.
  private var filling = 0
  private var isEmpty = true
  private var isWorking = false
  /// Event time that the round being worked on has reached when it is over, and the time through
  /// which deadlines have run then.
  private var workingTime = CaptureTime.distantPast
  private var workingDeadline = CaptureTime.distantPast
  private var hasFinished = false
  /// Those that hear what the others report: the owner's thread runs them when a round is over,
  /// beside the next one.
  var listeners: HearingGroup
  private var listenerSink: ReportSink
  private var reports: [Report] = []

  /// Of the rounds that are over.
  private(set) var time = CaptureTime.distantPast
  private(set) var statistics = FlowStatistics()
  private(set) var signatureStatistics: SignatureStatistics?
  private(set) var eventCounts: (flows: UInt64, sessions: UInt64) = (0, 0)

  /// What bounded tables turned away; waits for the round being worked on.
  var losses: UInt64 {
    endRound()
    return analysis.losses &+ listeners.losses
  }

  init(
    workers: Int, limits: FlowLimits, sink: ReportSink,
    engines: [any AnalysisEngine<FlowEvent>], sessionEngines: [any AnalysisEngine<SessionEvent>],
    listeners: HearingGroup, context: DetectionContext
  ) {
    self.listeners = listeners
    listenerSink = sink
    crew = WorkerCrew(count: workers)
    intake = SharedIntake(engines: workers, limits: limits)
    analysis = SharedAnalysis(
      workers: workers, limits: limits, sink: sink, engines: engines,
      sessionEngines: sessionEngines, context: context)
  }

  deinit { if isWorking { crew.wait() } }

  func take(
    _ bytes: UnsafeRawBufferPointer, linkType: LinkType, wireLength: UInt32, time: CaptureTime
  ) {
    isEmpty = false
    let isFull = intake.take(
      bytes, linkType: linkType, wireLength: wireLength, time: time,
      into: analysis.frames(set: filling))
    if isFull { beginRound() }
  }

  /// Sends the frames taken so far on their way, unless the crew has enough to do: then they wait
  /// for more, and for the next call.
  func flush() {
    guard !isWorking || crew.isDone else { return }
    if isEmpty { endRound() } else { beginRound() }
  }

  /// Everything taken so far, and what is due by `time`, comes to its end.
  func advance(to time: CaptureTime) {
    intake.advance(to: time)
    beginRound()
    endRound()
  }

  func finish() {
    guard !hasFinished else { return }
    hasFinished = true
    beginRound()
    endRound()
    // First contacts are judged as though the capture had gone on silently, in all engines alike.
    if let last = analysis.lastDeadline {
      intake.advance(to: last)
      beginRound()
      endRound()
    }
    while let mark = analysis.closingMark(batch: Self.closingBatch) {
      begin(.close(through: mark), deadlinesThrough: workingTime)
      endRound()
    }
    begin(.rest, deadlinesThrough: .distantFuture)
    endRound()
  }

  func drainReports() -> [Report] {
    defer { reports = [] }
    return reports
  }

  private func beginRound() {
    let now = intake.newest ?? .distantPast
    begin(.frames(set: filling, through: now), deadlinesThrough: now)
    workingTime = now
    filling = 1 - filling
    isEmpty = true
  }

  /// Begins a round; what came of the one before is listened to meanwhile.
  private func begin(_ order: SharedAnalysis.Order, deadlinesThrough deadline: CaptureTime) {
    let outcome = collect()
    analysis.prepare(order, deadlinesThrough: deadline)
    workingDeadline = deadline
    isWorking = true
    crew.begin { [analysis] in analysis.work(as: $0) }
    if let outcome { listen(outcome, ofPrevious: true) }
  }

  /// Waits for the round being worked on, and listens to what came of it.
  private func endRound() {
    if let outcome = collect() { listen(outcome, ofPrevious: false) }
  }

  /// Waits for the round being worked on, and takes over what came of it.
  private func collect() -> Outcome? {
    guard isWorking else { return nil }
    crew.wait()
    isWorking = false
    statistics = analysis.statistics(intake)
    signatureStatistics = analysis.signatureStatistics
    eventCounts = analysis.eventCounts
    return Outcome(reports: analysis.drainReports(), time: workingTime, deadline: workingDeadline)
  }

  private func listen(_ outcome: Outcome, ofPrevious isPrevious: Bool) {
    time = max(time, outcome.time)
    reports += outcome.reports
    guard !listeners.isEmpty else { return }
    let end = outcome.deadline == .distantFuture ? .distantFuture : time
    analysis.withFlowEvents(ofPrevious: isPrevious) {
      listeners.take($0, outcome.reports, until: end, into: &listenerSink)
    }
    listeners.runDeadlines(through: outcome.deadline, into: &listenerSink)
    reports += listenerSink.drain()
  }
}

/// What a round has brought.
private struct Outcome {
  let reports: [Report]
  /// Event time reached, and the time through which deadlines have run.
  let time: CaptureTime
  let deadline: CaptureTime
}
