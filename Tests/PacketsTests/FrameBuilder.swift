import Packets
import Terms

/// Writes headers in front of one another, lengths filled in, so that a test states only what it is
/// about.
enum FrameBuilder {
  static let client: [UInt8] = [10, 0, 0, 1]
  static let server: [UInt8] = [10, 0, 0, 2]
  static let client6: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]
  static let server6: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 11) + [2]

  static func word(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }

  static func ethernet(_ type: Int, _ payload: [UInt8]) -> [UInt8] {
    [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] + word(type) + payload
  }

  static func tag(_ vlan: Int, _ type: Int, _ payload: [UInt8]) -> [UInt8] {
    word(vlan) + word(type) + payload
  }

  static func arp(hardwareLength: UInt8 = 6) -> [UInt8] {
    [0, 1, 8, 0, hardwareLength, 4, 0, 2] + [2, 0, 0, 0, 0, 1] + client + [2, 0, 0, 0, 0, 2]
      + server
  }

  static func ipv4(
    _ transport: UInt8, _ payload: [UInt8], options: [UInt8] = [], fragment: Int = 0,
    total: Int? = nil
  ) -> [UInt8] {
    let header = 20 + options.count
    return [UInt8(0x40 | header / 4), 0] + word(total ?? header + payload.count) + word(77)
      + word(fragment) + [64, transport, 0, 0] + client + server + options + payload
  }

  static func ipv6(_ next: UInt8, _ payload: [UInt8], length: Int? = nil) -> [UInt8] {
    [0x60, 0, 0, 0] + word(length ?? payload.count) + [next, 64] + client6 + server6 + payload
  }

  static func tcp(
    _ payload: [UInt8] = [], flags: UInt8 = 2, options: [UInt8] = [], offset: Int? = nil
  ) -> [UInt8] {
    let words = offset ?? (20 + options.count) / 4
    return word(40_000) + word(80) + [0, 0, 0, 7] + [0, 0, 0, 9]
      + [UInt8(words << 4), flags] + word(1024) + [0, 0, 0, 0] + options + payload
  }

  static func udp(_ payload: [UInt8] = [], length: Int? = nil) -> [UInt8] {
    word(5353) + word(53) + word(length ?? 8 + payload.count) + [0, 0] + payload
  }

  static func icmp(_ type: UInt8, _ code: UInt8, _ payload: [UInt8] = []) -> [UInt8] {
    [type, code, 0, 0, 0x12, 0x34, 0, 1] + payload
  }

  static func sctp(_ chunk: [UInt8]) -> [UInt8] {
    word(2905) + word(2906) + [0, 0, 0, 0, 0, 0, 0, 0] + chunk
  }
}

/// Decodes a copy of exactly the size of `frame`, so that a read past its end would leave the
/// allocation.
func decode(
  _ frame: [UInt8], _ linkType: LinkType = .ethernet, wireLength: Int? = nil
) -> Packet {
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: frame.count, alignment: 1)
  defer { copy.deallocate() }
  copy.copyBytes(from: frame)
  var packet = Packet()
  PacketDecoder.decode(
    UnsafeRawBufferPointer(copy), linkType: linkType, wireLength: UInt32(wireLength ?? frame.count),
    time: CaptureTime(nanoseconds: 5), index: 3, into: &packet)
  return packet
}

/// The generator of the mutation tests: SplitMix64 (Steele, Lea, Flood 2014).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
