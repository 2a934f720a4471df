import Terms

/// The layers of one frame as plain numbers: a trivial value (no references), so that it can wait
/// in a ring.
///
/// Fields of absent layers are zero. Payload bytes stay in the frame's own buffer: `payloadOffset`
/// and `payloadLength` say where.
@frozen public struct Packet: Sendable {
  /// What the frame carries above the link layer.
  @frozen public enum Content: UInt8, Sendable {
    /// Neither IP nor ARP nor a bridge's own word: an unknown EtherType.
    case other
    case arp
    case ip
    /// A fragment of an IP datagram that is not yet reassembled; transport fields are zero unless
    /// it is the first fragment and carries a whole transport header.
    case fragment
    /// What bridges tell each other and their neighbours: `control` says in which protocol.
    case control
  }

  /// The protocols of `Content.control`.
  @frozen public enum Control: UInt8, Sendable {
    case none
    /// A bridge protocol data unit (IEEE 802.1D), per VLAN (PVST+) too: `arpSender` and
    /// `sourcePort` are the root's address and priority, `arpTarget` and `targetPort` the sending
    /// bridge's, `sequence` the cost of the way to the root.
    case spanningTree
    /// IEEE 802.1AB.
    case linkDiscovery
    /// Cisco's discovery, trunking and VLAN trunking protocols.
    case ciscoDiscovery, trunking, vlanTrunking
  }

  public var time = CaptureTime.distantPast
  /// Zero-based position in the capture.
  public var index: UInt64 = 0
  public var source = IPAddress.unspecified
  public var target = IPAddress.unspecified
  public var sourceMAC = MACAddress.unknown
  public var targetMAC = MACAddress.unknown
  /// Bytes on the wire, and bytes captured.
  public var wireLength: UInt32 = 0
  public var capturedLength: UInt32 = 0
  /// TCP sequence number; for ICMP and ICMPv6 the four bytes behind the checksum, for SCTP the
  /// verification tag.
  public var sequence: UInt32 = 0
  public var acknowledgement: UInt32 = 0
  /// IPv4 identification or IPv6 fragment identification.
  public var fragmentID: UInt32 = 0
  /// Source port; for ICMP and ICMPv6 queries and their replies, the identifier.
  public var sourcePort: UInt16 = 0
  /// Target port; for ICMP and ICMPv6, type · 256 + code.
  public var targetPort: UInt16 = 0
  public var window: UInt16 = 0
  /// TCP urgent pointer, 0 without the URG bit: the urgent byte is the one before the place it
  /// points to (RFC 6093, 2.2).
  public var urgentPointer: UInt16 = 0
  /// Innermost VLAN identifier, 0 when untagged.
  public var vlan: UInt16 = 0
  public var etherType: UInt16 = 0
  /// Where the network header, the transport header (0 without one) and the payload start, in bytes
  /// from the start of the frame, or of the datagram after `PacketDecoder.decodeReassembled`.
  public var networkOffset: UInt16 = 0
  public var transportOffset: UInt16 = 0
  public var payloadOffset: UInt16 = 0
  /// Payload bytes present in the capture: behind the transport header, or for `.fragment` all of
  /// the fragment's data.
  public var payloadLength: UInt16 = 0
  /// Payload bytes by the length fields: more than `payloadLength` where a snap length cut the
  /// frame.
  public var statedPayloadLength: UInt16 = 0
  /// Offset of this fragment in its datagram, in bytes.
  public var fragmentOffset: UInt16 = 0
  public var content = Content.other
  public var transport = TransportProtocol(number: 0)
  public var tcpFlags = TCPFlags()
  public var timeToLive: UInt8 = 0
  /// ARP operation: 1 request, 2 reply. The addresses of an ARP packet stand in `source` and
  /// `target`, the hardware addresses of its body in `arpSender` and `arpTarget`.
  public var arpOperation: UInt8 = 0
  public var moreFragments = false
  /// Whether there is a sound transport header; without it ports, flags and the like are zero. True
  /// for IP protocols the decoder does not know: their header is payload.
  public var hasTransport = false
  /// Type of the first SCTP chunk: 0 DATA, 1 INIT, 2 INIT ACK, 6 ABORT …; 0 for other transports.
  public var sctpChunk: UInt8 = 0
  public var control = Control.none
  public var arpSender = MACAddress.unknown
  public var arpTarget = MACAddress.unknown
  /// Malformations met on the way; the layers before them are still valid.
  public var malformations = Malformations()

  @inlinable public init() {}

  /// Whether this is an ICMP or ICMPv6 error, which quotes the packet it complains of (see
  /// `PacketDecoder.decodeEmbedded`): unreachable, quench, redirect, time exceeded, parameter
  /// problem, too big.
  @inlinable public var isICMPError: Bool {
    let type = targetPort >> 8
    if transport == .icmp { return type == 3 || type == 4 || type == 5 || type == 11 || type == 12 }
    return transport == .icmpv6 && type >= 1 && type <= 4
  }

  /// Forgets what a transport header said.
  mutating func clearTransport() {
    sourcePort = 0
    targetPort = 0
    sequence = 0
    acknowledgement = 0
    window = 0
    urgentPointer = 0
    tcpFlags = []
    sctpChunk = 0
    transportOffset = 0
    hasTransport = false
    payloadOffset = 0
    payloadLength = 0
    statedPayloadLength = 0
  }

  /// Everything from the cursor to the end of its layer is payload.
  mutating func setPayload(_ cursor: HeaderCursor) {
    payloadOffset = UInt16(truncatingIfNeeded: cursor.offset)
    payloadLength = UInt16(clamping: cursor.remaining)
    statedPayloadLength = UInt16(clamping: cursor.statedEnd &- cursor.offset)
  }
}

/// TCP control bits (RFC 9293, 3.1).
@frozen public struct TCPFlags: OptionSet, Sendable, Hashable {
  public var rawValue: UInt8

  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  @inlinable public static var fin: Self { Self(rawValue: 1) }
  @inlinable public static var syn: Self { Self(rawValue: 2) }
  @inlinable public static var reset: Self { Self(rawValue: 4) }
  @inlinable public static var push: Self { Self(rawValue: 8) }
  @inlinable public static var ack: Self { Self(rawValue: 16) }
  @inlinable public static var urgent: Self { Self(rawValue: 32) }
}
