/// The UDP header (RFC 768).
enum UDPHeader {
  static let length = 8

  /// Leaves the cursor at the payload, bounded by the UDP length; false when the header is
  /// malformed.
  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.udpTruncated)
      return false
    }
    let stated = Int(cursor.word(4))
    // 0 in a jumbogram (RFC 2675, 4); less than the IP payload is allowed (RFC 9868 puts options
    // there).
    let isJumbo = stated == 0 && cursor.statedEnd &- cursor.offset > 65_535
    guard isJumbo || stated >= length && cursor.limit(to: stated) else {
      packet.malformations.insert(.udpLength)
      return false
    }
    packet.sourcePort = cursor.word(0)
    packet.targetPort = cursor.word(2)
    cursor.skip(length)
    return true
  }
}
