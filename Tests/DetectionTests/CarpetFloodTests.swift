import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// Floods over whole networks, and what else comes to host after host of one.
@Suite struct CarpetFloodTests {
  private func story(_ transport: TransportProtocol = .tcp) throws -> Story<CarpetFlood> {
    let home = try #require(IPPrefix("10.1.0.0/16"))
    return try Story(CarpetFlood(DetectionContext(prefixes: [home], home: [home]), transport))
  }

  /// A hundred flows a second to one port of `hosts` hosts, in no order, by so many sources.
  private func flows(
    hosts: Int, sources: Int, isAnswered: Bool = false, transport: TransportProtocol = .tcp
  ) throws -> [Report] {
    var story = try story(transport)
    let probe = transport == .udp ? FlowEvent.Probe.udp : .syn
    for number in 0..<2000 {
      story.wait(0.01)
      let source = number % sources
      let (name, host) = (
        "198.\(source / 250).7.\(source % 250)", "10.1.1.\(number &* 7919 % hosts + 1)"
      )
      try story.contact(.opened, name, host, 80, probe: probe, transport: transport)
      if isAnswered {
        try story.contact(.established, name, host, 80, probe: probe, transport: transport)
      }
    }
    return story.finish()
  }

  @Test(arguments: [(TransportProtocol.tcp, "dos.syn-flood"), (.udp, "dos.udp-flood")])
  func inventedSourcesOverANetworkAreAFloodOfIt(transport: TransportProtocol, kind: String) throws {
    let told = try flows(hosts: 200, sources: 2000, transport: transport)
    #expect(told.map(\.kind.text) == [kind])
    #expect(told.first?.targets.listed.map(\.description) == ["10.1.1.0/24"])
    #expect(told.first?.text("technique") == "carpet")
    #expect(told.first?.ports == [80])
  }

  /// One host; decoys or bots that come back; visitors of a farm of web sites.
  @Test(arguments: [(1, 2000, false), (200, 25, false), (200, 2000, true)])
  func whatIsNoCarpetIsNotToldAsOne(hosts: Int, sources: Int, isAnswered: Bool) throws {
    #expect(try flows(hosts: hosts, sources: sources, isAnswered: isAnswered).isEmpty)
  }

  /// A scan that two thousand sources share: each door once.
  @Test func aSharedScanIsNoFlood() throws {
    var story = try story()
    for number in 0..<2000 {
      story.wait(0.01)
      try story.contact(
        .opened, "198.\(number / 250).7.\(number % 250)", "10.1.1.\(number % 250)",
        UInt16(20 + number / 250))
    }
    #expect(story.finish().isEmpty)
  }
}
