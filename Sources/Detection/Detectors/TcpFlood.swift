import Analysis
import Flows
import Reports
import Terms

/// Finds services that are sent many TCP packets of no session: ACK, FIN, RST and odd flags, or
/// answers to nothing (SYN/ACK, as servers reflect them).
///
/// A session that began before the capture looks so too, for its first packet, and is answered; one
/// that a tap sees one way goes on with payload. What counts is packets that nothing follows, per
/// second, against a constant and the service's own past.
struct TcpFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "tcp-flood.rate", 60, .rate,
    "TCP packets of no session, per second at one port, that make a flood.")
  static let factor = EngineLimit(
    "tcp-flood.factor", 4, .count, "Times its learnt rate that a port's packets must exceed.")
  static let share = EngineLimit(
    "tcp-flood.share", 0.6, .ratio, "Least share of such packets that no session follows.")
  static let targets = EngineLimit("tcp-flood.targets", 2048, .count, "Ports measured at once.")
  static let quiet = EngineLimit(
    "tcp-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "tcp-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, factor, share, targets, quiet, spacing]

  /// One packet of no session, or what speaks for a session.
  private struct Sighting {
    var victim: IPAddress
    var port: UInt16
    var sender: IPAddress
    var load = FloodMeter.Load()
    var technique: StaticString
  }

  var judge: FloodJudge
  private let shareLimit: Double

  init(_ context: DetectionContext) {
    let limits = context.limits
    shareLimit = limits[Self.share]
    judge = FloodJudge(
      kind: .synFlood, severity: 6, transport: .tcp, unit: "packets/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses {
    .flow(.opened, .established, .progress, .closed, over: .tcp)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == .tcp, event.pointee.probe != .syn, let seen = sighting(event)
    else { return }
    let key = TableKey(seen.victim, detail: UInt64(seen.port))
    let entry = judge.meter.add(seen.load, to: key, at: event.pointee.time)
    if entry.isDue { weigh(entry.slot, seen.technique, at: event.pointee.time, into: &sink) }
    judge.meter.detail(
      seen.load, seen.sender, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  private func sighting(_ event: UnsafePointer<FlowEvent>) -> Sighting? {
    // Who answers to nothing, or says so by SYN/ACK or RST/ACK, stands as the flow's target.
    let isReset = event.pointee.probe == .otherTCP
    let isReflected =
      (event.pointee.probe == .midstream || isReset)
      && event.pointee.totalPacketsOut <= event.pointee.totalPacketsIn
    var seen =
      isReflected
      ? Sighting(
        victim: event.pointee.source, port: 0, sender: event.pointee.target,
        technique: isReset ? "rst" : "syn-ack")
      : Sighting(
        victim: event.pointee.target, port: event.pointee.targetPort, sender: event.pointee.source,
        technique: technique(event.pointee.probe))
    switch event.pointee.kind {
    case .opened:
      seen.load.flows = 1
      seen.load.requests = 1
      seen.load.bytes = isReflected ? event.pointee.bytesIn : event.pointee.bytesOut
    case .established: seen.load.answers = 2
    case .progress, .closed:
      guard !event.pointee.isEstablished else { return nil }
      if isReflected, isReset {
        seen.load.requests = event.pointee.packetsIn
        seen.load.bytes = event.pointee.bytesIn
      } else if isReflected, event.pointee.payloadIn > 0 {
        seen.load.answers = event.pointee.packetsIn
      } else if !isReflected, event.pointee.payloadOut == 0 || event.pointee.ending == .refused {
        seen.load.requests = event.pointee.packetsOut
        seen.load.bytes = event.pointee.bytesOut
      }
      guard seen.load.requests > 0 || seen.load.answers > 0 else { return nil }
    default: return nil
    }
    return seen
  }

  private func technique(_ probe: FlowEvent.Probe) -> StaticString {
    switch probe {
    case .ack: "ack"
    case .fin, .maimon: "fin"
    case .null: "null"
    case .xmas: "xmas"
    case .midstream: "push-ack"
    case .otherTCP: "rst"
    default: "odd-flags"
    }
  }

  private mutating func weigh(
    _ slot: Int, _ technique: StaticString, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let rates = judge.meter.rates(slot, at: now)
    let followed = min(1, rates.answers / max(rates.requests, 0.001))
    var label = FloodMeter.Label()
    label.technique = "\(technique)"
    judge.judge(
      slot, rate: max(0, rates.requests - rates.answers), answeredShare: followed,
      isOneSided: 1 - followed >= shareLimit, label: label, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
