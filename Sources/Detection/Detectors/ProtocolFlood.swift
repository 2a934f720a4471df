import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are sent many packets of other IP protocols than TCP, UDP and ICMP and answer
/// few: SCTP openings, raw IP.
///
/// A tunnel is one flow that goes on, answered or not. Packets that open flow after flow, or that
/// the target refuses, make a flood at `protocol-flood.rate`; one unanswered flow only at
/// `protocol-flood.stream-rate`.
struct ProtocolFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "protocol-flood.rate", 80, .rate,
    "Unanswered packets per second of another protocol, at one host, that make a flood.")
  static let streamRate = EngineLimit(
    "protocol-flood.stream-rate", 5000, .rate,
    "The same for packets of few flows that are not refused.")
  static let factor = EngineLimit(
    "protocol-flood.factor", 4, .count, "Times its learnt rate that a host's packets must exceed.")
  static let answers = EngineLimit(
    "protocol-flood.answers", 0.25, .ratio, "Highest share of packets answered in a flood.")
  static let targets = EngineLimit(
    "protocol-flood.targets", 1024, .count, "Hosts measured at once.")
  static let quiet = EngineLimit(
    "protocol-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "protocol-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, streamRate, factor, answers, targets, quiet, spacing]

  var judge: FloodJudge
  private let answerLimit: Double
  private let streamLimit: Double

  init(_ context: DetectionContext) {
    let limits = context.limits
    answerLimit = limits[Self.answers]
    streamLimit = limits[Self.streamRate]
    judge = FloodJudge(
      kind: .udpFlood, severity: 6, transport: .sctp, unit: "packets/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses {
    .flow(.opened, .established, .refused, .progress, .closed, over: .sctp, .other)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let group = FlowEvent.TransportGroup(event.pointee.transport)
    guard group == .sctp || group == .other && event.pointee.probe == .ip,
      event.pointee.kind != .unanswered,
      event.pointee.kind.rawValue <= FlowEvent.Kind.closed.rawValue,
      !event.pointee.target.isMulticast,
      !event.pointee.target.isLimitedBroadcast
    else { return }
    var load = FloodMeter.Load()
    load.requests = event.pointee.packetsOut
    load.answers = event.pointee.packetsIn
    load.bytes = event.pointee.bytesOut
    if event.pointee.kind == .opened { load.flows = 1 }
    if event.pointee.kind == .refused { load.refusals = 1 }
    guard load.requests > 0 || load.answers > 0 || load.refusals > 0 else { return }
    // By protocol: a scan tries many, a flood is of one.
    let key = TableKey(event.pointee.target, detail: UInt64(event.pointee.transport.number) << 16)
    let entry = judge.meter.add(load, to: key, at: event.pointee.time)
    if entry.isDue {
      weigh(entry.slot, event.pointee.transport, at: event.pointee.time, into: &sink)
    }
    judge.meter.detail(
      load, event.pointee.source, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  private mutating func weigh(
    _ slot: Int, _ transport: TransportProtocol, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let rates = judge.meter.rates(slot, at: now)
    let answered = min(1, rates.answers / max(rates.requests, 0.001))
    let isRefused = now - judge.meter.refused(slot) <= UdpFlood.refusalSpan
    let spreads = rates.flows >= 0.2 * rates.requests || isRefused
    var label = FloodMeter.Label()
    label.technique = transport == .sctp ? "sctp" : "ip-protocol"
    label.transport = transport
    judge.judge(
      slot, rate: rates.requests, answeredShare: answered,
      isOneSided: answered <= answerLimit && (spreads || rates.requests >= streamLimit),
      label: label, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
