import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct DHCPTests {
  private let server: UInt64 = 0x02_0000_0000_02
  private let other: UInt64 = 0x02_0000_0000_66

  private func context(dhcp: [String], gateways: [String] = []) throws -> DetectionContext {
    var context = DetectionContext()
    context.dhcp = try dhcp.map { try #require(IPAddress($0)) }
    context.gateways = try gateways.map { try #require(IPAddress($0)) }
    return context
  }

  @Test(arguments: [1.0, 10, 100]) func aSecondServerWithAnotherRouterIsFound(
    slower: Double
  ) throws {
    let reports = try Lab.detections("rogue-dhcp", slower: slower)
    #expect(
      reports.map(\.story) == [
        "spoof.dhcp-server 10.10.2.104 > 10.10.2.101 10.10.2.102 10.10.2.103 10.10.2.226"
      ])
    #expect(reports.first?.attributes["router"]?.description == "10.10.2.104")
    #expect(reports.first?.count("offers") == 30)
  }

  @Test func aServerThatTheTopologyDoesNotListIsFoundAtItsFirstOffer() throws {
    var story = try NameStory(DHCPServers(try context(dhcp: ["10.1.1.2"])))
    try story.serve(
      .offer, "10.1.1.66", mac: other, router: "10.1.1.1", dns: "10.1.1.2", offered: "10.1.1.90")
    let reports = story.finish()
    #expect(reports.map(\.story) == ["spoof.dhcp-server 10.1.1.66 > 10.1.1.90"])
  }

  @Test func offersInTheKnownServersNameAreFound() throws {
    var story = try NameStory(DHCPServers(try context(dhcp: ["10.1.1.2"])))
    try story.ask("10.1.1.66", "10.1.1.2", "www.example.net", mac: other)
    for turn in 0..<4 {
      story.wait(30)
      try story.serve(
        .ack, "10.1.1.2", mac: server, router: "10.1.1.1", dns: "10.1.1.2", offered: "10.1.1.90")
      guard turn > 0 else { continue }
      try story.serve(
        .ack, "10.1.1.2", mac: other, router: "10.1.1.66", dns: "10.1.1.66", offered: "10.1.1.91")
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["spoof.dhcp-server 10.1.1.66 > 10.1.1.91"])
  }

  @Test func relaysAndFailoverPairsAreSilent() throws {
    let relayed = try context(dhcp: ["10.9.9.2", "10.9.9.3"], gateways: ["10.1.1.1"])
    for context in [relayed, DetectionContext()] {
      var story = try NameStory(DHCPServers(context))
      for turn in 0..<10 {
        story.wait(20)
        let second = turn % 2 == 1
        try story.serve(
          .ack, second ? "10.9.9.3" : "10.9.9.2", mac: server, router: "10.1.1.1",
          dns: "10.9.9.53", offered: "10.1.1.9\(turn)", by: "10.1.1.1")
      }
      let told = story.finish()
      #expect(told.isEmpty)
    }
  }

  /// Where nobody listed the servers, but the gateway.
  @Test(arguments: [("10.1.1.66", 1), ("10.1.1.1", 0)])
  func aServerThatLeadsElsewhereIsFound(router: String, reports: Int) throws {
    var story = try NameStory(DHCPServers(try context(dhcp: [], gateways: ["10.1.1.1"])))
    for turn in 0..<3 {
      story.wait(3)
      try story.serve(
        .offer, "10.1.1.66", mac: other, router: router, dns: "10.1.1.66",
        offered: "10.1.1.9\(turn)")
    }
    #expect(story.finish().count == reports)
  }

  @Test(arguments: [0.02, 0.2, 2, 20]) func aFloodOfClientsThatDoNotExistIsFound(
    pause: Double
  ) throws {
    var story = try NameStory(DHCPStarvation(try context(dhcp: ["10.1.1.2"])))
    for turn in 0..<200 {
      story.wait(pause)
      try story.lease(.discover, hardware: 0x5a_1234_0000_00 &+ UInt64(turn) &* 7919)
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["dos.dhcp-starvation  > 10.1.1.2"])
    #expect((reports.first?.count("macs") ?? 0) >= 100)
  }

  @Test func leasesForManyHardwareAddressesFromOneInterfaceAreTracedToIt() throws {
    var story = try NameStory(DHCPStarvation(DetectionContext()))
    try story.ask("10.1.1.66", "10.1.1.2", "www.example.net", mac: other)
    for turn in 0..<60 {
      story.wait(0.5)
      let hardware = 0x5a_1234_0000_00 &+ UInt64(turn)
      try story.lease(.discover, hardware: hardware, mac: other)
      try story.serve(
        .offer, "10.1.1.2", mac: server, router: "10.1.1.1", dns: "10.1.1.2",
        offered: "10.1.1.\(100 + turn)")
      try story.lease(.request, hardware: hardware, mac: other)
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["dos.dhcp-starvation 10.1.1.66 > 10.1.1.2"])
  }

  @Test func aMorningsCrowdIsNoStarvation() throws {
    var story = try NameStory(DHCPStarvation(DetectionContext()))
    for turn in 0..<150 {
      story.wait(0.1)
      let hardware = 0x5a_1234_0000_00 &+ UInt64(turn)
      try story.lease(.discover, hardware: hardware)
      try story.lease(.request, hardware: hardware)
      story.wait(0.1)
      try story.ask("10.1.1.\(turn + 20)", "10.1.1.2", "www.example.net", mac: hardware)
    }
    story.wait(600)
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func hostsThatWaitForADeadServerAreNoStarvation() throws {
    var story = try NameStory(DHCPStarvation(DetectionContext()))
    for turn in 0..<600 {
      story.wait(0.05)
      try story.lease(.discover, hardware: 0x5a_1234_0000_00 &+ UInt64(turn % 100))
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
