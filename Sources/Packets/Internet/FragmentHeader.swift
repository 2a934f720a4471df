import Terms

/// IPv6's fragment header, and what fragments of both versions have in common.
enum FragmentHeader {
  static let number: UInt8 = 44
  static let length = 8
  /// The longest datagram, header included (RFC 791, 3.1).
  private static let datagramLimit = 65_535

  /// Steps over the IPv6 header, of which 8 bytes must remain. Returns whether the packet is a
  /// fragment: an atomic one (RFC 6946), whole by itself, is none.
  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    let field = cursor.word(2)
    packet.fragmentOffset = field & 0xfff8
    packet.moreFragments = field & 1 != 0
    packet.fragmentID = cursor.long(4)
    cursor.skip(length)
    guard field & 0xfff9 != 0 else { return false }
    packet.content = .fragment
    return true
  }

  /// The bytes of a fragment become its payload; a first fragment with a whole transport header
  /// decodes that too.
  static func decodeData(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    let stated = cursor.statedEnd &- cursor.offset
    let header = packet.source.isIPv4 ? cursor.offset &- Int(packet.networkOffset) : 0
    if Int(packet.fragmentOffset) &+ stated &+ header > datagramLimit {
      packet.malformations.insert(.fragmentPastEnd)
    }
    if packet.moreFragments, stated == 0 || stated % 8 != 0 {
      packet.malformations.insert(.fragmentLength)
    }
    packet.payloadOffset = UInt16(truncatingIfNeeded: cursor.offset)
    packet.setPayload(cursor)
    guard packet.fragmentOffset == 0 else { return }
    if stated < leastTransportLength(packet) {
      packet.malformations.insert(.fragmentTiny)
      return
    }
    decodeFirst(cursor, into: &packet)
  }

  /// The transport header of a first fragment, whose payload stays the fragment's data.
  private static func decodeFirst(_ cursor: HeaderCursor, into packet: inout Packet) {
    var whole = packet
    var transport = cursor
    // The length fields of a transport header speak of the whole datagram.
    transport.statedEnd = transport.offset &+ datagramLimit
    PacketDecoder.decodeTransport(&transport, into: &whole)
    guard whole.hasTransport else {
      packet.malformations = whole.malformations
      return
    }
    whole.payloadOffset = packet.payloadOffset
    whole.payloadLength = packet.payloadLength
    whole.statedPayloadLength = packet.statedPayloadLength
    packet = whole
  }

  private static func leastTransportLength(_ packet: Packet) -> Int {
    switch packet.transport {
    case .tcp: TCPHeader.length
    case .udp: UDPHeader.length
    case .icmp, .icmpv6: ICMPHeader.length
    case .sctp: SCTPHeader.length
    default: 0
    }
  }
}
