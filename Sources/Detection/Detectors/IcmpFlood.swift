import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are sent many ICMP packets per second, answered or not: nothing legitimate
/// pings that fast for long.
struct IcmpFlood: FloodDetector {
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

  mutating func analyse(_ event: FlowEvent, into sink: inout ReportSink) {
    guard event.transport == .icmp || event.transport == .icmpv6, event.isOfFlow else { return }
    var load = FloodMeter.Load()
    load.requests = event.packetsOut
    load.answers = event.packetsIn
    load.bytes = event.bytesOut
    if event.kind == .opened { load.flows = 1 }
    guard load.requests > 0 || load.answers > 0, event.kind != .unanswered,
      !event.target.isMulticast
    else { return }
    let key = TableKey(event.target)
    let turned = judge.meter.add(load, to: key, at: event.time)
    if turned >= 0 { weigh(turned, at: event.time, into: &sink) }
    judge.meter.detail(
      load, event.source, event.packet, of: key, turned: turned, time: event.time)
  }

  private mutating func weigh(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let rates = judge.meter.rates(slot, at: now)
    judge.judge(
      slot, rate: rates.requests, answeredShare: min(1, rates.answers / max(rates.requests, 0.001)),
      isOneSided: true, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
