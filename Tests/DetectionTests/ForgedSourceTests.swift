import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct ForgedSourceTests {
  @Test(arguments: [1.0, 10, 100])
  func inventedHardwareAddressesAreOneFlood(slower: Double) throws {
    let reports = try Lab.detections("mac-flood", slower: slower, in: Lab.segment("10.10.2.0/24"))
      .filter { $0.kind.family == "spoof" }
    #expect(reports.map(\.story) == ["spoof.mac-flood  > 10.10.2.0/24"])
    #expect((reports.first?.count("addresses") ?? 0) > 700)
    #expect((reports.first?.revision ?? 99) <= 5)
  }

  @Test func aHallThatFillsWithGuestsIsNoFlood() throws {
    var story = try Story(MacFlood(DetectionContext()))
    for guest in 0..<1000 as Range<UInt64> {
      for _ in 0..<3 {
        story.wait(0.1)
        var event = try story.event(.opened, "10.1.\(guest / 250).\(guest % 250)", "10.1.9.9", 53)
        event.sourceMAC = MACAddress(bits: 0x02_0000_0000_00 + guest)
        story.tell(event)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test(arguments: [1.0, 10, 100])
  func insideAndImpossibleSourcesFromOutsideAreOneReport(slower: Double) throws {
    let reports = try Lab.detections("forged-sources", slower: slower, in: Lab.segment())
      .filter { $0.kind.family == "spoof" }
    #expect(reports.map(\.kind) == [.ipSpoof])
    let report = try #require(reports.first)
    #expect(
      report.text("reason") == "martian, private-source, inside-source-from-outside")
    #expect(report.attributes["mac"]?.description == "02:00:0a:00:00:24")
    #expect(report.targets.listed.map(\.description) == ["10.10.1.10"])
    #expect(report.sources.count == 7)
  }

  @Test func onlyMartiansAreForgedWhereNothingIsKnown() throws {
    let reports = try Lab.detections("forged-sources").filter { $0.kind.family == "spoof" }
    #expect(reports.map { $0.text("reason") } == ["martian"])
  }

  private func packet(
    _ story: inout Story<SpoofedSource>, _ kind: FlowEvent.Kind, _ source: String, _ from: UInt64,
    _ target: String, _ to: UInt64
  ) throws {
    story.wait(0.1)
    var event = try story.event(kind, source, target, 443)
    event.sourceMAC = MACAddress(bits: from)
    event.targetMAC = MACAddress(bits: to)
    story.tell(event)
  }

  private let router: UInt64 = 0x02_0000_0000_01
  private let host: UInt64 = 0x02_0000_0000_0a
  private let other: UInt64 = 0x02_0000_0000_0b

  @Test func aHostThatSendsInOthersNamesIsReportedAndItsRouterIsNot() throws {
    var story = try Story(SpoofedSource(Lab.segment("10.10.2.0/24")))
    for number in 0..<20 {
      try packet(&story, .established, "10.10.2.5", host, "203.0.113.\(number)", router)
      try packet(&story, .opened, "198.51.100.\(number)", router, "10.10.2.5", host)
    }
    let silent = story.finish()
    #expect(silent.isEmpty)
    for number in 0..<20 {
      try packet(&story, .opened, "198.51.100.\(number)", other, "203.0.113.9", router)
    }
    let told = story.finish()
    #expect(told.map { $0.text("reason") } == ["foreign-source-from-host"])
    #expect(told.first?.attributes["mac"]?.description == "02:00:00:00:00:0b")
  }

  @Test func aSegmentsOwnAddressFromItsRouterIsForged() throws {
    var story = try Story(SpoofedSource(Lab.segment("10.10.2.0/24")))
    try packet(&story, .established, "10.10.2.5", host, "203.0.113.9", router)
    for port in 0..<8 {
      #expect(port < 8)
      try packet(&story, .opened, "10.10.2.7", router, "10.10.2.5", host)
    }
    let told = story.finish()
    #expect(told.map { $0.text("reason") } == ["own-source-from-router"])
  }

  private enum Brings { case forged, itsOwn, forwarded, proxied }

  /// Whoever sends in the router's name too is betrayed by packets that no router has touched. One
  /// that has addresses of its own elsewhere, or is a proxy, makes such packets itself.
  @Test(arguments: [(Brings.forged, 1), (.itsOwn, 0), (.forwarded, 0), (.proxied, 0)])
  private func whatNobodyForwardedComesFromThisSegment(brings: Brings, reports: Int) throws {
    var story = try Story(SpoofedSource(Lab.segment("10.10.2.0/24")))
    func tell(_ kind: FlowEvent.Kind, _ source: String, timeToLive: UInt8) throws {
      story.wait(0.1)
      var event = try story.event(kind, source, "10.10.2.5", 443)
      (event.sourceMAC, event.targetMAC) = (MACAddress(bits: router), MACAddress(bits: host))
      event.timeToLive = timeToLive
      story.tell(event)
    }
    for number in 0..<12 {
      try tell(.established, "203.0.113.\(number)", timeToLive: 53)
      try tell(.opened, "203.0.113.\(number)", timeToLive: 113)
    }
    if brings == .proxied { try tell(.established, "203.0.113.77", timeToLive: 64) }
    for number in 0..<12 {
      try tell(
        .opened, brings == .itsOwn ? "192.0.2.1" : "198.51.100.\(number)",
        timeToLive: brings == .forwarded ? 63 : 64)
    }
    let told = story.finish()
    #expect(told.count == reports)
    #expect(told.allSatisfy { $0.text("reason") == "impossible-time-to-live" })
  }

  /// One flow, of inside addresses at the perimeter or of a segment's own from its router, and a host
  /// that merely sends from an address of another network of its.
  @Test(arguments: [("10.10.2.7", true, 1), ("10.10.2.7", false, 0), ("198.51.100.7", true, 0)])
  func aForgedFlowThatGoesOnCountsAgain(source: String, goesOn: Bool, reports: Int) throws {
    var story = try Story(SpoofedSource(Lab.segment("10.10.2.0/24")))
    try packet(&story, .established, "10.10.2.5", host, "203.0.113.9", router)
    let sender = reports == 0 && goesOn ? other : router
    try packet(&story, .opened, source, sender, "10.10.2.5", host)
    for _ in 0..<(goesOn ? 9 : 0) {
      story.wait(1)
      var event = try story.event(.progress, source, "10.10.2.5", 443)
      event.sourceMAC = MACAddress(bits: sender)
      event.packetsOut = 1
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.count == reports)
  }

  @Test func whoeverCompletesHandshakesWithAnAddressBearsIt() throws {
    var story = try Story(SpoofedSource(Lab.segment("10.10.2.0/24")))
    try packet(&story, .established, "10.10.2.5", host, "203.0.113.9", router)
    for _ in 0..<3 {
      try packet(&story, .opened, "172.16.0.4", other, "10.10.2.5", host)
    }
    try packet(&story, .established, "172.16.0.4", other, "10.10.2.5", host)
    for _ in 0..<9 {
      try packet(&story, .opened, "172.16.0.4", other, "10.10.2.5", host)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test(arguments: [true, false]) func askingForAnAddressIsNoForgery(knowsSegment: Bool) throws {
    var story = try Story(
      SpoofedSource(knowsSegment ? Lab.segment("10.10.2.0/24") : DetectionContext()))
    if knowsSegment {
      // A host of the segment by its own word, which asks anew when its server is gone.
      try packet(&story, .established, "10.10.2.5", host, "203.0.113.9", router)
    }
    for _ in 0..<20 {
      story.wait(1)
      var event = try story.event(
        .opened, "0.0.0.0", "255.255.255.255", 67, probe: .udp, transport: .udp)
      event.sourceMAC = MACAddress(bits: host)
      event.sourcePort = 68
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
