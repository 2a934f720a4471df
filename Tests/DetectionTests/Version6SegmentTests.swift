import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// What a segment's IPv6 is attacked by, and what its routers, servers and hosts do all day.
@Suite struct Version6SegmentTests {
  private let router: UInt64 = 0x02_0000_0000_01
  private let host: UInt64 = 0x02_0000_0000_0a
  private let intruder: UInt64 = 0x02_0000_0000_66

  private func notice<Engine>(
    _ type: UInt8, _ source: String, _ mac: UInt64, _ target: String, about subject: String,
    _ story: inout Story<Engine>
  ) throws {
    var event = try story.event(.neighbour, source, target, probe: .none, transport: .icmpv6)
    event.arpOperation = type
    event.sourceMAC = MACAddress(bits: mac)
    event.subject = try #require(IPAddress(subject))
    story.tell(event)
  }

  private func flow<Engine>(
    _ kind: FlowEvent.Kind, _ source: String, _ from: UInt64, _ target: String, _ to: UInt64,
    _ story: inout Story<Engine>, port: UInt16 = 443, transport: TransportProtocol = .tcp
  ) throws {
    story.wait(0.1)
    var event = try story.event(kind, source, target, port, transport: transport)
    event.sourceMAC = MACAddress(bits: from)
    event.targetMAC = MACAddress(bits: to)
    story.tell(event)
  }

  // MARK: - Whose addresses

  /// The topology names the gateway's IPv4 address at most.
  @Test(arguments: [true, false]) func aRoutersAddressOfTheSegmentIsNoForgeryOnceItSaidSo(
    says: Bool
  ) throws {
    var story = try Story(SpoofedSource(Lab.segment("10.10.2.0/24", "2001:db8:2::/64")))
    try flow(.established, "2001:db8:2::5", host, "2a00::9", router, &story)
    if says {
      try notice(
        NeighbourNotice.neighbourSolicitation, "2001:db8:2::1", router, "ff02::1:ff00:5",
        about: "2001:db8:2::5", &story)
    }
    for turn in 0..<9 as Range<UInt16> {
      // Its questions, and that a packet was too big.
      for type in [135, 2] as [UInt16] {
        try flow(
          .opened, "2001:db8:2::1", router, "2001:db8:2::\(turn + 5)", host, &story,
          port: type << 8, transport: .icmpv6)
      }
    }
    let told = story.finish()
    #expect(told.map { $0.text("reason") } == (says ? [] : ["own-source-from-router"]))
  }

  @Test func whatARouterSaysOfItselfExcusesNobodyElse() throws {
    var story = try Story(SpoofedSource(Lab.segment("2001:db8:2::/64")))
    try flow(.established, "2001:db8:2::5", host, "2a00::9", router, &story)
    try notice(
      NeighbourNotice.neighbourAdvertisement, "fe80::1", router, "ff02::1",
      about: "2001:db8:2::1", &story)
    for turn in 0..<9 {
      try flow(.opened, "2001:db8:2::\(turn + 20)", router, "2001:db8:2::5", host, &story)
    }
    let told = story.finish()
    #expect(told.map { $0.text("reason") } == ["own-source-from-router"])
  }

  // MARK: - Routers

  @Test func aHostOfBothFamiliesAndSeveralPrefixesIsNoRouter() throws {
    var routers = Routers(gateways: [])
    let mac = MACAddress(bits: host)
    let time = CaptureTime(seconds: 1000)
    for address in ["10.1.1.5", "fe80::5", "2001:db8:2::5", "2001:db8:2::77", "2001:db8:3::5"] {
      routers.note(mac, carries: try #require(IPAddress(address)), at: time)
    }
    #expect(!routers.forwards(mac))
    #expect(!routers.contains(try #require(IPAddress("2001:db8:2::5")), mac))
    for network in 1...4 {
      routers.note(mac, carries: try #require(IPAddress("2a00:\(network)::9")), at: time)
    }
    #expect(routers.forwards(mac) && routers.knowsAny)
  }

  /// A host of both families was taken for a router, and what it redirected for a router's word.
  @Test func aHostOfBothFamiliesThatRedirectsIsTold() throws {
    var story = try Story(MacSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.66", intruder, "10.1.1.1")
    try flow(.opened, "10.1.1.66", intruder, "198.51.100.7", router, &story)
    try flow(.opened, "10.1.9.9", router, "10.1.1.66", intruder, &story)
    try notice(
      NeighbourNotice.neighbourSolicitation, "2001:db8:2::66", intruder, "ff02::1:ff00:5",
      about: "2001:db8:2::5", &story)
    for _ in 0..<4 {
      story.wait(3)
      try notice(
        NeighbourNotice.redirect6, "fe80::1", intruder, "2001:db8:2::5", about: "fe80::66", &story)
    }
    let told = story.finish()
    #expect(told.map { $0.text("reason") } == ["icmp-redirect"])
  }

  /// The frame is the router's to the bit; it leads to a host, to another router, or home.
  @Test(arguments: [("fe80::66", false, 1), ("fe80::66", true, 0), ("2001:db8:2::66", false, 0)])
  func aRedirectionToAHostInTheRoutersFrameIsTold(
    target: String, advertises: Bool, reports: Int
  ) throws {
    var story = try Story(MacSpoof(DetectionContext()))
    try flow(.opened, "198.51.100.7", router, "10.1.1.5", host, &story)
    try flow(.opened, "203.0.113.7", router, "10.1.1.5", host, &story)
    try notice(
      NeighbourNotice.neighbourSolicitation, "2001:db8:2::66", intruder, "ff02::1:ff00:5",
      about: "2001:db8:2::5", &story)
    if advertises {
      try notice(
        NeighbourNotice.routerAdvertisement, "fe80::66", intruder, "ff02::1",
        about: "2001:db8:2::", &story)
    }
    for _ in 0..<4 {
      story.wait(3)
      var event = try story.event(
        .neighbour, "fe80::1", "2001:db8:2::5", probe: .none, transport: .icmpv6)
      event.arpOperation = NeighbourNotice.redirect6
      event.frameMAC = MACAddress(bits: router)
      event.sourceMAC = MACAddress(bits: intruder)
      event.subject = try #require(IPAddress(target))
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map { $0.text("reason") } == Array(repeating: "icmp-redirect", count: reports))
    #expect(told.allSatisfy { $0.story.contains("2001:db8:2::66") })
  }

  // MARK: - Sweeps

  /// Solicitations of absent neighbours, by a host and on behalf of others.
  @Test(arguments: [(true, 0), (false, 1)]) func aHostThatLooksForAbsentNeighboursSweeps(
    forwards: Bool, reports: Int
  ) throws {
    var story = try Story(PingSweep(DetectionContext()))
    for network in 1...5 where forwards {
      try flow(.opened, "2a00:\(network)::9", router, "2001:db8:2::5", host, &story)
    }
    for neighbour in 16..<80 {
      story.wait(0.2)
      let address = "2001:db8:2::" + String(neighbour, radix: 16)
      try notice(
        NeighbourNotice.neighbourSolicitation, "2001:db8:2::66", router, "ff02::1:ff00:1",
        about: address, &story)
      guard neighbour & 15 == 0 else { continue }
      try notice(
        NeighbourNotice.neighbourAdvertisement, address, host, "2001:db8:2::66", about: address,
        &story)
    }
    let told = story.finish()
    #expect(told.count == reports)
    #expect(told.allSatisfy { $0.kind == .pingSweep && $0.sources.count == 1 })
    #expect(told.allSatisfy { $0.text("technique") == "neighbour-solicitation" })
  }

  @Test func whetherNeighboursAreStillThereIsNoSweep() throws {
    var story = try Story(PingSweep(DetectionContext()))
    for round in 0..<3 {
      for neighbour in 16..<80 {
        story.wait(0.2)
        let address = "2001:db8:2::" + String(neighbour, radix: 16)
        // Of one host whether it is reachable, and of everybody whether an address is free.
        try notice(
          NeighbourNotice.neighbourSolicitation, "2001:db8:2::66", host, address, about: address,
          &story)
        try notice(
          NeighbourNotice.neighbourSolicitation, "::", host, "ff02::1:ff00:1",
          about: "2001:db8:2::\(round):\(neighbour)", &story)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  // MARK: - All nodes

  @Test(arguments: [("2001:db8:2::7", true), ("2001:db8:2::7", false), ("fe80::7", true)])
  func pingsOfAllNodesInAHostsNameAreASmurf(source: String, isFlood: Bool) throws {
    var story = try Story(SmurfAttack(Lab.segment("2001:db8:2::/64")))
    for _ in 0..<(isFlood ? 120 : 6) {
      story.wait(isFlood ? 0.05 : 1)
      try story.contact(
        .opened, source, "ff02::1", 128 << 8, probe: .icmpEcho, transport: .icmpv6)
      for neighbour in 1...6 where source.hasPrefix("2001") {
        try story.contact(
          .opened, "2001:db8:2::a\(neighbour)", source, 129 << 8, probe: .icmpOther,
          transport: .icmpv6)
      }
    }
    let told = story.finish()
    #expect(told.map(\.kind) == (isFlood && source.hasPrefix("2001") ? [.smurf] : []))
    #expect(told.allSatisfy { $0.transport == .icmpv6 && $0.sources.count == 6 })
  }

  // MARK: - DHCPv6

  private func client<Engine>(
    _ kind: DHCPMessage.Kind, _ identifier: UInt64, mac: UInt64, _ story: inout NameStory<Engine>
  ) throws {
    var message = DHCPMessage()
    message.isVersion6 = true
    message.operation = 1
    message.kind = kind
    message.clientIdentifier = identifier
    try story.tell(.dhcp(message), from: "fe80::9", 546, to: "ff02::1:2", 547, mac: mac)
  }

  private func server<Engine>(
    _ kind: DHCPMessage.Kind, _ address: String, _ identifier: UInt64 = 7, mac: UInt64,
    dns: String, _ story: inout NameStory<Engine>
  ) throws {
    var message = DHCPMessage()
    message.isVersion6 = true
    message.operation = 2
    message.kind = kind
    message.clientIdentifier = identifier
    message.nameServers = [try #require(IPAddress(dns))]
    message.offeredAddress = try #require(IPAddress("2001:db8:2::99"))
    try story.tell(.dhcp(message), from: address, 547, to: "fe80::9", 546, mac: mac)
  }

  private func listed() throws -> DetectionContext {
    var context = DetectionContext()
    context.dhcp = [try #require(IPAddress("10.1.1.2"))]
    context.gateways = [try #require(IPAddress("10.1.1.1"))]
    return context
  }

  @Test(arguments: [("10.1.1.66", 1), ("10.1.1.2", 0), ("10.1.1.1", 0)])
  func aHostThatAnswersForTheServersOverIPv6IsTold(owner: String, reports: Int) throws {
    var story = try NameStory(DHCPServers(try listed()))
    try story.ask(owner, "10.1.1.53", "www.example.net", mac: intruder)
    for _ in 0..<4 {
      story.wait(2)
      try server(.offer, "fe80::66", mac: intruder, dns: "fe80::66", &story)
      try server(.ack, "fe80::66", mac: intruder, dns: "fe80::66", &story)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == Array(repeating: .dhcpServerSpoof, count: reports))
    #expect(told.allSatisfy { $0.ports == [547] && $0.story.contains(" 10.1.1.66") })
  }

  /// Options of the two families differ by nature.
  @Test func oneServerOfBothFamiliesIsNoConflict() throws {
    var story = try NameStory(DHCPServers(DetectionContext()))
    for turn in 0..<10 {
      story.wait(5)
      try story.serve(
        .ack, "10.1.1.2", mac: host, router: "10.1.1.1", dns: "10.1.1.2",
        offered: "10.1.1.1\(turn)")
      try server(.ack, "fe80::a", mac: host, dns: "2001:db8:2::53", &story)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test(arguments: [0.05, 0.5]) func clientsThatNeverGoOnStarveTheServer(pause: Double) throws {
    var story = try NameStory(DHCPStarvation(DetectionContext()))
    for turn in 1...80 as ClosedRange<UInt64> {
      story.wait(pause)
      try client(.discover, turn &* 0x9e37_79b9, mac: intruder, &story)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["dos.dhcp-starvation fe80::9 > ff02::1:2"])
    #expect(told.first?.ports == [547])
  }

  /// Those that request, those that the server serves at once, and those that ask again in vain.
  @Test(arguments: 0..<3) func aMorningsCrowdOverIPv6IsNoStarvation(way: Int) throws {
    var story = try NameStory(DHCPStarvation(DetectionContext()))
    for turn in 1...120 as ClosedRange<UInt64> {
      story.wait(0.2)
      let identifier = turn &* 0x9e37_79b9
      try client(.discover, identifier, mac: turn, &story)
      switch way {
      case 0: try client(.request, identifier, mac: turn, &story)
      case 1: try server(.ack, "fe80::a", identifier, mac: host, dns: "2001:db8::53", &story)
      default: try client(.discover, identifier, mac: turn, &story)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
