import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct ArpSpoofTests {
  private let owner: UInt64 = 0x02_0000_0000_0a
  private let other: UInt64 = 0x02_0000_0000_0b

  @Test(arguments: [1.0, 10, 100]) func poisoningBothSidesIsReportedForBoth(slower: Double) throws {
    let reports = try Lab.detections("arp-spoof", slower: slower)
    #expect(
      reports.map(\.story) == [
        "spoof.arp 10.10.2.105 > 10.10.2.1 10.10.2.101",
        "spoof.arp 10.10.2.105 > 10.10.2.1 10.10.2.101",
      ])
    #expect(
      reports.map { $0.attributes["claimed"]?.description } == ["10.10.2.101", "10.10.2.1"])
    #expect(reports.allSatisfy { $0.text("technique") == "unsolicited-reply" })
    #expect(reports.allSatisfy { $0.attributes["mac"]?.description == "02:00:0a:00:00:0c" })
  }

  @Test func aFailoverThatTellsEverybodyIsNoSpoofing() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    for turn in 0..<2 {
      for _ in 0..<5 {
        story.wait(10)
        try story.arp(2, "10.1.1.1", turn == 0 ? owner : other, "10.1.1.1", 0xffff_ffff_ffff)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func anAddressLeasedToAnotherHostIsNoSpoofing() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.20", owner, "10.1.1.1")
    story.wait(600)
    for _ in 0..<10 {
      story.wait(30)
      try story.arp(1, "10.1.1.20", other, "10.1.1.1")
      try story.arp(1, "10.1.1.1", 0x02_0000_0000_01, "10.1.1.20")
      try story.arp(2, "10.1.1.20", other, "10.1.1.1", 0x02_0000_0000_01)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func announcingTheRoutersAddressToAllIsSpoofing() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.66", other, "10.1.1.30")
    for turn in 0..<20 {
      story.wait(2)
      try story.arp(2, "10.1.1.1", other, "10.1.1.1", 0xffff_ffff_ffff)
      if turn % 4 == 3 { try story.arp(1, "10.1.1.1", owner, "10.1.1.30") }
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["spoof.arp 10.1.1.66 > 10.1.1.1"])
    #expect(told.first?.attributes["previous"]?.description == "02:00:00:00:00:0a")
  }

  @Test func oneHostWithSeveralAddressesIsNoSpoofing() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    for round in 0..<10 {
      story.wait(5)
      for host in 20...24 {
        try story.arp(1, "10.1.1.1", other, "10.1.1.\(host)")
        try story.arp(2, "10.1.1.\(host)", owner, "10.1.1.1", other)
      }
      #expect(round < 10)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// One host tells another that the gateway is where nobody is (netcut), or sets right what it said
  /// before; the owner announces a second interface of its own.
  @Test(arguments: [(0xdead, 66, 1), (1, 66, 0), (0xdead, 1, 0)] as [(UInt64, UInt64, Int)])
  func whoSendsHostsAstrayInAThirdsNameIsTold(told: UInt64, frame: UInt64, reports: Int) throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.66", 66, "10.1.1.1")
    try story.arp(1, "10.1.1.5", 5, "10.1.1.1")
    try story.arp(2, "10.1.1.1", 1, "10.1.1.5", 5)
    for _ in 0..<4 {
      story.wait(10)
      var event = try story.event(
        .arp, "10.1.1.1", "10.1.1.5", probe: .none, transport: .init(number: 0))
      event.arpOperation = 2
      event.sourceMAC = MACAddress(bits: told)
      event.frameMAC = MACAddress(bits: frame)
      event.targetMAC = MACAddress(bits: 5)
      story.tell(event)
    }
    let found = story.finish()
    #expect(found.count == reports)
    #expect(found.allSatisfy { $0.story == "spoof.arp 10.1.1.66 > 10.1.1.1 10.1.1.5" })
  }

  @Test func twoOwnersThatContradictEachOtherAreAConflict() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    for turn in 0..<12 {
      story.wait(10)
      try story.arp(1, "10.1.1.20", turn % 2 == 0 ? owner : other, "10.1.1.1")
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == ["conflict"])
  }

  @Test func poisoningThatBeganBeforeTheCaptureIsSeenWhenTheOwnerAnswers() throws {
    var story = try Story(ArpSpoof(DetectionContext()))
    try story.arp(1, "10.1.1.66", other, "10.1.1.30")
    for _ in 0..<5 {
      story.wait(2)
      try story.arp(2, "10.1.1.1", other, "10.1.1.20", owner)
    }
    try story.arp(1, "10.1.1.30", 0x02_0000_0000_0d, "10.1.1.1")
    try story.arp(2, "10.1.1.1", 0x02_0000_0000_01, "10.1.1.30", 0x02_0000_0000_0d)
    let reports = story.finish()
    #expect(reports.map(\.story) == ["spoof.arp 10.1.1.66 > 10.1.1.1 10.1.1.20"])
  }

  private func handshakes(_ mac: UInt64, _ story: inout Story<ArpSpoof>) throws {
    var event = try story.event(.established, "10.2.2.9", "10.1.1.25", 25)
    event.sourceMAC = MACAddress(bits: 0x02_0000_0000_01)
    event.targetMAC = MACAddress(bits: mac)
    story.tell(event)
  }

  private func context() throws -> DetectionContext {
    DetectionContext(prefixes: [try #require(IPPrefix("10.1.1.0/24"))])
  }

  @Test(arguments: [true, false])
  func anOwnerIsKnownByHandshakesThoughNobodyAskedForIt(isBefore: Bool) throws {
    var story = try Story(ArpSpoof(try context()))
    if isBefore { try handshakes(owner, &story) }
    for _ in 0..<3 {
      story.wait(9)
      try story.arp(2, "10.1.1.25", other, "10.1.1.1", 0x02_0000_0000_01)
    }
    if !isBefore { try handshakes(owner, &story) }
    let told = story.finish()
    #expect(told.map { $0.attributes["claimed"]?.description } == ["10.1.1.25"])
    #expect(told.first?.attributes["mac"]?.description == "02:00:00:00:00:0b")
  }

  /// Announced again and again, while its owner completes handshakes, or once and for all.
  @Test(arguments: [true, false]) func anAnnouncedAddressWhoseOwnerGoesOnIsSpoofed(goesOn: Bool)
    throws
  {
    var story = try Story(ArpSpoof(try context()))
    try story.arp(1, "10.1.1.25", owner, "10.1.1.1")
    for _ in 0..<7 {
      story.wait(3)
      try story.arp(2, "10.1.1.25", other, "10.1.1.25", 0xffff_ffff_ffff)
      try handshakes(goesOn ? owner : other, &story)
    }
    let told = story.finish()
    #expect(told.count == (goesOn ? 1 : 0))
  }

  /// A gateway's address asked for by a claimant over and over, while the gateway routes on, or no
  /// more.
  @Test(arguments: [true, false]) func aClaimedGatewayThatRoutesOnIsSpoofed(goesOn: Bool) throws {
    var context = try context()
    context.gateways = [try #require(IPAddress("10.1.1.1"))]
    var story = try Story(ArpSpoof(context))
    try story.arp(1, "10.1.1.1", owner, "10.1.1.30")
    for _ in 0..<6 {
      story.wait(4)
      try story.arp(1, "10.1.1.1", other, "10.1.1.1")
      story.wait(1)
      var event = try story.event(.established, "203.0.113.9", "10.1.1.25", 25)
      event.sourceMAC = MACAddress(bits: goesOn ? owner : other)
      event.targetMAC = MACAddress(bits: 0x02_0000_0000_25)
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map { $0.attributes["claimed"]?.description } == (goesOn ? ["10.1.1.1"] : []))
  }
}
