import Analysis
import Flows
import Packets
import Reports
import Signatures
import Terms

/// One segment's whole analysis: frames in, reports out. Owns the flow engine, the detectors and
/// their sink.
///
/// What comes out depends on the frames alone, never on where `advance`, `flush` or `drainReports`
/// fall between them: a report is handed over only once nothing older can follow.
///
/// With several workers the work is done on their threads, and reports come a round later; they are
/// the same, unless a table of flows or sessions is full: each worker has its share of them.
public struct DetectionPipeline: ~Copyable {
  public static let workers = EngineLimit(
    "local.workers", 1, .count,
    "Threads that share a segment's packets; 0 for one per processor, four at most.")
  /// Most workers of one pipeline.
  public static let workerLimit = 16

  /// Where there are several workers; what stands below is then idle.
  private let shared: SharedPipeline?
  private var flows: FlowEngine
  private var engines: EngineGroup<FlowEvent>
  private var sessionEngines: EngineGroup<SessionEvent>
  /// nil without rules.
  private var signatures: SignatureStage?
  /// Those that hear what the others report, and learn.
  private var listeners: HearingGroup
  private var sink: ReportSink
  /// The listeners' own, which they do not hear.
  private var listenerSink: ReportSink
  /// Reports that wait for the watermark to pass them.
  private var waiting: [Report] = []
  /// No later report is emitted at or before this time; `.distantFuture` after `finish`.
  public private(set) var watermark = CaptureTime.distantPast

  /// - Parameters:
  ///   - engines: the catalogue's detectors where nil.
  ///   - sessionEngines: those of `SessionCatalog` where both are nil, none where only they are.
  ///   - listeners: those of `ProfileCatalog` where all three are nil, none where only they are.
  ///   - workers: threads beside the caller's; 1 for none.
  ///   - seed: keys the flow table; see `FlowLimits.seed`.
  public init(
    sink: ReportSink, context: DetectionContext, engines: [any AnalysisEngine<FlowEvent>]? = nil,
    sessionEngines: [any AnalysisEngine<SessionEvent>]? = nil,
    listeners: [any AnalysisEngine<FlowEvent>]? = nil, workers: Int = 1, seed: UInt64? = nil
  ) {
    var limits = FlowLimits(context.limits)
    if let seed { limits.seed = seed }
    let detectors = engines ?? (sessionEngines == nil ? DetectorCatalog.engines(context) : [])
    let readers = sessionEngines ?? (engines == nil ? SessionCatalog.engines(context) : [])
    let isWhole = engines == nil && sessionEngines == nil
    let hearers = HearingGroup(listeners ?? (isWhole ? ProfileCatalog.engines(context) : []))
    let isShared = workers > 1 && context.signatures?.isShareable ?? true
    shared =
      isShared
      ? SharedPipeline(
        workers: min(workers, Self.workerLimit), limits: limits, sink: sink, engines: detectors,
        sessionEngines: readers, listeners: hearers, context: context) : nil
    flows = FlowEngine(limits: isShared ? limits.share(of: .max) : limits)
    self.engines = EngineGroup(isShared ? [] : detectors)
    self.sessionEngines = EngineGroup(isShared ? [] : readers)
    self.listeners = isShared ? HearingGroup([]) : hearers
    self.sink = sink
    listenerSink = sink
    if !isShared, let rules = context.signatures {
      signatures = SignatureStage(rules, context, to: &flows)
    }
  }

  /// Losses and counts of the flow engine.
  public var statistics: FlowStatistics { shared?.statistics ?? flows.statistics }

  /// Flow events, and session events, that were there for the engines so far.
  public var eventCount: UInt64 { shared?.eventCounts.flows ?? engines.eventCount }
  public var sessionEventCount: UInt64 {
    shared?.eventCounts.sessions ?? sessionEngines.eventCount
  }

  /// What the detectors' bounded tables turned away so far, summed over all engines.
  public var losses: UInt64 {
    shared?.losses
      ?? (engines.losses &+ sessionEngines.losses &+ listeners.losses
        &+ (signatures?.losses ?? 0))
  }

  /// What the signature engine did; nil without rules.
  public var signatureStatistics: SignatureStatistics? {
    shared?.signatureStatistics ?? signatures?.statistics
  }

  /// Event time reached by the engines.
  public var time: CaptureTime { shared?.time ?? flows.time }

  /// Takes in the next frame; see `FlowEngine.take`.
  ///
  /// - Parameter lasts: the bytes stay where they are until the next `flush`.
  @inline(__always)
  public mutating func take(
    _ bytes: UnsafeRawBufferPointer, linkType: LinkType, wireLength: UInt32, time: CaptureTime,
    lasts: Bool = false
  ) {
    if let shared {
      return shared.take(bytes, linkType: linkType, wireLength: wireLength, time: time)
    }
    let needsDrain = flows.take(
      bytes, linkType: linkType, wireLength: wireLength, time: time, lasts: lasts)
    if needsDrain { deliver() }
  }

  /// Brings every frame taken so far to its end and moves the watermark as far as it goes.
  ///
  /// With several workers, sends the frames on their way, and moves the watermark to the end of the
  /// round before.
  public mutating func flush() {
    if let shared {
      shared.flush()
      return settle()
    }
    flows.flush()
    deliver()
    settle()
  }

  /// Says that event time has reached `time` without frames: timeouts and deadlines due by then
  /// fire.
  public mutating func advance(to time: CaptureTime) {
    if let shared {
      shared.advance(to: time)
      return settle()
    }
    flows.advance(to: time)
    deliver()
    settle()
  }

  /// Ends the capture: open flows are closed, open reports get their last revision, the watermark
  /// becomes `.distantFuture`.
  public mutating func finish() {
    if let shared {
      shared.finish()
      watermark = .distantFuture
      return
    }
    flows.finish()
    deliver()
    engines.runDeadlines(through: .distantFuture, into: &sink)
    sessionEngines.runDeadlines(through: .distantFuture, into: &sink)
    signatures?.runDeadlines(through: .distantFuture, into: &sink)
    listen(until: .distantFuture)
    listeners.runDeadlines(through: .distantFuture, into: &listenerSink)
    watermark = .distantFuture
  }

  /// Hands over the reports up to the watermark, ordered by emission, id and revision.
  public mutating func drainReports() -> [Report] {
    waiting += shared?.drainReports() ?? (sink.drain() + listenerSink.drain())
    guard !waiting.isEmpty else { return [] }
    waiting.sort(by: Report.precedes)
    let due = waiting.firstIndex { $0.emitted > watermark } ?? waiting.count
    defer { waiting.removeFirst(due) }
    return Array(waiting[..<due])
  }

  /// Gives the waiting events to the engines that want them.
  private mutating func deliver() {
    flows.sessionEvents.withUnsafeBufferPointer { sessionEngines.take($0, into: &sink) }
    flows.clearSessionEvents()
    engines.take(flows.events, into: &sink)
    signatures?.deliver(into: &sink)
    if !listeners.isEmpty {
      // What is due before this instant is told first: then no report of the past can follow.
      let past = flows.time - TimeSpan(nanoseconds: 1)
      engines.runDeadlines(through: past, into: &sink)
      sessionEngines.runDeadlines(through: past, into: &sink)
      signatures?.runDeadlines(through: past, into: &sink)
      listen(until: flows.time)
    }
    flows.clearEvents()
  }

  /// Gives the waiting events to those who hear reports, and the reports told before `now`.
  private mutating func listen(until now: CaptureTime) {
    let reports = sink.drain()
    waiting += reports
    listeners.take(
      flows.events, reports, until: now, standing: engines.standing, into: &listenerSink)
  }

  /// Runs the deadlines that event time has passed. Events of this very instant may still come, so
  /// the watermark stays a nanosecond behind.
  private mutating func settle() {
    let now = time
    guard now > .distantPast, watermark < .distantFuture else { return }
    engines.runDeadlines(through: now, into: &sink)
    sessionEngines.runDeadlines(through: now, into: &sink)
    signatures?.runDeadlines(through: now, into: &sink)
    listeners.runDeadlines(through: now, into: &listenerSink)
    watermark = max(watermark, now - TimeSpan(nanoseconds: 1))
  }
}

// MARK: - Learned state

extension DetectionPipeline {
  /// What the engines have learned of the segment, as the bytes of a file.
  public func learned() -> [UInt8] { shared?.listeners.learned() ?? listeners.learned() }

  /// Takes up, before the first frame, what `learned` gave; wholly, or at a fault not at all.
  public mutating func restore(learned bytes: [UInt8]) throws(StateFault) {
    if let shared { try shared.listeners.restore(bytes) } else { try listeners.restore(bytes) }
  }
}
