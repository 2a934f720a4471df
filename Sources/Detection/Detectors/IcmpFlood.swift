import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are sent many ICMP packets per second, answered or not: nothing legitimate
/// pings that fast for long. Who pings keeps an identifier for a while: where nearly each packet has
/// another source or identifier, fewer are a flood. Errors come as fast as their receiver sends what
/// cannot be delivered, so they are measured apart; but from source after source, about flows that
/// the receiver never had, they are invented.
struct IcmpFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "icmp-flood.rate", 30, .rate, "ICMP packets per second at one host that make a flood.")
  static let forgedRate = EngineLimit(
    "icmp-flood.forged-rate", 20, .rate,
    "The same where each packet is a flow of its own.")
  static let errorRate = EngineLimit(
    "icmp-flood.error-rate", 1000, .rate,
    "The same for what routers and hosts say of packets that they could not deliver.")
  static let strayRate = EngineLimit(
    "icmp-flood.stray-rate", 60, .rate,
    "The same where each comes from another source and is about no flow that was seen.")
  static let factor = EngineLimit(
    "icmp-flood.factor", 4, .count, "Times its learnt rate that a host's ICMP packets must exceed.")
  static let targets = EngineLimit("icmp-flood.targets", 4096, .count, "Hosts measured at once.")
  static let quiet = EngineLimit(
    "icmp-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "icmp-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, forgedRate, errorRate, strayRate, factor, targets, quiet, spacing]

  var judge: FloodJudge
  private let forgedLimit: Double
  private let errorLimit: Double
  private let strayLimit: Double
  /// Set in the detail of keys under which errors are measured, beyond what could be a port.
  private static let errorMark: UInt64 = 1 << 16

  init(_ context: DetectionContext) {
    let limits = context.limits
    errorLimit = max(limits[Self.errorRate], 1)
    strayLimit = min(max(limits[Self.strayRate], 1), errorLimit)
    forgedLimit = min(max(limits[Self.forgedRate], 1), max(limits[Self.rate], 1))
    judge = FloodJudge(
      kind: .icmpFlood, severity: 6, transport: .icmp, unit: "packets/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses {
    [.flow(.opened, .progress, .closed, over: .icmp), .flow(.refused, over: .udp, .tcp)]
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    if event.pointee.kind == .refused { return excuse(event) }
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
    let isError = Self.isError(event)
    let key = TableKey(event.pointee.target, detail: isError ? Self.errorMark : 0)
    let entry = judge.meter.add(load, to: key, at: event.pointee.time)
    if entry.isDue { weigh(entry.slot, isError, at: event.pointee.time, into: &sink) }
    judge.meter.detail(
      load, event.pointee.source, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  /// An error about a flow of the receiver's own.
  private mutating func excuse(_ event: UnsafePointer<FlowEvent>) {
    let key = TableKey(event.pointee.source, detail: Self.errorMark)
    guard judge.meter.known.count > 0, judge.meter.slot(of: key) >= 0 else { return }
    var load = FloodMeter.Load()
    load.refusals = 1
    _ = judge.meter.add(load, to: key, at: event.pointee.time)
  }

  /// Whether the flow is of errors (RFC 792; RFC 4443, 2.1): unreachable, quench, redirect, time
  /// exceeded, parameter problem.
  @inline(__always) private static func isError(_ event: UnsafePointer<FlowEvent>) -> Bool {
    let type = event.pointee.targetPort >> 8
    guard event.pointee.transport == .icmp else { return type < 128 }
    return 3...5 ~= type || type == 11 || type == 12
  }

  mutating func reweigh(
    _ slot: Int, _ key: TableKey, at now: CaptureTime, into sink: inout ReportSink
  ) {
    weigh(slot, key.detail == Self.errorMark, at: now, into: &sink)
  }

  private mutating func weigh(
    _ slot: Int, _ isError: Bool, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let rates = judge.meter.rates(slot, at: now)
    let isForged = rates.flows - rates.refusals >= 0.8 * rates.requests
    let least: Double? =
      isError ? (isForged ? strayLimit : errorLimit) : isForged ? forgedLimit : nil
    judge.judge(
      slot, rate: rates.requests, least: least,
      answeredShare: min(1, rates.answers / max(rates.requests, 0.001)), isOneSided: true, at: now,
      into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
