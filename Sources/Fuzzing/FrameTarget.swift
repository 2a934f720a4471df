import Packets
import Terms

/// Frames of every link type, and the packets quoted in ICMP errors.
final class FrameTarget: FuzzTarget {
  private static let linkTypes: [LinkType] = [
    .ethernet, .rawIP, .loopback, .linuxCooked, .linuxCooked2,
  ]
  private var packet = Packet()
  private var inner = Packet()
  private var count: UInt64 = 0
  private var sound: UInt64 = 0

  init() {
    let ip = FuzzFrames.ip4(6, FuzzFrames.tcp(1, Array("x".utf8)))
    let icmp = FuzzFrames.ip4(
      1, [3, 1, 0, 0, 0, 0, 0, 0] + FuzzFrames.ip4(17, [0, 53, 0, 53, 0, 8, 0, 0]))
    let six = FuzzFrames.ip6(
      0,
      [43, 0, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0] + [6, 0, 0, 1, 0, 0, 0, 7]
        + FuzzFrames.tcp(1, []))
    let arp: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 1] + [UInt8](repeating: 7, count: 20)
    super.init(
      "frames",
      seeds: [
        FuzzFrames.ethernet(0x0800, ip), FuzzFrames.ethernet(0x0800, icmp),
        FuzzFrames.ethernet(0x86dd, six), FuzzFrames.ethernet(0x0806, arp),
        FuzzFrames.ethernet(0x8100, [0, 5, 0x88, 0xa8, 0, 6, 8, 0] + ip),
        FuzzFrames.ethernet(40, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + ip), ip, six, [2, 0, 0, 0] + ip,
        [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0] + ip,
        [8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0] + ip,
        FuzzFrames.ethernet(
          0x0800, FuzzFrames.ip4(132, [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20])),
      ])
  }

  override func consume(_ input: UnsafeRawBufferPointer) {
    count &+= 1
    let type = Self.linkTypes[Int(count % 5)]
    PacketDecoder.decode(
      input, linkType: type, wireLength: UInt32(input.count) &+ UInt32(count & 3),
      time: .distantPast, index: count, into: &packet)
    if packet.hasTransport { sound &+= 1 }
    _ = PacketDecoder.decodeEmbedded(input, of: packet, into: &inner)
    _ = withUnsafePointer(to: packet) {
      ChecksumPart(
        $0, input, start: Int($0.pointee.transportOffset), network: Int($0.pointee.networkOffset))
    }
    if packet.content == .fragment { PacketDecoder.decodeReassembled(input, into: &packet) }
  }

  override var understood: UInt64 { sound }
}

/// Frames for seeds.
enum FuzzFrames {
  static func word(_ value: Int) -> [UInt8] {
    [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
  }

  static func ethernet(_ type: Int, _ payload: [UInt8]) -> [UInt8] {
    [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2] + word(type) + payload
  }

  static func ip4(
    _ transport: UInt8, _ payload: [UInt8], id: Int = 1, fragment: Int = 0
  ) -> [UInt8] {
    [0x45, 0] + word(20 + payload.count) + word(id) + word(fragment)
      + [64, transport, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2] + payload
  }

  static func ip6(_ next: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [0x60, 0, 0, 0] + word(payload.count) + [next, 64] + [UInt8](repeating: 0x20, count: 32)
      + payload
  }

  static func tcp(_ sequence: Int, _ payload: [UInt8], flags: UInt8 = 0x18) -> [UInt8] {
    [0x9c, 0x40, 0, 80, 0, 0] + word(sequence) + [0, 0, 0, 1, 0x50, flags, 16, 0, 0, 0, 0, 0]
      + payload
  }
}
