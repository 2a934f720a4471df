import Packets
import Terms

/// What tells flows apart, in the direction of one packet; a packet the other way has the mirrored
/// key.
struct FlowKey: BitwiseCopyable {
  var source: IPAddress
  var target: IPAddress
  var sourcePort: UInt16
  var targetPort: UInt16
  var transport: UInt8

  /// ICMP queries and their replies share the ports (identifier, type · 256 of the query); other
  /// ICMP messages have (0, type · 256 + code).
  @inline(__always) init(_ packet: borrowing Packet) {
    source = packet.source
    target = packet.target
    sourcePort = packet.sourcePort
    targetPort = packet.targetPort
    transport = packet.transport.number
    guard ICMPExchange.speaks(packet) else { return }
    if let query = ICMPExchange.query(answeredBy: packet) {
      targetPort = packet.sourcePort
      sourcePort = query &<< 8
    } else if ICMPExchange.isQuery(packet) {
      targetPort &= 0xff00
    }
  }

  /// The same for a flow and its mirror image; `seed` keys it. One 64 × 64 → 128-bit product per
  /// end, as in wyhash.
  @inline(__always) func hash(seed: UInt64) -> UInt64 {
    let sum = Self.mix(source, sourcePort, seed) &+ Self.mix(target, targetPort, seed)
    return Self.fold(sum ^ UInt64(transport), seed | 1)
  }

  @inline(__always) private static func mix(
    _ address: IPAddress, _ port: UInt16, _ seed: UInt64
  ) -> UInt64 {
    fold(
      address.high ^ seed ^ UInt64(port) &* 0xa076_1d64_78bd_642f,
      address.low ^ seed ^ 0xe703_7ed1_a0b4_28db)
  }

  @inline(__always) private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }
}

/// Which ICMP messages ask and which answer (RFC 792, RFC 950, RFC 4443).
enum ICMPExchange {
  @inline(__always) static func speaks(_ packet: borrowing Packet) -> Bool {
    let transport = packet.transport
    return transport == .icmp || transport == .icmpv6
  }

  @inline(__always) static func isQuery(_ packet: borrowing Packet) -> Bool {
    let type = packet.targetPort &>> 8
    if packet.transport == .icmpv6 { return type == 128 }
    return type == 8 || type == 13 || type == 15 || type == 17
  }

  @inline(__always) static func isEchoRequest(_ packet: borrowing Packet) -> Bool {
    packet.targetPort &>> 8 == (packet.transport == .icmpv6 ? 128 : 8)
  }

  /// The type of the query that a reply answers; nil for other messages.
  @inline(__always) static func query(answeredBy packet: borrowing Packet) -> UInt16? {
    let type = packet.targetPort &>> 8
    if packet.transport == .icmpv6 { return type == 129 ? 128 : nil }
    switch type {
    case 0: return 8
    case 14, 16, 18: return type &- 1
    default: return nil
    }
  }

  /// Whether an error says that its target cannot be reached; "fragmentation needed" does not.
  static func isUnreachable(_ packet: borrowing Packet) -> Bool {
    if packet.transport == .icmpv6 { return packet.targetPort &>> 8 == 1 }
    let port = packet.targetPort
    return port &>> 8 == 3 && port & 0xff != 4
  }
}
