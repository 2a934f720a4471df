import Terms

/// The IPv6 header and its chain of extension headers (RFC 8200).
enum IPv6Header {
  static let length = 40
  /// Extension headers that are followed. RFC 8200 (4.1) has each at most once, destination options
  /// twice: seven.
  static let extensionLimit = 8

  /// As `IPv4Header.decodeNetwork`, through the extension headers. Where only their chain is
  /// malformed, content is `.ip` and the payload begins where the chain breaks.
  static func decodeNetwork(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.ipv6Truncated)
      return false
    }
    guard cursor.byte(0) >> 4 == 6 else {
      packet.malformations.insert(.ipv6Version)
      return false
    }
    packet.source = IPAddress(high: cursor.quad(8), low: cursor.quad(16))
    packet.target = IPAddress(high: cursor.quad(24), low: cursor.quad(32))
    packet.timeToLive = cursor.byte(7)
    packet.transport = TransportProtocol(number: cursor.byte(6))
    packet.content = .ip
    let payload = Int(cursor.word(4))
    // 0 before hop-by-hop options is a jumbogram (RFC 2675): bounded by the frame alone.
    let isJumbo = payload == 0 && packet.transport.number == 0
    cursor.skip(length)
    if !isJumbo, !cursor.limit(to: payload) { packet.malformations.insert(.ipv6PastFrame) }
    guard walkExtensions(&cursor, into: &packet) else {
      packet.setPayload(cursor)
      return false
    }
    return true
  }

  /// Follows the chain from `packet.transport` to the upper layer or to a fragment header.
  ///
  /// Returns false when the chain is malformed; the packet then has no decodable upper layer and
  /// keeps the type of the header that was not followed as its transport.
  static func walkExtensions(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    var followed = 0
    while isExtension(packet.transport.number) {
      guard followed < extensionLimit else {
        packet.malformations.insert(.ipv6ExtensionChain)
        return false
      }
      guard cursor.remaining >= 8 else {
        packet.malformations.insert(.ipv6ExtensionTruncated)
        return false
      }
      let type = packet.transport.number
      let next = TransportProtocol(number: cursor.byte(0))
      if type == FragmentHeader.number {
        packet.transport = next
        if FragmentHeader.decode(&cursor, into: &packet) { return true }
      } else {
        // AH counts in 4 bytes less two (RFC 4302, 2.2), the others in 8 less one.
        let size =
          type == 51 ? (Int(cursor.byte(1)) &+ 2) &* 4 : (Int(cursor.byte(1)) &+ 1) &* 8
        guard cursor.remaining >= size else {
          packet.malformations.insert(.ipv6ExtensionTruncated)
          return false
        }
        packet.transport = next
        cursor.skip(size)
      }
      followed &+= 1
    }
    return true
  }

  /// Hop-by-hop, routing, fragment, AH, destination, mobility, HIP, shim6 (IANA "IPv6 Extension
  /// Header Types"); ESP hides what follows and counts as a transport.
  @inline(__always) private static func isExtension(_ number: UInt8) -> Bool {
    switch number {
    case 0, 43, FragmentHeader.number, 51, 60, 135, 139, 140: true
    default: false
    }
  }
}
