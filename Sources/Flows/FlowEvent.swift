import Packets
import Terms

/// What the flow table tells the detectors: one small trivial value per thing that happened, in
/// event-time order.
///
/// `source` is the flow's originator (who sent the first packet, or the client as far as the
/// handshake shows) and `target` the responder, in every event of a flow, whoever sent the packet
/// behind it.
@frozen public struct FlowEvent: Sendable {
  @frozen public enum Kind: UInt8, Sendable {
    /// First packet of a flow: who tries what.
    case opened
    /// TCP three-way handshake completed, or the first answer of a UDP, ICMP or SCTP flow.
    case established
    /// The target said no: RST before the handshake completed, or an ICMP unreachable for the flow.
    case refused
    /// `FlowLimits.answerLimit` passed after `opened` without any packet from the target.
    case unanswered
    /// More packets since `opened` or the previous `progress`: `packets` and `bytes` are what came
    /// since then. At most one per `FlowLimits.progressPackets` packets or per second of event
    /// time. Stragglers of a closed flow come in one too, with its `ending`.
    case progress
    /// The flow is over; `packets` and `bytes` are what came since the last `progress`, the totals
    /// stand beside. Over `opened`, `progress` and `closed` every packet is counted exactly once;
    /// other kinds count none.
    case closed
    /// An ARP packet: sender in `source`/`sourceMAC`, target in `target`/`targetMAC` (of the ARP
    /// body).
    case arp
    /// Fragments of one datagram overlap with different content or claim impossible offsets:
    /// `fragmentFault` says which, `payloadOut` and `payloadIn` are the first byte and the end that
    /// the last fragment claims in its datagram.
    case fragmentOverlap
    /// Fragments that will never be a datagram: it was given up, or refused for want of room.
    /// `packetsOut` says how many, `bytesOut` their length on the wire.
    case lostFragments
    /// What ICMP tells hosts of routers and neighbours: `arpOperation` is the type (133 to 137 of
    /// ICMPv6, RFC 4861; 5 of ICMP, RFC 792), `subject` the neighbour's address, the advertised
    /// prefix, or the router that a redirection names; `sourceMAC` is the link-layer address told,
    /// `frameMAC` the frame's where it differs, `sourcePort` a router's lifetime (s) or the
    /// neighbour's flags. The packet belongs to a flow besides.
    case neighbour
    /// What bridges tell each other; `control` says in which protocol. For the spanning tree
    /// `frameMAC` and `sourcePort` are the root's address and priority, `targetMAC` and
    /// `targetPort` the sending bridge's.
    case control
    /// The originator of an established TCP flow closed its receive window: told once of a flow.
    case stalled
  }

  /// How a flow began, or how a scanner probes.
  @frozen public enum Probe: UInt8, Sendable, CaseIterable {
    case syn, fin, null, xmas, ack, maimon, synFin
    /// A TCP packet of a session that began before the capture: data, or an ACK that carries
    /// payload.
    case midstream
    case otherTCP
    case udp
    case icmpEcho, icmpOther
    case sctpInit
    /// Any other IP protocol.
    case ip
    case none
    /// A TCP packet without ACK, SYN and RST that is none of the above: no stack sends it.
    case odd
    /// An SCTP packet that begins a flow otherwise than by INIT.
    case sctpOther
  }

  /// What is wrong with the fragments behind a `fragmentOverlap`.
  @frozen public enum FragmentFault: UInt8, Sendable {
    case none
    /// They claim some of the same bytes, disagree on where the datagram ends, or end where no other
    /// can begin.
    case contradiction
    /// The datagram would be longer than 65,535 bytes.
    case pastEnd
  }

  /// Why a flow ended.
  @frozen public enum Ending: UInt8, Sendable {
    case none
    /// Both sides sent FIN.
    case finished
    /// RST after the handshake.
    case reset
    /// RST or ICMP unreachable before the handshake completed.
    case refused
    /// No packet for the idle limit.
    case idle
    /// Pushed out of a full table.
    case evicted
    /// The capture ended.
    case captureEnded
    /// A new flow began between the same ports before this one was over.
    case replaced
  }

  public var time = CaptureTime.distantPast
  /// Index of the packet behind the event; for timeouts, of the flow's first packet.
  public var packet: UInt64 = 0
  public var source = IPAddress.unspecified
  public var target = IPAddress.unspecified
  public var sourceMAC = MACAddress.unknown
  public var targetMAC = MACAddress.unknown
  /// Event time of the flow's first packet, and that packet's index.
  public var opened = CaptureTime.distantPast
  public var firstPacket: UInt64 = 0
  /// Since the last `progress`: packets and wire bytes from source and from target. A reassembled
  /// datagram counts as one packet with the wire bytes of all its fragments.
  public var packetsOut: UInt32 = 0
  public var packetsIn: UInt32 = 0
  public var bytesOut: UInt64 = 0
  public var bytesIn: UInt64 = 0
  /// Whole flow so far: packets, and transport payload bytes, from source and from target.
  public var totalPacketsOut: UInt32 = 0
  public var totalPacketsIn: UInt32 = 0
  public var payloadOut: UInt64 = 0
  public var payloadIn: UInt64 = 0
  public var sourcePort: UInt16 = 0
  /// For ICMP and ICMPv6, type · 256 + code.
  public var targetPort: UInt16 = 0
  public var vlan: UInt16 = 0
  /// ARP operation for `arp` events, ICMP type for `neighbour`, protocol for `control`.
  public var arpOperation: UInt8 = 0
  public var kind = Kind.opened
  public var probe = Probe.none
  public var ending = Ending.none
  public var transport = TransportProtocol(number: 0)
  public var timeToLive: UInt8 = 0
  /// Whether the handshake had completed (or UDP/ICMP had been answered) when this event was made.
  public var isEstablished = false
  public var fragmentFault = FragmentFault.none
  /// Hardware address of the frame that carried an ARP packet, where it differs from the body's
  /// sender.
  public var frameMAC = MACAddress.unknown

  @inlinable public init() {}

  /// The address that a `neighbour` event is about, in the room of its payload counts.
  @inlinable public var subject: IPAddress {
    get { IPAddress(high: payloadOut, low: payloadIn) }
    set {
      payloadOut = newValue.high
      payloadIn = newValue.low
    }
  }

  /// The protocol of a `control` event.
  @inlinable public var control: Packet.Control {
    kind == .control ? Packet.Control(rawValue: arpOperation) ?? .none : .none
  }
}
