import Packets

/// One frame for each malformation.
enum MalformedFrame {
  typealias Row = (Malformation, [UInt8], LinkType)

  private static func v4(_ transport: UInt8, _ payload: [UInt8], fragment: Int = 0) -> [UInt8] {
    FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(transport, payload, fragment: fragment))
  }

  private static func v6(_ next: UInt8, _ payload: [UInt8]) -> [UInt8] {
    FrameBuilder.ethernet(0x86dd, FrameBuilder.ipv6(next, payload))
  }

  static let all: [Row] = link + internet + transport

  private static let link: [Row] = [
    (.linkTruncated, [1, 2, 3], .ethernet),
    (.vlanTruncated, FrameBuilder.ethernet(0x8100, [0, 1]), .ethernet),
    (
      .vlanDepth,
      FrameBuilder.ethernet(0x8100, (0..<6).flatMap { FrameBuilder.tag($0, 0x8100, []) }), .ethernet
    ),
    (.llcLength, FrameBuilder.ethernet(100, [0x42, 0x42, 3]), .ethernet),
    (.ipVersion, [0x50, 0, 0, 0], .rawIP),
  ]

  private static let internet: [Row] = [
    (.arpTruncated, FrameBuilder.ethernet(0x806, [0, 1, 8, 0, 6, 4, 0, 1, 9]), .ethernet),
    (.arpLength, FrameBuilder.ethernet(0x806, FrameBuilder.arp(hardwareLength: 9)), .ethernet),
    (.ipv4Truncated, FrameBuilder.ethernet(0x800, [0x45, 0, 0]), .ethernet),
    (.ipv4Version, FrameBuilder.ethernet(0x800, FrameBuilder.ipv6(6, [])), .ethernet),
    (
      .ipv4HeaderLength,
      FrameBuilder.ethernet(0x800, [0x44] + FrameBuilder.ipv4(6, []).dropFirst()), .ethernet
    ),
    (
      .ipv4TotalLength, FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(6, [], total: 19)),
      .ethernet
    ),
    (
      .ipv4PastFrame, FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(6, [], total: 900)),
      .ethernet
    ),
    (
      .ipv4Option,
      FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(99, [], options: [7, 0, 0, 0])), .ethernet
    ),
    (.ipv6Truncated, FrameBuilder.ethernet(0x86dd, [0x60, 0, 0]), .ethernet),
    (.ipv6Version, FrameBuilder.ethernet(0x86dd, FrameBuilder.ipv4(6, [9] * 40)), .ethernet),
    (
      .ipv6PastFrame, FrameBuilder.ethernet(0x86dd, FrameBuilder.ipv6(99, [], length: 50)),
      .ethernet
    ),
    (.ipv6ExtensionTruncated, v6(0, [6, 9, 0, 0, 0, 0, 0, 0]), .ethernet),
    (.ipv6ExtensionChain, v6(60, (0..<9).flatMap { _ in [60, 0, 0, 0, 0, 0, 0, 0] }), .ethernet),
    (.fragmentPastEnd, v4(1, [0] * 64, fragment: 0x1fff), .ethernet),
    (.fragmentLength, v4(17, FrameBuilder.udp([1]), fragment: 0x2000), .ethernet),
    (.fragmentTiny, v4(6, [0] * 8, fragment: 0x2000), .ethernet),
  ]

  private static let transport: [Row] = [
    (.tcpTruncated, v4(6, [0] * 19), .ethernet),
    (.tcpDataOffset, v4(6, FrameBuilder.tcp(offset: 4)), .ethernet),
    (.tcpOption, v4(6, FrameBuilder.tcp(options: [2, 9, 0, 0])), .ethernet),
    (.udpTruncated, v4(17, [0] * 7), .ethernet),
    (.udpLength, v4(17, FrameBuilder.udp([1], length: 10)), .ethernet),
    (.icmpTruncated, v4(1, [8, 0, 0]), .ethernet),
    (.icmpv6Truncated, v6(58, [128, 0, 0]), .ethernet),
    (.icmpEmbedded, v4(1, FrameBuilder.icmp(3, 1, [0x45])), .ethernet),
    (.sctpTruncated, v4(132, [0] * 11), .ethernet),
    (.sctpChunk, v4(132, FrameBuilder.sctp([0, 0, 0, 3])), .ethernet),
  ]
}

private func * (octets: [UInt8], count: Int) -> [UInt8] {
  (0..<count).flatMap { _ in octets }
}
