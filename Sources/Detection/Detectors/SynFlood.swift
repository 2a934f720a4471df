import Analysis
import Flows
import Reports
import Terms

/// Finds services that are sent many TCP openings which are never completed, whoever claims to send
/// them.
///
/// A flash crowd completes its handshakes, a scan meets each port once: only openings of one port
/// that stay half open count, per second, against a constant and the service's own past. Clients of a
/// server that is gone leave openings, too; what they never leave is its answers (SYN/ACK): where
/// those are not taken up, fewer make a flood.
struct SynFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "syn-flood.rate", 30, .rate,
    "Uncompleted TCP openings per second at one port that make a flood.")
  static let halfOpenRate = EngineLimit(
    "syn-flood.half-open-rate", 10, .rate,
    "The same where the target answers nearly all of them and is left waiting.")
  static let factor = EngineLimit(
    "syn-flood.factor", 4, .count,
    "Times its learnt rate that a port's uncompleted openings must exceed.")
  static let share = EngineLimit(
    "syn-flood.share", 0.4, .ratio, "Least share of openings that are not completed.")
  static let targets = EngineLimit(
    "syn-flood.targets", 4096, .count, "Ports measured at once.")
  static let quiet = EngineLimit(
    "syn-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "syn-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, halfOpenRate, factor, share, targets, quiet, spacing]

  var judge: FloodJudge
  private let shareLimit: Double
  private let halfOpenLimit: Double

  /// Least share of the unfinished openings that the target answered, for `halfOpenRate`.
  static let acceptedShare = 0.7

  init(_ context: DetectionContext) {
    let limits = context.limits
    shareLimit = limits[Self.share]
    halfOpenLimit = min(max(limits[Self.halfOpenRate], 1), max(limits[Self.rate], 1))
    judge = FloodJudge(
      kind: .synFlood, severity: 7, transport: .tcp, unit: "openings/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses {
    .flow(.opened, .established, .refused, .progress, .closed, over: .tcp)
  }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.kind == .opened, event.pointee.probe == .syn else { return }
    judge.meter.foresee(Self.key(event))
  }

  @inline(__always) private static func key(_ event: UnsafePointer<FlowEvent>) -> TableKey {
    TableKey(event.pointee.target, detail: UInt64(event.pointee.targetPort))
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.probe == .syn else { return }
    var load = FloodMeter.Load()
    switch event.pointee.kind {
    case .opened:
      load.requests = 1
      load.flows = 1
      load.bytes = event.pointee.bytesOut
    case .established: load.answers = 1
    case .refused: load.refusals = 1
    case .progress, .closed:
      if Self.isRepeated(event) {
        // Beside each opening, perhaps, the reset of a system that knows nothing of it.
        load.requests = event.pointee.packetsOut / 2
        load.halfOpen = min(event.pointee.packetsIn, load.requests)
      } else {
        guard Self.isLeftWaiting(event) else { return }
        load.halfOpen = 1
      }
    default: return
    }
    let entry = judge.meter.add(load, to: Self.key(event), at: event.pointee.time)
    if entry.isDue { weigh(entry.slot, at: event.pointee.time, into: &sink) }
    judge.meter.detail(
      load, event.pointee.source, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  /// Whether this is the first word of the target since the opening, and the handshake not done: a
  /// second after it was asked, or when the source let go.
  @inline(__always) private static func isLeftWaiting(_ event: UnsafePointer<FlowEvent>) -> Bool {
    !event.pointee.isEstablished && event.pointee.packetsIn > 0
      && event.pointee.packetsIn == event.pointee.totalPacketsIn
      && event.pointee.payloadIn == 0 && event.pointee.ending != .refused
  }

  /// Openings of one flow since the last word of it from which a tool repeats one packet: a system
  /// that gets no answer sends seven in two minutes (RFC 6298, 5).
  private static let repeatedPackets: UInt32 = 16

  /// Whether the same opening came again and again, from one port and with one number, and nothing
  /// else.
  @inline(__always) private static func isRepeated(_ event: UnsafePointer<FlowEvent>) -> Bool {
    event.pointee.packetsOut >= repeatedPackets && !event.pointee.isEstablished
      && event.pointee.payloadOut == 0
  }

  mutating func reweigh(
    _ slot: Int, _ key: TableKey, at now: CaptureTime, into sink: inout ReportSink
  ) {
    weigh(slot, at: now, into: &sink)
  }

  private mutating func weigh(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let rates = judge.meter.rates(slot, at: now)
    // A refused opening is over: it costs the target a packet, not a place in its queue. Four of
    // them weigh as one.
    let unfinished = max(0, rates.requests - rates.answers - rates.refusals * 0.75)
    let completed = min(1, rates.answers / max(rates.requests, 0.001))
    let isAccepted = rates.halfOpen >= Self.acceptedShare * max(unfinished, halfOpenLimit)
    judge.judge(
      slot, rate: unfinished, least: isAccepted ? halfOpenLimit : nil, answeredShare: completed,
      isOneSided: 1 - completed >= shareLimit, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
