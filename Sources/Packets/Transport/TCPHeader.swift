/// The TCP header with options (RFC 9293).
enum TCPHeader {
  static let length = 20
  /// NOP, NOP, timestamps (RFC 7323, appendix A) in 12 bytes: the options of nearly every segment.
  private static let timestampsOnly: UInt32 = 0x0101_080a

  /// Leaves the cursor at the payload; false when the header is malformed.
  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) -> Bool {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.tcpTruncated)
      return false
    }
    let headerLength = Int(cursor.byte(12) >> 4) &* 4
    guard headerLength >= length else {
      packet.malformations.insert(.tcpDataOffset)
      return false
    }
    guard cursor.remaining >= headerLength else {
      packet.malformations.insert(.tcpTruncated)
      return false
    }
    packet.sourcePort = cursor.word(0)
    packet.targetPort = cursor.word(2)
    packet.sequence = cursor.long(4)
    packet.acknowledgement = cursor.long(8)
    packet.tcpFlags = TCPFlags(rawValue: cursor.byte(13))
    packet.window = cursor.word(14)
    if packet.tcpFlags.contains(.urgent) { packet.urgentPointer = cursor.word(18) }
    if headerLength > length, headerLength != 32 || cursor.long(length) != timestampsOnly,
      !cursor.optionsAreWellFormed(from: length, to: headerLength)
    {
      packet.malformations.insert(.tcpOption)
    }
    cursor.skip(headerLength)
    return true
  }
}
