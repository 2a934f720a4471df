import Terms

/// ICMP (RFC 792) and ICMPv6 (RFC 4443): type, code, checksum and four bytes that depend on the
/// type.
enum ICMPHeader {
  static let length = 8

  /// Leaves the cursor behind the 8 bytes; false when they are not there.
  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    guard decodeFields(&cursor, truncated: .icmpTruncated, into: &packet) else { return false }
    if packet.isICMPError, cursor.remaining < IPv4Header.length || cursor.byte(0) >> 4 != 4 {
      packet.malformations.insert(.icmpEmbedded)
    }
    return true
  }

  /// As `decode`, for ICMPv6.
  static func decodeVersion6(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    guard decodeFields(&cursor, truncated: .icmpv6Truncated, into: &packet) else { return false }
    if packet.isICMPError, cursor.remaining < IPv6Header.length || cursor.byte(0) >> 4 != 6 {
      packet.malformations.insert(.icmpEmbedded)
    }
    return true
  }

  private static func decodeFields(
    _ cursor: inout HeaderCursor, truncated: Malformation, into packet: inout Packet
  ) -> Bool {
    guard cursor.remaining >= length else {
      packet.malformations.insert(truncated)
      return false
    }
    packet.targetPort = cursor.word(0)
    packet.sequence = cursor.long(4)
    packet.sourcePort = identifier(cursor, packet)
    cursor.skip(length)
    return true
  }

  /// The identifier that queries and their replies share, at the head of the message the cursor
  /// stands on; 0 for messages without one. `packet.targetPort` must be set.
  static func identifier(_ cursor: HeaderCursor, _ packet: Packet) -> UInt16 {
    switch (packet.transport, packet.targetPort >> 8) {
    // Echo, timestamp, information, address mask (RFC 792, RFC 950).
    case (.icmp, 0), (.icmp, 8), (.icmp, 13...18): cursor.word(4)
    case (.icmpv6, 128), (.icmpv6, 129): cursor.word(4)
    default: 0
    }
  }
}
