/// Ethernet II and IEEE 802.3 with LLC/SNAP, under any number of IEEE 802.1Q tags up to a limit.
enum EthernetHeader {
  static let length = 14
  /// Stacked tags that are followed; more is a malformation. Providers stack two, mistakes three.
  static let tagLimit = 4
  /// The greatest value that is a length and not an EtherType (IEEE 802.3, 3.2.6).
  private static let lengthLimit = 1500

  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.linkTruncated)
      return
    }
    packet.targetMAC = cursor.mac(0)
    packet.sourceMAC = cursor.mac(6)
    let type = cursor.word(12)
    cursor.skip(length)
    decodePayload(type: type, &cursor, into: &packet)
  }

  /// Tags, then what the type or length field says.
  static func decodePayload(
    type: UInt16, _ cursor: inout HeaderCursor, into packet: inout Packet
  ) {
    var type = type
    var tags = 0
    while EtherType.isTag(type) {
      guard tags < tagLimit else {
        packet.malformations.insert(.vlanDepth)
        return
      }
      guard cursor.remaining >= 4 else {
        packet.malformations.insert(.vlanTruncated)
        return
      }
      packet.vlan = cursor.word(0) & 0x0fff
      type = cursor.word(2)
      cursor.skip(4)
      tags &+= 1
    }
    if Int(type) <= lengthLimit {
      decodeLLC(length: Int(type), &cursor, into: &packet)
    } else {
      PacketDecoder.decodeNetwork(etherType: type, &cursor, into: &packet)
    }
  }

  /// LLC frames stay `.other`, but for bridges' protocols and SNAP with an EtherType (RFC 1042).
  private static func decodeLLC(
    length: Int, _ cursor: inout HeaderCursor, into packet: inout Packet
  ) {
    guard cursor.limit(to: length) else {
      packet.malformations.insert(.llcLength)
      return
    }
    packet.networkOffset = UInt16(truncatingIfNeeded: cursor.offset)
    if cursor.remaining >= 3, cursor.word(0) == 0x4242, cursor.byte(2) == 3 {
      cursor.skip(3)
      return BridgeProtocol.decode(&cursor, into: &packet)
    }
    guard cursor.remaining >= 8, cursor.word(0) == 0xaaaa, cursor.byte(2) == 3 else { return }
    let organisation = UInt32(cursor.word(3)) &<< 8 | UInt32(cursor.byte(5))
    let type = cursor.word(6)
    cursor.skip(8)
    switch organisation {
    case 0: PacketDecoder.decodeNetwork(etherType: type, &cursor, into: &packet)
    case BridgeProtocol.cisco: BridgeProtocol.decode(cisco: type, &cursor, into: &packet)
    default: break
    }
  }
}
