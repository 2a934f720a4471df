/// Linux cooked captures (LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2): the `any` interface.
enum LinuxCookedHeader {
  static let length = 16
  static let version2Length = 20
  /// Protocol values below are not EtherTypes but 802.3, LLC and the like.
  private static let firstEtherType: UInt16 = 0x0600

  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.linkTruncated)
      return
    }
    if cursor.word(4) == 6 { packet.sourceMAC = cursor.mac(6) }
    let type = cursor.word(14)
    cursor.skip(length)
    decodePayload(type: type, &cursor, into: &packet)
  }

  static func decodeVersion2(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    guard cursor.remaining >= version2Length else {
      packet.malformations.insert(.linkTruncated)
      return
    }
    if cursor.byte(11) == 6 { packet.sourceMAC = cursor.mac(12) }
    let type = cursor.word(0)
    cursor.skip(version2Length)
    decodePayload(type: type, &cursor, into: &packet)
  }

  private static func decodePayload(
    type: UInt16, _ cursor: inout HeaderCursor, into packet: inout Packet
  ) {
    guard type >= firstEtherType else { return }
    EthernetHeader.decodePayload(type: type, &cursor, into: &packet)
  }
}
