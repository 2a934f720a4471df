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
public struct DetectionPipeline: ~Copyable {
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
  ///   - seed: keys the flow table; see `FlowLimits.seed`.
  public init(
    sink: ReportSink, context: DetectionContext, engines: [any AnalysisEngine<FlowEvent>]? = nil,
    sessionEngines: [any AnalysisEngine<SessionEvent>]? = nil,
    listeners: [any AnalysisEngine<FlowEvent>]? = nil, seed: UInt64? = nil
  ) {
    var limits = FlowLimits(context.limits)
    if let seed { limits.seed = seed }
    flows = FlowEngine(limits: limits)
    self.engines = EngineGroup(
      engines ?? (sessionEngines == nil ? DetectorCatalog.engines(context) : []))
    self.sessionEngines = EngineGroup(
      sessionEngines ?? (engines == nil ? SessionCatalog.engines(context) : []))
    let isWhole = engines == nil && sessionEngines == nil
    self.listeners = HearingGroup(
      listeners ?? (isWhole ? ProfileCatalog.engines(context) : []))
    self.sink = sink
    listenerSink = sink
    if let rules = context.signatures {
      signatures = SignatureStage(rules, context, to: &flows)
    }
  }

  /// Losses and counts of the flow engine.
  public var statistics: FlowStatistics { flows.statistics }

  /// Flow events, and session events, that were there for the engines so far.
  public var eventCount: UInt64 { engines.eventCount }
  public var sessionEventCount: UInt64 { sessionEngines.eventCount }

  /// What the detectors' bounded tables turned away so far, summed over all engines.
  public var losses: UInt64 {
    engines.losses &+ sessionEngines.losses &+ listeners.losses &+ (signatures?.losses ?? 0)
  }

  /// What the signature engine did; nil without rules.
  public var signatureStatistics: SignatureStatistics? { signatures?.statistics }

  /// Event time reached by the engines.
  public var time: CaptureTime { flows.time }

  /// Takes in the next frame; see `FlowEngine.take`.
  @inline(__always)
  public mutating func take(
    _ bytes: UnsafeRawBufferPointer, linkType: LinkType, wireLength: UInt32, time: CaptureTime
  ) {
    let needsDrain = flows.take(
      bytes, linkType: linkType, wireLength: wireLength, time: time)
    if needsDrain { deliver() }
  }

  /// Brings every frame taken so far to its end and moves the watermark as far as it goes.
  public mutating func flush() {
    flows.flush()
    deliver()
    settle()
  }

  /// Says that event time has reached `time` without frames: timeouts and deadlines due by then
  /// fire.
  public mutating func advance(to time: CaptureTime) {
    flows.advance(to: time)
    deliver()
    settle()
  }

  /// Ends the capture: open flows are closed, open reports get their last revision, the watermark
  /// becomes `.distantFuture`.
  public mutating func finish() {
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
    waiting += sink.drain() + listenerSink.drain()
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
    listeners.take(flows.events, reports, until: now, into: &listenerSink)
  }

  /// Runs the deadlines that event time has passed. Events of this very instant may still come, so
  /// the watermark stays a nanosecond behind.
  private mutating func settle() {
    let now = flows.time
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
  public func learned() -> [UInt8] { listeners.learned() }

  /// Takes up, before the first frame, what `learned` gave; wholly, or at a fault not at all.
  public mutating func restore(learned bytes: [UInt8]) throws(StateFault) {
    try listeners.restore(bytes)
  }
}
