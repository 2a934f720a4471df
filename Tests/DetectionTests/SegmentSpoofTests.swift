import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct SegmentSpoofTests {
  private static let office = "10.10.2.0/24"

  private func spoofs(_ capture: String) throws -> [Report] {
    try Lab.detections(capture, in: Lab.segment(Self.office))
      .filter { $0.kind.family == "spoof" && $0.severity > Report.informationalSeverity }
  }

  private func frame<Engine>(
    _ kind: FlowEvent.Kind, _ source: String, _ mac: UInt64, _ target: String,
    _ story: inout Story<Engine>
  ) throws -> FlowEvent {
    var event = try story.event(kind, source, target, 80)
    event.sourceMAC = MACAddress(bits: mac)
    event.targetMAC = MACAddress(bits: 0xff)
    event.timeToLive = 64
    return event
  }

  @Test func aHostThatAdvertisesItselfAsRouterIsTold() throws {
    let reports = try spoofs("rogue-router")
    #expect(reports.map { $0.text("technique") } == ["router-advertisement"])
    #expect(reports.first?.attributes["mac"] == .mac(MACAddress(bits: 0x0200_0a00_0104)))
  }

  @Test func twoRoutersOfOneNetworkAreBothRight() throws {
    var story = try Story(RogueRouter(DetectionContext()))
    for _ in 0..<20 {
      for (mac, address) in [(1, "fe80::1"), (2, "fe80::2")] as [(UInt64, String)] {
        story.wait(10)
        var event = try frame(.neighbour, address, mac, "ff02::1", &story)
        event.arpOperation = NeighbourNotice.routerAdvertisement
        event.subject = try #require(IPAddress("2001:db8:1::"))
        event.sourcePort = 1800
        story.tell(event)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func whoSpeaksInTheRoutersNameIsTold() throws {
    var story = try Story(RogueRouter(DetectionContext()))
    for mac in [1, 1, 1, 2, 1, 2, 1, 2] as [UInt64] {
      story.wait(10)
      var event = try frame(.neighbour, "fe80::1", mac, "ff02::1", &story)
      event.arpOperation = NeighbourNotice.routerAdvertisement
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == ["router-impersonation"])
  }

  @Test func advertisementsInNeighboursNamesAreTold() throws {
    let reports = try spoofs("neighbour-spoof")
    #expect(!reports.isEmpty)
    #expect(reports.allSatisfy { $0.text("technique") == "neighbour-advertisement" })
    #expect(
      reports.allSatisfy { $0.attributes["mac"] == .mac(MACAddress(bits: 0x0200_0a00_0104)) })
  }

  @Test func objectionsToEveryNewcomerAreTold() throws {
    let reports = try spoofs("address-denial")
    #expect(reports.map { $0.text("technique") }.contains("duplicate-address-denial"))
  }

  @Test func oneDuplicateAddressIsAMistake() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    for _ in 0..<5 {
      story.wait(10)
      var probe = try frame(.neighbour, "::", 5, "ff02::1:ff00:7", &story)
      probe.arpOperation = NeighbourNotice.neighbourSolicitation
      probe.subject = try #require(IPAddress("2001:db8::7"))
      story.tell(probe)
      var objection = try frame(.neighbour, "2001:db8::7", 7, "ff02::1", &story)
      objection.arpOperation = NeighbourNotice.neighbourAdvertisement
      objection.subject = probe.subject
      objection.sourcePort = 0x2000
      story.tell(objection)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func redirectionsByAHostAreTold() throws {
    let reports = try spoofs("icmp-redirect")
    #expect(reports.map { $0.text("reason") } == ["icmp-redirect"])
    #expect(reports.first?.sources.covers(try #require(IPAddress("10.10.2.104"))) == true)
  }

  @Test func aRoutersRedirectionIsItsDuty() throws {
    var story = try Story(MacSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.1", 1, "10.1.1.5")
    try story.arp(2, "10.1.1.5", 5, "10.1.1.1", 1)
    story.tell(try frame(.opened, "198.51.100.7", 1, "10.1.1.5", &story))
    story.tell(try frame(.opened, "10.1.1.1", 1, "10.1.1.5", &story))
    for _ in 0..<10 {
      story.wait(1)
      var event = try frame(.neighbour, "10.1.1.1", 1, "10.1.1.5", &story)
      event.arpOperation = NeighbourNotice.redirect4
      event.subject = try #require(IPAddress("10.1.1.2"))
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aNeighboursSourceAddressIsSpoofed() throws {
    var story = try Story(MacSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.5", 5, "10.1.1.1")
    try story.arp(1, "10.1.1.6", 6, "10.1.1.1")
    for _ in 0..<10 {
      story.wait(1)
      story.tell(try frame(.opened, "10.1.1.5", 5, "10.1.1.9", &story))
      story.tell(try frame(.opened, "10.1.1.5", 6, "10.1.1.9", &story))
    }
    let told = story.finish()
    #expect(told.map { $0.text("reason") } == ["neighbours-source"])
    #expect(told.map(\.kind) == [.ipSpoof])
  }

  @Test func anotherInterfaceUnderALiveHostsIdentityIsTold() throws {
    var story = try Story(MacSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.5", 5, "10.1.1.1")
    try story.arp(1, "10.1.1.6", 6, "10.1.1.1")
    for _ in 0..<10 {
      story.wait(1)
      story.tell(try frame(.opened, "10.1.1.5", 5, "10.1.1.9", &story))
      story.tell(try frame(.opened, "10.1.1.5", 0x66, "10.1.1.9", &story))
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.macSpoof])
  }

  /// A lease that passes on, a spare interface that takes over, a virtual router that moves.
  @Test func anAddressThatChangesHandsIsNotSpoofed() throws {
    var story = try Story(MacSpoof(DetectionContext()))
    for owner in [5, 6, 0x5e_0001_07, 7] as [UInt64] {
      try story.arp(1, "10.1.1.5", owner, "10.1.1.1")
      try story.arp(1, "10.1.1.\(owner & 7 + 10)", owner, "10.1.1.1")
      for _ in 0..<20 {
        story.wait(1)
        story.tell(try frame(.opened, "10.1.1.5", owner, "10.1.1.9", &story))
      }
      story.wait(90)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  private func hello(
    _ bridge: UInt64, root: UInt64, _ story: inout Story<BridgeTakeover>
  ) throws {
    var event = try frame(.control, "::", bridge, "::", &story)
    event.arpOperation = Packet.Control.spanningTree.rawValue
    event.frameMAC = MACAddress(bits: root)
    event.sourcePort = 0x8000
    event.packetsOut = 1
    story.tell(event)
  }

  @Test func aHostThatMakesItselfRootIsTold() throws {
    var story = try Story(BridgeTakeover(DetectionContext()))
    try story.arp(1, "10.1.1.6", 0x66, "10.1.1.1")
    for round in 0..<20 {
      story.wait(2)
      try hello(0x20, root: 0x10, &story)
      if round > 8 { try hello(0x66, root: 0x0f, &story) }
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == ["spanning-tree-root"])
    #expect(told.first?.sources.listed.map(\.description) == ["10.1.1.6"])
  }

  @Test func aNewRootOfTheSameBridgeIsTheNetworksOwn() throws {
    var story = try Story(BridgeTakeover(DetectionContext()))
    for round in 0..<40 {
      story.wait(2)
      try hello(0x20, root: round < 20 ? 0x10 : 0x0f, &story)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aFloodOfNeighbourTablesIsTold() throws {
    var story = try Story(BridgeTakeover(DetectionContext()))
    for number in 0..<400 as Range<UInt64> {
      story.wait(0.01)
      var event = try frame(.control, "::", 0x1000 + number, "::", &story)
      event.arpOperation = Packet.Control.ciscoDiscovery.rawValue
      event.packetsOut = 1
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == ["cdp"])
  }

  /// Nobody objects, and the newcomers announce themselves (RFC 9131).
  @Test func newcomersThatAnnounceThemselvesObjectToNobody() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    for host in 1...40 as ClosedRange<UInt64> {
      story.wait(0.1)
      var probe = try frame(.neighbour, "::", host, "ff02::1:ff00:7", &story)
      probe.arpOperation = NeighbourNotice.neighbourSolicitation
      probe.subject = try #require(IPAddress("2001:db8::\(host)"))
      story.tell(probe)
      story.wait(1)
      var notice = try frame(.neighbour, "2001:db8::\(host)", host, "ff02::2", &story)
      notice.arpOperation = NeighbourNotice.neighbourAdvertisement
      notice.subject = probe.subject
      story.tell(notice)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
