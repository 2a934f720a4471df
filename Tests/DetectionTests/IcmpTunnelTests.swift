import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct IcmpTunnelTests {
  private func story() throws -> Story<IcmpTunnel> { try Story(IcmpTunnel(DetectionContext())) }

  /// Echo that is over: packets and payload each way.
  private func echo(
    _ story: inout Story<IcmpTunnel>, _ source: String, _ target: String,
    out: (packets: UInt32, bytes: UInt64), back: (packets: UInt32, bytes: UInt64)
  ) throws {
    story.wait(30)
    var event = try story.event(
      .closed, source, target, 8 << 8, probe: .icmpEcho, transport: .icmp)
    event.isEstablished = true
    (event.totalPacketsOut, event.totalPacketsIn) = (out.packets, back.packets)
    (event.payloadOut, event.payloadIn) = (out.bytes, back.bytes)
    story.tell(event)
  }

  @Test(
    arguments: [
      // A shell that polls with empty requests; a file that goes out; one that comes in beside.
      ((300, 4200), (300, 9000)), ((200, 200_000), (200, 5600)), ((60, 1680), (190, 150_000)),
    ] as [((UInt32, UInt64), (UInt32, UInt64))])
  func repliesThatAreNoEchoCarryData(
    out: (packets: UInt32, bytes: UInt64), back: (packets: UInt32, bytes: UInt64)
  ) throws {
    var story = try story()
    try echo(&story, "10.1.1.5", "203.0.113.9", out: out, back: back)
    let told = story.finish()
    #expect(told.map(\.story) == ["exfil.icmp-tunnel 10.1.1.5 > 203.0.113.9"])
  }

  @Test func pingsOfAnySizeAndWithLossesAreBalanced() throws {
    var story = try story()
    for host in 1..<40 {
      let target = "203.0.113.\(host)"
      try echo(&story, "10.1.1.5", target, out: (1000, 56_000), back: (700, 39_200))
      try echo(&story, "10.1.1.5", target, out: (500, 700_000), back: (500, 700_000))
      try echo(&story, "10.1.1.9", target, out: (4, 128), back: (4, 128))
      // Answers that are doubled, and a search for the path's size that loses the largest.
      try echo(&story, "10.1.1.5", target, out: (100, 5600), back: (103, 5768))
      try echo(&story, "10.1.1.6", target, out: (10, 9000), back: (8, 6200))
    }
    let told = story.finish()
    #expect(told.isEmpty, "\(told.map(\.terms))")
  }
}
