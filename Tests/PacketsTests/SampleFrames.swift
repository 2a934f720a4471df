import Packets

/// Well-formed frames, one or more for each header the decoder knows.
struct SampleFrame: Sendable, CustomStringConvertible {
  let description: String
  let linkType: LinkType
  let bytes: [UInt8]

  init(_ description: String, _ bytes: [UInt8], _ linkType: LinkType = .ethernet) {
    self.description = description
    self.linkType = linkType
    self.bytes = bytes
  }

  private static let synOptions: [UInt8] = [2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 0, 0]
  private static let v4 = FrameBuilder.ipv4(6, FrameBuilder.tcp([1, 2, 3]))
  private static let v6 = FrameBuilder.ipv6(17, FrameBuilder.udp([1, 2, 3]))

  static let all: [SampleFrame] = [
    SampleFrame("tcp", FrameBuilder.ethernet(0x800, v4)),
    SampleFrame(
      "tcp options",
      FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(6, FrameBuilder.tcp(options: synOptions)))),
    SampleFrame(
      "ip options",
      FrameBuilder.ethernet(
        0x800, FrameBuilder.ipv4(17, FrameBuilder.udp([9]), options: [7, 7, 4, 0, 0, 0, 0, 0]))),
    SampleFrame("vlan", FrameBuilder.ethernet(0x8100, FrameBuilder.tag(7, 0x800, v4))),
    SampleFrame(
      "qinq",
      FrameBuilder.ethernet(
        0x88a8, FrameBuilder.tag(5, 0x8100, FrameBuilder.tag(6, 0x86dd, v6)))),
    SampleFrame("udp6", FrameBuilder.ethernet(0x86dd, v6)),
    SampleFrame("arp", FrameBuilder.ethernet(0x806, FrameBuilder.arp())),
    SampleFrame(
      "snap",
      FrameBuilder.ethernet(8 + v4.count, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + v4)),
    SampleFrame("cooked", [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0] + v4, .linuxCooked),
    SampleFrame(
      "cooked 2",
      [0x86, 0xdd, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0] + v6, .linuxCooked2),
    SampleFrame("raw", v6, .rawIP),
    SampleFrame("loopback", [2, 0, 0, 0] + v4, .loopback),
    SampleFrame("loopback, other order", [0, 0, 0, 30] + v6, .loopback),
    SampleFrame("extensions", FrameBuilder.ethernet(0x86dd, extensions)),
    SampleFrame(
      "unreachable",
      FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(1, FrameBuilder.icmp(3, 3, v4)))),
    SampleFrame(
      "too big",
      FrameBuilder.ethernet(0x86dd, FrameBuilder.ipv6(58, FrameBuilder.icmp(2, 0, v6)))),
    SampleFrame(
      "sctp",
      FrameBuilder.ethernet(
        0x800, FrameBuilder.ipv4(132, FrameBuilder.sctp([1, 0, 0, 8, 0, 0, 0, 1])))),
    SampleFrame(
      "first fragment",
      FrameBuilder.ethernet(
        0x800,
        FrameBuilder.ipv4(17, FrameBuilder.udp([UInt8](repeating: 1, count: 24)), fragment: 0x2000))
    ),
    SampleFrame(
      "later fragment",
      FrameBuilder.ethernet(
        0x800, FrameBuilder.ipv4(17, [1, 2, 3], fragment: 4))),
    SampleFrame(
      "fragment6",
      FrameBuilder.ethernet(
        0x86dd, FrameBuilder.ipv6(44, [6, 0, 0, 1, 0, 0, 0, 9] + FrameBuilder.tcp([1, 2, 3, 4])))),
  ]

  /// Hop-by-hop, routing, destination, AH, an atomic fragment, then TCP.
  private static let extensions: [UInt8] = FrameBuilder.ipv6(
    0,
    [43, 0, 1, 4, 0, 0, 0, 0] + [60, 0, 4, 0, 0, 0, 0, 0] + [51, 0, 1, 4, 0, 0, 0, 0]
      + [44, 4, 0, 0] + [UInt8](repeating: 0, count: 20) + [6, 0, 0, 0, 0, 0, 0, 1]
      + FrameBuilder.tcp([1, 2]))
}
