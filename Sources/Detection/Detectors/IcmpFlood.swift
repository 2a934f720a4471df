import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are sent many ICMP packets per second, answered or not: nothing legitimate
/// pings that fast for long.
struct IcmpFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "icmp-flood.rate", 60, .rate, "ICMP packets per second at one host that make a flood.")
  static let factor = EngineLimit(
    "icmp-flood.factor", 4, .count, "Times its learnt rate that a host's ICMP packets must exceed.")
  static let targets = EngineLimit("icmp-flood.targets", 4096, .count, "Hosts measured at once.")
  static let quiet = EngineLimit(
    "icmp-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "icmp-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, factor, targets, quiet, spacing]

  var judge: FloodJudge

  init(_ context: DetectionContext) {
    let limits = context.limits
    judge = FloodJudge(
      kind: .icmpFlood, severity: 6, transport: .icmp, unit: "packets/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses { .flow(.opened, .progress, .closed, over: .icmp) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == .icmp || event.pointee.transport == .icmpv6,
      event.pointee.isOfFlow
    else { return }
    var load = FloodMeter.Load()
    load.requests = event.pointee.packetsOut
    load.answers = event.pointee.packetsIn
    load.bytes = event.pointee.bytesOut
    if event.pointee.kind == .opened { load.flows = 1 }
    guard load.requests > 0 || load.answers > 0, event.pointee.kind != .unanswered,
      !event.pointee.target.isMulticast
    else { return }
    let key = TableKey(event.pointee.target)
    let entry = judge.meter.add(load, to: key, at: event.pointee.time)
    if entry.isDue { weigh(entry.slot, at: event.pointee.time, into: &sink) }
    judge.meter.detail(
      load, event.pointee.source, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  private mutating func weigh(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let rates = judge.meter.rates(slot, at: now)
    judge.judge(
      slot, rate: rates.requests, answeredShare: min(1, rates.answers / max(rates.requests, 0.001)),
      isOneSided: true, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
