import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are sent many fragments which never become datagrams, so that their tables fill
/// with what waits (rose attack; RFC 4732, 2.1.1).
///
/// Where fragmented traffic is lossy, datagrams that become whole speak against a flood.
struct FragmentFlood: FlowReader {
  static let rate = EngineLimit(
    "fragment-flood.rate", 40, .rate,
    "Lost fragments per second at one host that make a flood.")
  static let factor = EngineLimit(
    "fragment-flood.factor", 4, .count, "Times its learnt rate that a host's must exceed.")
  static let whole = EngineLimit(
    "fragment-flood.whole", 0.5, .ratio,
    "Datagrams made whole, per lost fragment, from which loss is to blame.")
  static let targets = EngineLimit("fragment-flood.targets", 512, .count, "Hosts measured at once.")
  static let quiet = EngineLimit(
    "fragment-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "fragment-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, factor, whole, targets, quiet, spacing]

  /// Wire bytes per packet beyond which a datagram was put together of fragments.
  private static let frameLength: UInt64 = 1522

  /// One for each kind of flood that fragments are counted to.
  private var judges: [FloodJudge]
  private let wholeLimit: Double

  init(_ context: DetectionContext) {
    let limits = context.limits
    wholeLimit = limits[Self.whole]
    func judge(_ kind: ReportKind, _ transport: TransportProtocol) -> FloodJudge {
      FloodJudge(
        kind: kind, severity: 6, transport: transport, unit: "fragments/s", limits: limits,
        rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
        spacing: Self.spacing)
    }
    judges = [judge(.udpFlood, .udp), judge(.icmpFlood, .icmp), judge(.synFlood, .tcp)]
  }

  var nextDeadline: CaptureTime { judges.reduce(.distantFuture) { min($0, $1.nextDeadline) } }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for index in judges.indices where judges[index].nextDeadline <= now {
      judges[index].advance(to: now, into: &sink)
    }
  }

  var interest: EventClasses {
    [.flow(.lostFragments), .flow(.opened, .progress, .closed, over: .udp, .icmp)]
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    var load = FloodMeter.Load()
    switch event.pointee.kind {
    case .lostFragments:
      load.requests = event.pointee.packetsOut
      load.flows = event.pointee.packetsOut
      load.bytes = event.pointee.bytesOut
    case .opened, .progress, .closed:
      let group = FlowEvent.TransportGroup(event.pointee.transport)
      guard group == .udp || group == .icmp,
        event.pointee.bytesOut > UInt64(event.pointee.packetsOut) &* Self.frameLength
      else { return }
      load.answers = event.pointee.packetsOut
    default: return
    }
    let index = judge(of: event.pointee.transport)
    let key = TableKey(event.pointee.target)
    guard load.requests > 0 || judges[index].meter.slot(of: key) >= 0 else { return }
    let entry = judges[index].meter.add(load, to: key, at: event.pointee.time)
    if entry.isDue {
      weigh(entry.slot, index, event.pointee.transport, at: event.pointee.time, into: &sink)
    }
    judges[index].meter.detail(
      load, event.pointee.source, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  private func judge(of transport: TransportProtocol) -> Int {
    switch transport {
    case .icmp, .icmpv6: 1
    case .tcp: 2
    default: 0
    }
  }

  private mutating func weigh(
    _ slot: Int, _ index: Int, _ transport: TransportProtocol, at now: CaptureTime,
    into sink: inout ReportSink
  ) {
    let rates = judges[index].meter.rates(slot, at: now)
    let whole = rates.answers / max(rates.requests, 0.001)
    var label = FloodMeter.Label()
    label.technique = "fragments"
    label.transport = transport
    judges[index].judge(
      slot, rate: rates.requests, answeredShare: min(1, whole), isOneSided: whole < wholeLimit,
      label: label, at: now, into: &sink)
    judges[index].report(slot, at: now, into: &sink)
  }
}

extension FragmentFlood: LossCounting {
  var losses: UInt64 { judges.reduce(0) { $0 &+ $1.losses } }
}
