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
  private var sink: ReportSink
  /// Reports that wait for the watermark to pass them.
  private var waiting: [Report] = []
  /// No later report is emitted at or before this time; `.distantFuture` after `finish`.
  public private(set) var watermark = CaptureTime.distantPast

  /// - Parameters:
  ///   - engines: the catalogue's detectors where nil.
  ///   - sessionEngines: those of `SessionCatalog` where both are nil, none where only they are.
  public init(
    sink: ReportSink, context: DetectionContext, engines: [any AnalysisEngine<FlowEvent>]? = nil,
    sessionEngines: [any AnalysisEngine<SessionEvent>]? = nil
  ) {
    flows = FlowEngine(limits: FlowLimits(context.limits))
    self.engines = EngineGroup(
      engines ?? (sessionEngines == nil ? DetectorCatalog.engines(context) : []))
    self.sessionEngines = EngineGroup(
      sessionEngines ?? (engines == nil ? SessionCatalog.engines(context) : []))
    self.sink = sink
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
    engines.losses &+ sessionEngines.losses &+ (signatures?.losses ?? 0)
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
    watermark = .distantFuture
  }

  /// Hands over the reports up to the watermark, ordered by emission, id and revision.
  public mutating func drainReports() -> [Report] {
    waiting += sink.drain()
    guard !waiting.isEmpty else { return [] }
    waiting.sort {
      if $0.emitted != $1.emitted { return $0.emitted < $1.emitted }
      return ($0.id, $0.revision) < ($1.id, $1.revision)
    }
    let due = waiting.firstIndex { $0.emitted > watermark } ?? waiting.count
    defer { waiting.removeFirst(due) }
    return Array(waiting[..<due])
  }

  /// Gives the waiting events to the engines that want them.
  private mutating func deliver() {
    flows.sessionEvents.withUnsafeBufferPointer { sessionEngines.take($0, into: &sink) }
    flows.clearSessionEvents()
    engines.take(flows.events, into: &sink)
    flows.clearEvents()
    signatures?.deliver(into: &sink)
  }

  /// Runs the deadlines that event time has passed. Events of this very instant may still come, so
  /// the watermark stays a nanosecond behind.
  private mutating func settle() {
    let now = flows.time
    guard now > .distantPast, watermark < .distantFuture else { return }
    engines.runDeadlines(through: now, into: &sink)
    sessionEngines.runDeadlines(through: now, into: &sink)
    signatures?.runDeadlines(through: now, into: &sink)
    watermark = max(watermark, now - TimeSpan(nanoseconds: 1))
  }
}
