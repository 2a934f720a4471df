/// The four-byte address family before IP on BSD loopback interfaces (LINKTYPE_NULL,
/// LINKTYPE_LOOP).
enum LoopbackHeader {
  static let length = 4

  static func decode(_ cursor: inout HeaderCursor, into packet: inout Packet) {
    guard cursor.remaining >= length else {
      packet.malformations.insert(.linkTruncated)
      return
    }
    // NULL is in the byte order of the capturing host, LOOP in network order; families are small,
    // so that the smaller reading is the meant one.
    let family = min(cursor.long(0), cursor.long(0).byteSwapped)
    cursor.skip(length)
    switch family {
    case 2: PacketDecoder.decodeNetwork(etherType: EtherType.ipv4, &cursor, into: &packet)
    // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
    case 10, 24, 28, 30:
      PacketDecoder.decodeNetwork(etherType: EtherType.ipv6, &cursor, into: &packet)
    default: break
    }
  }
}
