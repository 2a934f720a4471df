import Terms

/// What bridges say: the spanning tree (IEEE 802.1D, 9.3) and Cisco's protocols over SNAP.
enum BridgeProtocol {
  /// Cisco's organisation code.
  static let cisco: UInt32 = 0x00_000c

  /// A bridge protocol data unit at the cursor; configuration and rapid ones name a root.
  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    packet.payloadOffset = UInt16(truncatingIfNeeded: cursor.offset)
    guard cursor.remaining >= 4, cursor.word(0) == 0 else { return }
    packet.content = .control
    packet.control = .spanningTree
    let type = cursor.byte(3)
    guard type == 0 || type == 2, cursor.remaining >= 27 else { return }
    packet.sourcePort = cursor.word(5)
    packet.arpSender = cursor.mac(7)
    packet.sequence = cursor.long(13)
    packet.targetPort = cursor.word(17)
    packet.arpTarget = cursor.mac(19)
  }

  /// What Cisco's SNAP type names; the cursor stands behind it.
  static func decode(cisco type: UInt16, _ cursor: inout HeaderCursor, into packet: inout Packet) {
    switch type {
    case 0x010b: return decode(&cursor, into: &packet)
    case 0x2000: packet.control = .ciscoDiscovery
    case 0x2003: packet.control = .vlanTrunking
    case 0x2004: packet.control = .trunking
    default: return
    }
    packet.content = .control
  }
}
