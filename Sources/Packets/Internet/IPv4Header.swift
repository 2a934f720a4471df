import Terms

/// The IPv4 header with options (RFC 791).
enum IPv4Header {
  static let length = 20
  /// Frames longer than this on the wire cannot have crossed one: the host handed them to its
  /// adapter to cut up (segmentation offload), and may have left their total length 0.
  private static let offloadThreshold = 1522

  /// Sets content to `.ip` or `.fragment` and leaves the cursor behind the header, bounded by the
  /// total length; on a malformed header content stays `.other`.
  static func decodeNetwork(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.ipv4Truncated)
      return false
    }
    guard cursor.byte(0) >> 4 == 4 else {
      packet.malformations.insert(.ipv4Version)
      return false
    }
    let headerLength = Int(cursor.byte(0) & 15) &* 4
    guard headerLength >= length else {
      packet.malformations.insert(.ipv4HeaderLength)
      return false
    }
    guard cursor.remaining >= headerLength else {
      packet.malformations.insert(.ipv4Truncated)
      return false
    }
    guard bound(&cursor, headerLength: headerLength, into: &packet) else { return false }
    if headerLength > length, !cursor.optionsAreWellFormed(from: length, to: headerLength) {
      packet.malformations.insert(.ipv4Option)
    }
    packet.source = IPAddress(v4: cursor.long(12))
    packet.target = IPAddress(v4: cursor.long(16))
    packet.timeToLive = cursor.byte(8)
    packet.transport = TransportProtocol(number: cursor.byte(9))
    packet.fragmentID = UInt32(cursor.word(4))
    let fragment = cursor.word(6)
    packet.moreFragments = fragment & 0x2000 != 0
    packet.fragmentOffset = fragment &<< 3
    packet.content = fragment & 0x3fff == 0 ? .ip : .fragment
    cursor.skip(headerLength)
    return true
  }

  /// Applies the total length, so that Ethernet padding is no payload.
  private static func bound(
    _ cursor: inout HeaderCursor, headerLength: Int, into packet: inout Packet
  ) -> Bool {
    let total = Int(cursor.word(2))
    if total == 0, Int(packet.wireLength) > offloadThreshold { return true }
    guard total >= headerLength else {
      packet.malformations.insert(.ipv4TotalLength)
      return false
    }
    if !cursor.limit(to: total) { packet.malformations.insert(.ipv4PastFrame) }
    return true
  }
}
