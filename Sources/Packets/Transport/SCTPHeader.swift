/// The SCTP common header and the type of its first chunk (RFC 9260, 3).
enum SCTPHeader {
  static let length = 12
  private static let chunkHeaderLength = 4

  /// Leaves the cursor at the first chunk; false when the header is malformed.
  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.sctpTruncated)
      return false
    }
    packet.sourcePort = cursor.word(0)
    packet.targetPort = cursor.word(2)
    packet.sequence = cursor.long(4)
    cursor.skip(length)
    guard cursor.remaining >= chunkHeaderLength,
      Int(cursor.word(2)) >= chunkHeaderLength,
      Int(cursor.word(2)) <= cursor.statedEnd &- cursor.offset
    else {
      packet.malformations.insert(.sctpChunk)
      return true
    }
    packet.sctpChunk = cursor.byte(0)
    return true
  }
}
