import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct FloodTests {
  @Test func aSpoofedSynFloodIsFoundBesideTheSitesOwnClients() throws {
    let reports = try Lab.detections("syn-flood")
    // Some of the forged sources are nobody's.
    #expect(reports.map(\.kind).sorted() == [.synFlood, .ipSpoof])
    let flood = try #require(reports.first { $0.kind == .synFlood })
    #expect(flood.targets.listed.map(\.description) == ["10.10.1.10"])
    #expect(flood.ports == [80])
    #expect(flood.sources.count > 1500)
    guard case .ratio(let spoofed) = flood.attributes["spoofed"] else {
      Issue.record("no share of spoofed sources")
      return
    }
    #expect(spoofed > 0.8)
    #expect(flood.revision <= 4)
  }

  @Test func aDatagramFloodNamesItsSender() throws {
    #expect(
      try Lab.detections("udp-flood").filter { $0.kind.family == "dos" }.map(\.story)
        == ["dos.udp-flood 203.0.113.74 > 10.10.3.10"])
  }

  @Test func aPingFloodIsOneEvenWhenAnswered() throws {
    #expect(
      try Lab.detections("icmp-flood").map(\.story) == [
        "dos.icmp-flood 203.0.113.121 > 10.10.1.11"
      ])
  }

  @Test func aFlashCrowdIsNoSynFlood() throws {
    var story = try Story(SynFlood(DetectionContext()))
    for client in 0..<4000 {
      story.wait(0.005)
      let source = "198.51.\(client / 250).\(client % 250)"
      try story.contact(.opened, source, "10.1.1.80", 80)
      try story.contact(.established, source, "10.1.1.80", 80)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// One packet sent again and again, as nping does; a client that asks a service which is off.
  @Test(arguments: [(64, 1), (6, 0)] as [(UInt32, Int)])
  func oneOpeningRepeatedIsASynFlood(packets: UInt32, reports: Int) throws {
    var story = try Story(SynFlood(DetectionContext()))
    try story.contact(.opened, "192.0.2.36", "10.1.1.25", 25)
    for _ in 0..<40 {
      story.wait(0.5)
      var event = try story.event(.progress, "192.0.2.36", "10.1.1.25", 25)
      event.packetsOut = packets
      event.packetsIn = packets / 2
      event.totalPacketsIn = 4000
      story.tell(event)
    }
    #expect(story.finish().count == reports)
  }

  @Test func retriesOfOneDeadServiceAreNoSynFlood() throws {
    var story = try Story(SynFlood(DetectionContext()))
    for _ in 0..<400 {
      story.wait(0.05)
      try story.contact(.opened, "10.1.1.5", "10.1.1.80", 80)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aBusyResolverIsNoUdpFlood() throws {
    var story = try Story(UdpFlood(DetectionContext()))
    for number in 0..<5000 {
      story.wait(0.002)
      let source = "10.2.\(number / 250).\(number % 250)"
      try story.contact(.opened, source, "10.1.1.53", 53, probe: .udp, transport: .udp)
      var answer = try story.event(
        .closed, source, "10.1.1.53", 53, probe: .udp, transport: .udp)
      answer.packetsIn = 1
      story.tell(answer)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func oneMediaStreamIsNoUdpFlood() throws {
    var story = try Story(UdpFlood(DetectionContext()))
    try story.contact(.opened, "10.1.1.5", "10.1.1.6", 5004, probe: .udp, transport: .udp)
    for _ in 0..<300 {
      story.wait(0.1)
      var event = try story.event(
        .progress, "10.1.1.5", "10.1.1.6", 5004, probe: .udp, transport: .udp)
      event.packetsOut = 50
      event.bytesOut = 60_000
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// Half a minute of quiet, then one stream: small datagrams to a silent port, or refused ones.
  @Test(arguments: [false, true]) func aNewStreamIsAFloodWhenNothingExcusesIt(isRefused: Bool)
    throws
  {
    var story = try Story(UdpFlood(DetectionContext()))
    try story.contact(.opened, "10.1.1.4", "10.1.1.6", 53, probe: .udp, transport: .udp)
    story.wait(30)
    try story.contact(.opened, "10.1.1.5", "10.1.1.6", 9, probe: .udp, transport: .udp)
    if isRefused {
      try story.contact(.refused, "10.1.1.5", "10.1.1.6", 9, probe: .udp, transport: .udp)
    }
    for _ in 0..<100 {
      story.wait(0.1)
      var event = try story.event(
        .progress, "10.1.1.5", "10.1.1.6", 9, probe: .udp, transport: .udp)
      event.packetsOut = 20
      event.bytesOut = isRefused ? 20_000 : 4000
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["dos.udp-flood 10.1.1.5 > 10.1.1.6"])
  }

  /// Seventy a second to a port that refuses them: whole packets, or each in three fragments.
  @Test(arguments: [(400, 0), (4200, 1)]) func fragmentsOfDatagramsCount(
    bytes: UInt64, reports: Int
  ) throws {
    var story = try Story(UdpFlood(DetectionContext()))
    try story.contact(.opened, "10.1.1.5", "10.1.1.6", 9, probe: .udp, transport: .udp)
    try story.contact(.refused, "10.1.1.5", "10.1.1.6", 9, probe: .udp, transport: .udp)
    for _ in 0..<100 {
      story.wait(0.2)
      var event = try story.event(
        .progress, "10.1.1.5", "10.1.1.6", 9, probe: .udp, transport: .udp)
      event.packetsOut = 14
      event.bytesOut = 14 * bytes
      story.tell(event)
    }
    #expect(story.finish().count == reports)
  }

  @Test func aTargetsOwnPastRaisesItsThreshold() throws {
    var story = try Story(IcmpFlood(DetectionContext()))
    func pings(_ rate: Int, seconds: Int, _ story: inout Story<IcmpFlood>) throws {
      for _ in 0..<seconds {
        story.wait(1)
        var event = try story.event(
          .progress, "10.1.1.5", "10.1.1.6", 2048, probe: .icmpEcho, transport: .icmp)
        event.packetsOut = UInt32(rate)
        story.tell(event)
      }
    }
    try pings(25, seconds: 300, &story)
    try pings(75, seconds: 20, &story)
    let told = story.finish()
    #expect(told.isEmpty)
    try pings(400, seconds: 20, &story)
    let flood = story.finish()
    #expect(flood.map(\.kind) == [.icmpFlood])
  }

  @Test func theHeavySourcesAreNamedAndTheLightOnesAreNot() throws {
    var heavy = HeavySources()
    for number in 0..<20_000 as Range<UInt32> {
      heavy.add(IPAddress(v4: number % 4 == 0 ? number : 7), 1)
    }
    let named = try #require(heavy.named)
    #expect(named.covers(IPAddress(v4: 7)))
    #expect(named.count <= 4)
    var even = HeavySources()
    for number in 0..<20_000 as Range<UInt32> { even.add(IPAddress(v4: number), 1) }
    #expect(even.named == nil)
  }

  @Test(arguments: [(1342, true), (80, false)])
  func fewLargeDatagramsOfManyAreAFloodAndQuestionsThatNobodyAnswersAreNot(
    bytes: Int, isFlood: Bool
  ) throws {
    var story = try Story(UdpFlood(DetectionContext()))
    for number in 0..<1500 {
      story.wait(0.02)
      var event = try story.event(
        .opened, "198.51.100.\(number % 250)", "10.1.1.53", 53, probe: .udp, transport: .udp)
      event.bytesOut = UInt64(bytes)
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == (isFlood ? [.udpFlood] : []))
  }
}
