import Terms

/// Bytes to headers: pure, without allocation, for any input.
///
/// Decoding never fails as a whole. It walks down the layers as far as they are sound: what it sets
/// is valid, and what stopped it stands in `Packet.malformations`.
public enum PacketDecoder {
  /// Decodes one frame.
  ///
  /// - Parameters:
  ///   - frame: the captured bytes, possibly none.
  ///   - wireLength: bytes on the wire; less than captured counts as captured.
  ///   - packet: overwritten as a whole.
  public static func decode(
    _ frame: UnsafeRawBufferPointer, linkType: LinkType, wireLength: UInt32, time: CaptureTime,
    index: UInt64, into packet: inout Packet
  ) {
    packet = Packet()
    packet.time = time
    packet.index = index
    let captured = UInt32(truncatingIfNeeded: min(frame.count, Int(UInt32.max)))
    packet.capturedLength = captured
    packet.wireLength = max(wireLength, captured)
    guard let base = frame.baseAddress else {
      packet.malformations.insert(.linkTruncated)
      return
    }
    var cursor = HeaderCursor(
      base: base, offset: 0, end: frame.count, statedEnd: Int(packet.wireLength))
    switch linkType {
    case .ethernet: EthernetHeader.decode(&cursor, into: &packet)
    case .rawIP: decodeRawIP(&cursor, into: &packet)
    case .loopback: LoopbackHeader.decode(&cursor, into: &packet)
    case .linuxCooked: LinuxCookedHeader.decode(&cursor, into: &packet)
    case .linuxCooked2: LinuxCookedHeader.decodeVersion2(&cursor, into: &packet)
    case .unknown: break
    }
  }

  /// Decodes the packet that an ICMP or ICMPv6 error complains of: its IP header and, as far as
  /// they are there, the first 8 bytes behind it (ports, sequence number; type and code).
  ///
  /// - Parameters:
  ///   - frame: the frame, or the reassembled payload, that `error` was decoded from.
  ///   - inner: overwritten; time, index and lengths are those of `error`, offsets count from the
  ///     frame's start.
  /// - Returns: false when `error` is no ICMP error or holds no sound IP header; `inner` then means
  ///   nothing.
  public static func decodeEmbedded(
    _ frame: UnsafeRawBufferPointer, of error: Packet, into inner: inout Packet
  ) -> Bool {
    guard error.isICMPError, let base = frame.baseAddress else { return false }
    let start = Int(error.payloadOffset)
    let end = start &+ Int(error.payloadLength)
    guard end <= frame.count else { return false }
    inner = Packet()
    inner.time = error.time
    inner.index = error.index
    inner.wireLength = error.wireLength
    inner.capturedLength = error.capturedLength
    // The quoted packet is cut by design, so its own length fields bound nothing.
    var cursor = HeaderCursor(base: base, offset: start, end: end, statedEnd: start &+ 0x2_0000)
    let isSound =
      error.transport == .icmp
      ? IPv4Header.decodeNetwork(&cursor, into: &inner)
      : IPv6Header.decodeNetwork(&cursor, into: &inner)
    guard isSound else { return false }
    if inner.fragmentOffset == 0 { decodeQuotedPorts(cursor, into: &inner) }
    return true
  }

  /// Decodes the transport layer of a datagram put together from fragments.
  ///
  /// - Parameters:
  ///   - datagram: everything behind the IP header (behind the fragment header for IPv6).
  ///   - packet: the first fragment as decoded; becomes the whole datagram. `transportOffset` and
  ///     `payloadOffset` then count from the start of `datagram`.
  public static func decodeReassembled(
    _ datagram: UnsafeRawBufferPointer, into packet: inout Packet
  ) {
    packet.clearTransport()
    packet.content = .ip
    packet.fragmentOffset = 0
    packet.moreFragments = false
    packet.malformations.subtract(Malformations(.fragmentTiny))
    guard let base = datagram.baseAddress else { return }
    let count = min(datagram.count, Int(UInt16.max))
    var cursor = HeaderCursor(base: base, offset: 0, end: count, statedEnd: count)
    if !packet.source.isIPv4 || !packet.target.isIPv4 {
      guard IPv6Header.walkExtensions(&cursor, into: &packet), packet.content == .ip else {
        packet.setPayload(cursor)
        return
      }
    }
    decodeTransport(&cursor, into: &packet)
  }

  /// The network layer behind a link header that names an EtherType.
  static func decodeNetwork(
    etherType: UInt16, _ cursor: inout HeaderCursor, into packet: inout Packet
  ) {
    packet.etherType = etherType
    packet.networkOffset = UInt16(truncatingIfNeeded: cursor.offset)
    switch etherType {
    case EtherType.ipv4:
      guard IPv4Header.decodeNetwork(&cursor, into: &packet) else { return }
      decodeUpperLayer(&cursor, into: &packet)
    case EtherType.ipv6:
      guard IPv6Header.decodeNetwork(&cursor, into: &packet) else { return }
      decodeUpperLayer(&cursor, into: &packet)
    case EtherType.arp: ARPHeader.decode(&cursor, into: &packet)
    case EtherType.linkDiscovery:
      packet.content = .control
      packet.control = .linkDiscovery
    default: break
    }
  }

  /// The network layer of a link without EtherType, told by the first nibble.
  static func decodeRawIP(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    guard cursor.remaining >= 1 else {
      packet.malformations.insert(.linkTruncated)
      return
    }
    switch cursor.byte(0) >> 4 {
    case 4: decodeNetwork(etherType: EtherType.ipv4, &cursor, into: &packet)
    case 6: decodeNetwork(etherType: EtherType.ipv6, &cursor, into: &packet)
    default: packet.malformations.insert(.ipVersion)
    }
  }

  /// What follows a decoded IP header: a fragment's bytes or a transport header.
  private static func decodeUpperLayer(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    switch packet.content {
    case .ip: decodeTransport(&cursor, into: &packet)
    case .fragment: FragmentHeader.decodeData(&cursor, into: &packet)
    case .arp, .other, .control: break
    }
  }

  /// The transport header at the cursor, and the payload behind it.
  static func decodeTransport(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    let start = cursor.offset
    packet.payloadOffset = UInt16(truncatingIfNeeded: start)
    let isValid =
      switch packet.transport {
      case .tcp: TCPHeader.decode(&cursor, into: &packet)
      case .udp: UDPHeader.decode(&cursor, into: &packet)
      case .icmp: ICMPHeader.decode(&cursor, into: &packet)
      case .icmpv6: ICMPHeader.decodeVersion6(&cursor, into: &packet)
      case .sctp: SCTPHeader.decode(&cursor, into: &packet)
      default: true
      }
    if isValid {
      packet.hasTransport = true
      packet.transportOffset = UInt16(truncatingIfNeeded: start)
    }
    packet.setPayload(cursor)
  }

  /// The first 8 transport bytes that RFC 792 promises behind a quoted IP header.
  private static func decodeQuotedPorts(_ cursor: HeaderCursor, into packet: inout Packet) {
    let isEcho = packet.transport == .icmp || packet.transport == .icmpv6
    let hasPorts = packet.transport == .tcp || packet.transport == .udp || packet.transport == .sctp
    guard isEcho || hasPorts else {
      // A protocol without ports is known by its number alone, whatever is quoted of it.
      packet.hasTransport = true
      packet.transportOffset = UInt16(truncatingIfNeeded: cursor.offset)
      return
    }
    guard cursor.remaining >= 4 else { return }
    switch packet.transport {
    case .tcp, .udp, .sctp:
      packet.sourcePort = cursor.word(0)
      packet.targetPort = cursor.word(2)
    case .icmp, .icmpv6: packet.targetPort = cursor.word(0)
    default: return
    }
    packet.hasTransport = true
    packet.transportOffset = UInt16(truncatingIfNeeded: cursor.offset)
    guard cursor.remaining >= 8 else { return }
    if packet.transport != .udp { packet.sequence = cursor.long(4) }
    if isEcho { packet.sourcePort = ICMPHeader.identifier(cursor, packet) }
  }
}
