import Terms

/// What an ICMP message tells hosts of routers and neighbours: neighbour discovery (RFC 4861) and
/// redirections (RFC 792).
@frozen public struct NeighbourNotice: Sendable {
  /// Types of ICMPv6, and that of a redirection in ICMP.
  public static let routerSolicitation: UInt8 = 133
  public static let routerAdvertisement: UInt8 = 134
  public static let neighbourSolicitation: UInt8 = 135
  public static let neighbourAdvertisement: UInt8 = 136
  public static let redirect6: UInt8 = 137
  public static let redirect4: UInt8 = 5
  /// Options followed in one message: more than any sound one has.
  private static let optionLimit = 16
  /// The hop limit without which a message has crossed a router, and is none of these.
  private static let localHopLimit: UInt8 = 255

  public var type: UInt8 = 0
  /// The neighbour, the advertised prefix, or the router that a redirection names.
  public var subject = IPAddress.unspecified
  /// The link-layer address told; unknown without one.
  public var mac = MACAddress.unknown
  /// A router's lifetime in seconds; the upper half of a neighbour's flags (router, solicited,
  /// override from the top bit).
  public var detail: UInt16 = 0

  @inlinable public init() {}

  /// Whether a packet is such a message.
  @inline(__always) public static func isHeld(in packet: borrowing Packet) -> Bool {
    guard packet.hasTransport else { return false }
    let (transport, hops) = (packet.transport, packet.timeToLive)
    let type = UInt8(truncatingIfNeeded: packet.targetPort &>> 8)
    if transport == .icmp { return type == redirect4 }
    return transport == .icmpv6 && type >= routerSolicitation && type <= redirect6
      && hops == localHopLimit
  }

  /// Reads the message of a packet that `isHeld` is true of.
  ///
  /// - Parameter frame: what the packet was decoded from.
  /// - Returns: false when the message is cut.
  public static func decode(
    _ frame: UnsafeRawBufferPointer, of packet: borrowing Packet, into notice: inout Self
  ) -> Bool {
    notice = Self()
    notice.type = UInt8(truncatingIfNeeded: packet.targetPort &>> 8)
    if packet.transport == .icmp {
      notice.subject = IPAddress(v4: packet.sequence)
      return true
    }
    let start = Int(packet.payloadOffset)
    let end = start &+ Int(packet.payloadLength)
    guard let base = frame.baseAddress, end <= frame.count else { return false }
    var cursor = HeaderCursor(base: base, offset: start, end: end, statedEnd: end)
    switch notice.type {
    case routerAdvertisement:
      notice.detail = UInt16(truncatingIfNeeded: packet.sequence)
      guard cursor.remaining >= 8 else { return false }
      cursor.skip(8)
    case neighbourSolicitation, neighbourAdvertisement, redirect6:
      notice.detail = UInt16(truncatingIfNeeded: packet.sequence &>> 16)
      guard cursor.remaining >= 16 else { return false }
      notice.subject = IPAddress(high: cursor.quad(0), low: cursor.quad(8))
      cursor.skip(notice.type == redirect6 ? min(32, cursor.remaining) : 16)
    default: break
    }
    notice.readOptions(&cursor)
    return true
  }

  /// Link-layer addresses (1, 2) and the first prefix (3).
  private mutating func readOptions(_ cursor: inout HeaderCursor) {
    for _ in 0..<Self.optionLimit {
      guard cursor.remaining >= 8 else { return }
      let length = Int(cursor.byte(1)) &* 8
      guard length > 0, cursor.remaining >= length else { return }
      switch cursor.byte(0) {
      case 1, 2: mac = cursor.mac(2)
      case 3 where length >= 32 && subject == .unspecified:
        subject = IPAddress(high: cursor.quad(16), low: cursor.quad(24))
      default: break
      }
      cursor.skip(length)
    }
  }
}
