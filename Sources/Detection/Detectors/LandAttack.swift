import Analysis
import Flows
import Reports
import Terms

/// Finds packets whose source is their own target (CERT CA-1997-28, "land"): no sound host puts one
/// on a wire.
///
/// A victim's answers to them never leave it. So what is answered is a host's talk with itself, seen
/// on its own loopback or by a tap that mangles addresses; from one port to the same, nobody can
/// tell, and it counts at once.
struct LandAttack: FlowReader {
  static let packets = EngineLimit(
    "land.packets", 2, .count, "Packets from a host to itself on the wire that are reported.")
  static let targets = EngineLimit("land.targets", 512, .count, "Hosts remembered at once.")
  static let memory = EngineLimit(
    "land.memory", 3600, .duration, "Silence after which the next packet is another attack.")
  static let quiet = EngineLimit(
    "land.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "land.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [packets, targets, memory, quiet, spacing]

  struct Detail: Sendable {
    var port: UInt16 = 0
    var transport = TransportProtocol.tcp
  }

  /// Echo of bidirectional forwarding detection: the other end sends it back as it came (RFC 5881).
  private static let forwardingEcho: UInt16 = 3785

  private let packetLimit: UInt64
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    packetLimit = UInt64(max(limits.count(Self.packets), 1))
    seen = SightingTable(
      capacity: limits.count(Self.targets), empty: Detail(), halfLife: limits.span(Self.memory),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses { .reflexive }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    // A gratuitous ARP packet names its sender twice too.
    guard event.pointee.source == event.pointee.target else { return }
    let packets = Self.packets(of: event)
    guard packets > 0, Self.wasOnAWire(event) else { return }
    note(event, packets, into: &sink)
  }

  /// Packets that a flow from a host to itself has newly brought and nobody answers. What goes to
  /// another port may be answered yet: its first packet counts when that is over.
  @inline(__always)
  private static func packets(of event: UnsafePointer<FlowEvent>) -> UInt64 {
    let isAtOnce =
      event.pointee.sourcePort == event.pointee.targetPort
      || event.pointee.transport != .tcp && event.pointee.transport != .udp
    switch event.pointee.kind {
    case .unanswered: return isAtOnce ? 0 : 1
    case .opened where !isAtOnce: return 0
    case .opened, .progress, .closed:
      guard isAtOnce || !event.pointee.isEstablished else { return 0 }
      return UInt64(event.pointee.packetsOut) + UInt64(event.pointee.packetsIn)
    default: return 0
    }
  }

  /// A host that talks to itself by its own loopback has no hardware address, or one at both ends.
  @inline(__always)
  private static func wasOnAWire(_ event: UnsafePointer<FlowEvent>) -> Bool {
    let source = event.pointee.source
    let isEcho =
      event.pointee.transport == .udp && event.pointee.targetPort == forwardingEcho
    return event.pointee.sourceMAC != .unknown
      && event.pointee.sourceMAC != event.pointee.targetMAC && !isEcho
      && !source.isLoopback && !source.isUnspecified && !source.isMulticast
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  private mutating func note(
    _ event: UnsafePointer<FlowEvent>, _ packets: UInt64, into sink: inout ReportSink
  ) {
    let slot = seen.note(
      TableKey(event.pointee.target), count: packets, packet: event.pointee.packet,
      at: event.pointee.time)
    guard slot >= 0 else { return }
    seen[slot].detail = Detail(port: event.pointee.targetPort, transport: event.pointee.transport)
    if seen.isDue(slot, isTold: seen[slot].count >= packetLimit, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let target = seen.key(slot).address
    let transport = sighting.detail.transport
    var report = sink.opening(
      .land, subject: "\(target)", first: sighting.first, last: sighting.last, at: now,
      severity: 6, confidence: 0.97)
    report.sources.insert(target)
    report.targets.insert(target)
    report.transport = transport
    if transport == .tcp || transport == .udp, sighting.detail.port != 0 {
      report.ports = [sighting.detail.port]
    }
    report.attributes = ["packets": .count(sighting.count)]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        "packets from the target itself", Double(sighting.count), threshold: Double(packetLimit),
        unit: "packets")
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension LandAttack: LossCounting {
  var losses: UInt64 { seen.losses }
}
