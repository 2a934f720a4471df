import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct ScanTests {
  @Test func aConnectScanIsReportedAndTheOfficeAroundItIsNot() throws {
    let reports = try Lab.detections("connect-scan")
    #expect(reports.map(\.story) == ["recon.port-scan 10.10.2.105 > 10.10.3.30"])
    let scan = try #require(reports.first)
    #expect(scan.text("technique") == "connect")
    #expect(scan.text("shape") == "vertical")
    #expect(try #require(scan.count("ports")) >= 110)
    #expect(scan.ports.count == Report.Limit.ports)
    #expect(!scan.evidence.flatMap(\.packets).isEmpty)
    #expect(scan.terms.contains { $0.name == "failed first contacts" && $0.threshold == 10 })
  }

  @Test func eachStealthTechniqueHasAReportOfItsOwn() throws {
    let reports = try Lab.detections("stealth-scans")
    #expect(reports.map { $0.text("technique") } == ["fin", "null", "xmas"])
    #expect(
      reports.map(\.story) == [21, 25, 30].map { "recon.port-scan 203.0.113.68 > 10.10.1.\($0)" })
  }

  @Test func silentAndRefusedDatagramsAreAScan() throws {
    let reports = try Lab.attacks("udp-scan")
    #expect(reports.map(\.story) == ["recon.port-scan 203.0.113.69 > 10.10.3.10"])
    #expect(reports.first?.text("technique") == "udp")
    #expect(reports.first?.transport == .udp)
  }

  /// A flood at random ports is told as what it is, and is no scan that precedes it; small datagrams
  /// may well be questions, and large ones at a scanner's pace as well.
  @Test(arguments: [(UInt64(400), 0.002, false), (400, 0.05, true), (40, 0.002, true)])
  func largeDatagramsInHasteAreNoScan(payload: UInt64, gap: Double, isScan: Bool) throws {
    var story = try Story(PortScan(DetectionContext()))
    for port in 1...400 {
      story.wait(gap)
      var event = try story.event(
        port % 2 == 0 ? .refused : .unanswered, "198.51.100.7", "10.1.1.9", UInt16(port * 97),
        probe: .udp, transport: .udp)
      event.payloadOut = payload
      story.tell(event)
    }
    #expect(story.finish().map(\.kind) == (isScan ? [.portScan] : []))
  }

  @Test func decoysAreOneReportThatNamesThemAll() throws {
    let reports = try Lab.detections("decoy-scan")
    #expect(
      reports.map(\.story) == [
        "recon.port-scan 198.51.100.44 203.0.113.71 203.0.113.72 203.0.113.73 > 10.10.1.30"
      ])
    #expect(reports.first?.count("decoys") == 3)
    #expect(reports.first?.count("ports") == 90)
  }

  @Test(arguments: [1.0, 10, 100]) func aSlowScanIsFoundAtAnyPace(slower: Double) throws {
    let reports = try Lab.attacks("slow-scan", slower: slower)
    #expect(reports.map(\.story) == ["recon.port-scan 10.10.2.104 > 10.10.3.20"])
    #expect(reports.first?.count("failures") == 33)
    #expect(reports.allSatisfy { $0.revision <= 8 })
  }

  @Test(arguments: [1.0, 10, 100]) func aSweepForOnePortIsHorizontal(slower: Double) throws {
    let reports = try Lab.detections("horizontal-scan", slower: slower)
    #expect(reports.map(\.story) == ["recon.port-scan 203.0.113.93 > 16 hosts"])
    #expect(reports.first?.text("shape") == "horizontal")
    #expect(reports.first?.ports == [22])
  }

  @Test func aBusyClientWithSomeDeadServersIsNoScanner() throws {
    var story = try Story(PortScan(DetectionContext()))
    for server in 1...60 {
      story.wait(5)
      try story.contact(.established, "10.1.1.5", "192.0.2.\(server)", 443)
      if server % 5 == 0 { try story.contact(.unanswered, "10.1.1.5", "198.51.100.\(server)", 443) }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aServiceThatFailsTodayIsNoProbe() throws {
    var story = try Story(PortScan(DetectionContext()))
    for port in 1...20 as ClosedRange<UInt16> {
      try story.contact(.established, "10.1.1.5", "10.1.1.9", port)
    }
    story.wait(60)
    for port in 1...20 as ClosedRange<UInt16> {
      try story.contact(.refused, "10.1.1.5", "10.1.1.9", port)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func peerToPeerSoftwareScattersAndDoesNotScan() throws {
    var story = try Story(PortScan(DetectionContext()))
    for peer in 1...40 {
      story.wait(2)
      try story.contact(
        .unanswered, "10.1.1.5", "203.0.113.\(peer)", UInt16(20_000 + peer * 37), probe: .udp,
        transport: .udp)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aBusyClientThatTriesPortAfterPortIsAScanner() throws {
    var story = try Story(PortScan(DetectionContext()))
    for server in 1...100 {
      try story.contact(.established, "10.1.1.5", "192.0.2.\(server)", 443)
    }
    for port in 1...30 as ClosedRange<UInt16> {
      story.wait(1)
      try story.contact(.refused, "10.1.1.5", "10.1.1.9", port)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.port-scan 10.1.1.5 > 10.1.1.9"])
  }

  /// Datagrams to peers, most at the port that they come from themselves; from a port of its own a
  /// source looks for a service.
  @Test(arguments: [(7680, 0), (40_000, 1)] as [(UInt16, Int)])
  func whoAsksPeersIsNoScanner(port: UInt16, reports: Int) throws {
    var story = try Story(PortScan(DetectionContext()))
    for peer in 1...60 as ClosedRange<UInt16> {
      story.wait(0.3)
      var event = try story.event(
        .unanswered, "10.1.1.5", "198.51.100.\(peer)", peer % 4 == 0 ? 20_000 + peer : 7680,
        probe: .udp, transport: .udp)
      event.sourcePort = port
      story.tell(event)
    }
    #expect(story.finish().count == reports)
  }

  @Test func tracerouteIsNoScan() throws {
    var story = try Story(PortScan(DetectionContext()))
    for hop in 0..<60 {
      var event = try story.event(
        .unanswered, "10.1.1.5", "198.51.100.9", UInt16(33_434 + hop), probe: .udp, transport: .udp)
      event.timeToLive = UInt8(1 + hop / 3)
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// Openings to a web port that die on their way; those that could go on are a scan.
  @Test(arguments: [(UInt8(1), 0), (40, 1)])
  func tracerouteByOpeningsIsNoScan(timeToLive: UInt8, reports: Int) throws {
    var story = try Story(PortScan(DetectionContext()))
    for host in 1...30 {
      for hop in 0..<5 as Range<UInt8> {
        story.wait(0.2)
        var event = try story.event(.unanswered, "10.1.1.5", "10.1.2.\(host)", 443)
        event.timeToLive = timeToLive + hop
        story.tell(event)
      }
    }
    #expect(story.finish().count == reports)
  }

  @Test func whatATableTurnsAwayIsCounted() throws {
    var limits = LimitTable()
    limits.overrides["port-scan.suspects"] = 8
    var story = try Story(PortScan(DetectionContext(limits: limits)))
    for port in 1...6 as ClosedRange<UInt16> {
      for source in 1...20 {
        try story.contact(.refused, "10.1.1.\(source)", "10.1.2.9", port)
      }
    }
    #expect(story.engine.losses > 0)
  }

  @Test func aServersLateAnswersAreNoProbes() throws {
    var story = try Story(PortScan(DetectionContext()))
    for client in 1...50 {
      var event = try story.event(
        .unanswered, "10.1.1.80", "198.51.100.\(client)", UInt16(40_000 + client), probe: .maimon)
      event.sourcePort = 80
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// Hosts ask the group for names, each from a fresh port, and one of them has many.
  @Test(arguments: [true, false]) func whoAnswersWhatAGroupIsAskedIsNoScanner(asks: Bool) throws {
    var scans = try Story(PortScan(DetectionContext()))
    var contacts = try Story(FirstContacts(DetectionContext()))
    for number in 1...30 {
      let (host, port) = ("10.1.1.\(100 + number % 8)", UInt16(50_000 + number * 7))
      try scans.answer(to: host, port, asked: asks)
      try contacts.answer(to: host, port, asked: asks)
    }
    #expect(scans.finish().map(\.kind) == (asks ? [] : [.portScan]))
    #expect(contacts.finish().isEmpty == asks)
  }

  /// 300,000 spoofed sources between the probes of a scan at one probe per second.
  @Test func aSpoofedFloodDoesNotHideAScan() throws {
    var story = try Story(PortScan(DetectionContext()))
    var address: UInt32 = 0x0b00_0000
    for port in 1...30 as ClosedRange<UInt16> {
      story.wait(0.5)
      try story.contact(.refused, "10.1.1.5", "10.1.1.9", port)
      if port == 1 { try story.contact(.refused, "10.1.1.5", "10.1.1.9", 1000) }
      story.wait(0.5)
      var event = try story.event(.unanswered, "10.0.0.1", "10.1.1.80", 80)
      for _ in 0..<10_000 {
        address &+= 40_503
        event.source = .init(v4: address)
        story.tell(event)
      }
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.port-scan 10.1.1.5 > 10.1.1.9"])
  }
}

@Suite struct SequentialScanTests {
  /// Jung's walk: six hosts in a row of which none answers.
  @Test func fewWellChosenFailuresSuffice() throws {
    var story = try Story(PortScan(DetectionContext()))
    for host in 1...6 {
      story.wait(60)
      try story.contact(.refused, "198.51.100.7", "10.1.1.\(host)", 445)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.port-scan 198.51.100.7 > 6 hosts"])
  }

  @Test func aBusyClientsFailuresAreNoScan() throws {
    var story = try Story(PortScan(DetectionContext()))
    for host in 0..<200 {
      story.wait(5)
      let kind: FlowEvent.Kind = host % 4 == 0 ? .unanswered : .established
      try story.contact(kind, "10.1.1.5", "198.51.100.\(host)", 443)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aScanOverHoursIsOneReport() throws {
    var story = try Story(PortScan(DetectionContext()))
    for port in 1...14 as ClosedRange<UInt16> {
      story.wait(1500)
      try story.contact(.refused, "198.51.100.7", "10.1.1.5", port * 11)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.port-scan 198.51.100.7 > 10.1.1.5"])
  }

  @Test func aScanInAnIdleHostsNameNamesWhoReadsItsCounter() throws {
    var story = try Story(PortScan(DetectionContext()))
    for port in 1...20 as ClosedRange<UInt16> {
      story.wait(0.5)
      var provoked = try story.event(
        .closed, "10.1.1.9", "198.51.100.7", 443, probe: .midstream)
      provoked.ending = .reset
      provoked.totalPacketsIn = 1
      story.tell(provoked)
      try story.contact(.refused, "10.1.1.9", "10.1.1.5", port)
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == ["idle"])
    #expect(told.first?.sources.listed.map(\.description) == ["10.1.1.9", "198.51.100.7"])
  }

  @Test func everyTechniqueHasItsName() throws {
    for (probe, transport, technique) in [
      (.synFin, .tcp, "syn-fin"), (.odd, .tcp, "odd-flags"), (.sctpInit, .sctp, "sctp-init"),
      (.maimon, .tcp, "maimon"), (.null, .tcp, "null"),
    ] as [(FlowEvent.Probe, TransportProtocol, String)] {
      var story = try Story(PortScan(DetectionContext()))
      for port in 1...15 as ClosedRange<UInt16> {
        story.wait(0.1)
        try story.contact(
          .refused, "198.51.100.7", "10.1.1.5", port, probe: probe, transport: transport)
      }
      let told = story.finish()
      #expect(told.map { $0.text("technique") } == [technique])
    }
  }

  @Test func protocolsAreScannedByNumber() throws {
    let told = try Lab.attacks("protocol-scan")
    #expect(told.map { $0.text("technique") } == ["ip-protocol"])
    #expect(told.first?.ports == [])
  }

  @Test func portsOfSCTPAreScanned() throws {
    let told = try Lab.attacks("sctp-scan")
    #expect(told.map { $0.text("technique") } == ["sctp-init"])
  }

  @Test func aTunnelToASilentEndIsNoProtocolScan() throws {
    var story = try Story(PortScan(DetectionContext()))
    for end in 1...40 {
      story.wait(30)
      try story.contact(
        .unanswered, "10.1.1.5", "198.51.100.\(end)", 0, probe: .ip,
        transport: TransportProtocol(number: 47))
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}

extension Story {
  /// A datagram from port 5355 to `host`, which may have asked a group from there before.
  fileprivate mutating func answer(to host: String, _ port: UInt16, asked: Bool) throws {
    wait(5)
    if asked {
      var question = try event(.opened, host, "224.0.0.252", 5355, probe: .udp, transport: .udp)
      question.sourcePort = port
      tell(question)
    }
    wait(4)
    var answer = try event(.unanswered, "10.1.1.9", host, port, probe: .udp, transport: .udp)
    answer.sourcePort = 5355
    tell(answer)
  }
}
