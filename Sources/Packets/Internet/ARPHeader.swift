import Terms

/// ARP for IPv4 over Ethernet (RFC 826); other address types stay `.other`.
enum ARPHeader {
  static let length = 28

  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    guard cursor.remaining >= 8 else {
      packet.malformations.insert(.arpTruncated)
      return
    }
    // Hardware 1 is Ethernet, 6 is IEEE 802.
    let hardware = cursor.word(0)
    guard hardware == 1 || hardware == 6, cursor.word(2) == EtherType.ipv4 else { return }
    guard cursor.byte(4) == 6, cursor.byte(5) == 4 else {
      packet.malformations.insert(.arpLength)
      return
    }
    guard cursor.remaining >= length else {
      packet.malformations.insert(.arpTruncated)
      return
    }
    packet.content = .arp
    packet.arpOperation = UInt8(clamping: cursor.word(6))
    packet.arpSender = cursor.mac(8)
    packet.source = IPAddress(v4: cursor.long(14))
    packet.arpTarget = cursor.mac(18)
    packet.target = IPAddress(v4: cursor.long(24))
  }
}
