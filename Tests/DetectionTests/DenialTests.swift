import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct DenialTests {
  private let host = MACAddress(bits: 0x02_0000_0000_0a)
  private let router = MACAddress(bits: 0x02_0000_0000_01)

  private func smurf(_ reports: [Report]) -> Report? { reports.first { $0.kind == .smurf } }

  @Test(arguments: [1.0, 10, 100])
  func aSmurfIsSeenAtItsAmplifiers(slower: Double) throws {
    let reports = try Lab.detections("smurf", slower: slower, in: Lab.segment("10.10.2.0/24"))
    let report = try #require(smurf(reports))
    #expect(reports.count { $0.kind == .smurf } == 1)
    #expect(report.targets.listed.map(\.description) == ["10.10.1.10"])
    #expect(report.sources.count == 7)
    #expect(report.attributes["broadcast"]?.description == "10.10.2.255")
    #expect(report.revision <= 6)
    let kinds = Set(reports.map(\.kind).filter { $0.family == "dos" || $0.family == "spoof" })
    #expect(kinds.isSubset(of: [.smurf, .icmpFlood]))
  }

  @Test func aSmurfIsSeenAtItsVictimWithoutAnyTopology() throws {
    let report = try #require(smurf(try Lab.detections("smurf-victim")))
    #expect(report.targets.listed.map(\.description) == ["10.10.1.10"])
    #expect(report.count("amplifiers") == 7)
  }

  @Test func pingingOnesOwnBroadcastAddressNowAndThenIsNoSmurf() throws {
    var story = try Story(SmurfAttack(Lab.segment("10.10.2.0/24")))
    for _ in 0..<100 {
      story.wait(30)
      var event = try story.event(
        .opened, "10.10.2.7", "10.10.2.255", 2048, probe: .icmpEcho, transport: .icmp)
      event.targetMAC = .broadcast
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func datagramsToTheEchoPortsOfANetworkAreAFraggle() throws {
    var story = try Story(SmurfAttack(DetectionContext()))
    for number in 0..<400 {
      story.wait(0.5)
      for answerer in number % 8 == 0 ? 20..<26 : 0..<0 {
        var answer = try story.event(
          .opened, "10.10.2.\(answerer)", "10.10.1.10", 5000, probe: .udp, transport: .udp)
        answer.sourcePort = 7
        story.tell(answer)
      }
      var event = try story.event(
        .opened, "10.10.1.10", "10.10.2.255", 7, probe: .udp, transport: .udp)
      event.targetMAC = .broadcast
      story.tell(event)
    }
    let told = story.finish()
    #expect(
      told.map(\.story) == ["dos.fraggle 10.10.2.20 10.10.2.21 10.10.2.22 10.10.2.23 > 10.10.1.10"])
  }

  @Test func aPacketFromItsOwnTargetIsALandUnlessItNeverLeftTheHost() throws {
    var story = try Story(LandAttack(DetectionContext()))
    for _ in 0..<40 {
      story.wait(1)
      try story.contact(.opened, "10.1.1.9", "10.1.1.9", 80)
    }
    let silent = story.finish()
    #expect(silent.isEmpty)
    for _ in 0..<40 {
      story.wait(1)
      story.tell(try selfTalk(.opened, 80, in: &story))
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["dos.land 10.1.1.9 > 10.1.1.9"])
    #expect(told.first?.ports == [80])
    #expect(told.first?.count("packets") == 40)
    #expect((told.first?.revision ?? 99) <= 5)
  }

  @Test func aLandToAnotherPortIsFoundWhenNobodyAnswers() throws {
    var story = try Story(LandAttack(DetectionContext()))
    for number in 0..<40 {
      story.wait(1)
      for kind in [FlowEvent.Kind.opened, .unanswered] {
        story.tell(try selfTalk(kind, 20_000 + UInt16(number), in: &story))
      }
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["dos.land 10.1.1.9 > 10.1.1.9"])
    #expect(told.first?.count("packets") == 40)
  }

  @Test func aHostThatAnswersItselfIsNoLand() throws {
    var story = try Story(LandAttack(DetectionContext()))
    for number in 0..<40 {
      story.wait(1)
      for kind in [FlowEvent.Kind.opened, .established, .progress, .closed] {
        var event = try selfTalk(kind, 20_000 + UInt16(number), in: &story)
        event.isEstablished = kind != .opened
        event.packetsOut = 4
        story.tell(event)
      }
      // Loopback frames name one adapter twice; routers send each other's forwarding echo back.
      var loopback = try selfTalk(.opened, 80, in: &story)
      loopback.targetMAC = router
      story.tell(loopback)
      var echo = try selfTalk(.opened, 3785, in: &story)
      echo.targetPort = 3785
      echo.transport = .udp
      story.tell(echo)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// An event of a flow from a host's `port` to its own port 80.
  private func selfTalk(
    _ kind: FlowEvent.Kind, _ port: UInt16, in story: inout Story<LandAttack>
  ) throws -> FlowEvent {
    var event = try story.event(kind, "10.1.1.9", "10.1.1.9", 80)
    event.sourceMAC = router
    event.sourcePort = port
    return event
  }

  @Test(arguments: [1.0, 10, 100])
  func overlappingAndOversizedFragmentsAreToldApart(slower: Double) throws {
    let reports = try Lab.detections("dmz-fragments", slower: slower)
      .filter { $0.kind == .teardrop || $0.kind == .pingOfDeath }
    #expect(
      reports.map(\.story).sorted() == [
        "dos.ping-of-death 203.0.113.76 > 10.10.1.25", "dos.teardrop 203.0.113.75 > 10.10.1.11",
      ])
  }

  @Test(arguments: [1.0, 10, 100])
  func aResolverThatAmplifiesIsFoundBesideItsClients(slower: Double) throws {
    let reports = try Lab.detections(
      "amplification", slower: slower, in: Lab.segment("10.10.1.0/24")
    ).filter { $0.kind.family == "dos" }
    #expect(reports.map(\.story) == ["dos.amplification 10.10.1.53 > 198.51.100.33"])
    #expect(reports.first?.text("service") == "dns")
    #expect(reports.first?.ports == [53])
  }

  @Test func largeAnswersToNobodysQuestionsAreAnAmplification() throws {
    var story = try Story(Amplification(DetectionContext()))
    for number in 0..<600 {
      story.wait(0.05)
      var event = try story.event(
        .opened, "203.0.113.\(number % 40)", "10.1.1.9", 40_000, probe: .udp, transport: .udp)
      event.sourcePort = 123
      event.bytesOut = 482
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.amplification])
    #expect(told.first?.count("reflectors") == 40)
    #expect(told.first?.text("service") == "ntp")
  }

  /// Answers of a printer that was asked in its victim's name, as the victim's segment sees them.
  private static func reflected<Engine: AnalysisEngine<FlowEvent>>(
    _ engine: Engine, by source: String, to target: String, payload: UInt64 = 330
  ) throws -> [Report] {
    var story = try Story(engine)
    for number in UInt16(0)..<300 {
      story.wait(0.06)
      for kind in [FlowEvent.Kind.opened, .refused] {
        var event = try story.event(
          kind, source, target, 1024 &+ number &* 211, probe: .udp, transport: .udp)
        event.sourcePort = 1900
        event.payloadOut = payload
        if kind == .opened { event.bytesOut = payload + 42 }
        story.tell(event)
      }
    }
    return story.finish()
  }

  @Test func shortAnswersFromAnotherSegmentOfTheSiteAreAnAmplificationAndNoScan() throws {
    let context = Lab.segment("10.10.1.0/24")
    let far = try Self.reflected(Amplification(context), by: "10.10.2.60", to: "10.10.1.10")
    #expect(far.map(\.story) == ["dos.amplification 10.10.2.60 > 10.10.1.10"])
    #expect(try Self.reflected(PortScan(context), by: "10.10.2.60", to: "10.10.1.10").isEmpty)
    // A group was asked, and a neighbour answers; a scanner takes a service's port for its own.
    let near = try Self.reflected(Amplification(context), by: "10.10.1.60", to: "10.10.1.10")
    #expect(near.isEmpty)
    let scan = try Self.reflected(
      PortScan(context), by: "10.10.2.60", to: "10.10.1.10", payload: 40)
    #expect(scan.map(\.story) == ["recon.port-scan 10.10.2.60 > 10.10.1.10"])
  }

  @Test func aBusyClientOfAResolverIsNoVictim() throws {
    var story = try Story(Amplification(DetectionContext()))
    for number in 0..<2000 {
      story.wait(0.05)
      var event = try story.event(
        .closed, "198.51.100.7", "10.1.1.53", 53, probe: .udp, transport: .udp)
      event.packetsOut = 1
      event.bytesOut = 80
      event.packetsIn = 1
      event.bytesIn = number % 10 == 0 ? 1400 : 200
      event.isEstablished = true
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
