import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct OddFloodTests {
  private func floods(_ capture: String) throws -> [Report] {
    try Lab.attacks(capture).filter { $0.kind.family == "dos" }
  }

  @Test func packetsOfNoSessionAreAFlood() throws {
    let reports = try floods("ack-flood")
    #expect(reports.map(\.kind) == [.synFlood])
    #expect(reports.first?.text("technique") == "ack")
    #expect(reports.first?.targets.listed.map(\.description) == ["10.10.2.20"])
    #expect(reports.first?.ports == [80])
    #expect((reports.first?.sources.count ?? 0) > 500)
  }

  @Test(arguments: [FlowEvent.Probe.midstream: "syn-ack", .otherTCP: "rst"])
  func answersToNothingAreAFloodOfTheirVictim(probe: FlowEvent.Probe, technique: String) throws {
    var story = try Story(TcpFlood(DetectionContext()))
    for number in 0..<2000 {
      story.wait(0.005)
      var event = try story.event(
        .opened, "10.1.1.5", "198.51.\(number % 4).\(number % 250)", 443, probe: probe)
      event.packetsOut = 0
      event.totalPacketsOut = 0
      event.packetsIn = 1
      event.totalPacketsIn = 1
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == [technique])
    #expect(told.first?.targets.listed.map(\.description) == ["10.1.1.5"])
  }

  /// Sixty packets a second to one host: all of new sources and at other ports; the same of 25 decoys;
  /// of a crowd that completes its handshakes at two ports; of one that comes to one port.
  @Test(arguments: [FlowEvent.Probe.syn, .ack, .null, .otherTCP])
  func inventedSourcesAtInventedPortsAreAFlood(probe: FlowEvent.Probe) throws {
    func flood(sources: Int, ports: Int, completes: Bool) throws -> [Report] {
      var story = try Story(SpreadFlood(DetectionContext()))
      for number in 0..<1200 {
        story.wait(1 / 60)
        let source = number % sources
        let name = "198.51.\(source / 250).\(source % 250)"
        let port = UInt16(1 + number &* 7919 % ports)
        try story.contact(.opened, name, "10.1.1.5", port, probe: probe)
        if completes { try story.contact(.established, name, "10.1.1.5", port, probe: probe) }
      }
      return story.finish()
    }
    let told = try flood(sources: 1200, ports: 60_000, completes: false)
    #expect(told.map { $0.text("technique") } == ["random-ports"])
    #expect(told.allSatisfy { $0.kind == .synFlood && $0.sources.count > 300 })
    #expect(told.first?.targets.listed.map(\.description) == ["10.1.1.5"])
    #expect(try flood(sources: 25, ports: 60_000, completes: false).isEmpty)
    #expect(try flood(sources: 1200, ports: 2, completes: true).isEmpty)
    #expect(try flood(sources: 1200, ports: 1, completes: false).isEmpty)
  }

  /// A monitor that starts beside a busy server sees every session in its middle.
  @Test func sessionsMetInTheirMiddleAreNoFlood() throws {
    var story = try Story(TcpFlood(DetectionContext()))
    for number in 0..<3000 {
      story.wait(0.002)
      let client = "198.51.\(number / 250).\(number % 250)"
      try story.contact(.opened, client, "10.1.1.80", 443, probe: .ack)
      try story.contact(.established, client, "10.1.1.80", 443, probe: .ack)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func fragmentsThatNeverMeetAreAFlood() throws {
    let reports = try floods("fragment-flood")
    #expect(reports.map(\.story) == ["dos.udp-flood 203.0.113.66 > 10.10.2.20"])
    #expect(reports.first?.text("technique") == "fragments")
  }

  @Test func aLossyFilmIsNoFragmentFlood() throws {
    var story = try Story(FragmentFlood(DetectionContext()))
    for _ in 0..<3000 {
      story.wait(0.01)
      var whole = try story.event(
        .progress, "10.1.1.5", "10.1.1.6", 5004, probe: .udp, transport: .udp)
      whole.packetsOut = 2
      whole.bytesOut = 16_000
      story.tell(whole)
      var lost = try story.event(
        .lostFragments, "10.1.1.5", "10.1.1.6", probe: .none, transport: .udp)
      lost.packetsOut = 1
      story.tell(lost)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func openingsBySCTPAreAFlood() throws {
    var story = try Story(ProtocolFlood(DetectionContext()))
    for number in 0..<2000 {
      story.wait(0.005)
      try story.contact(
        .opened, "198.51.\(number % 7).\(number % 250)", "10.1.1.5", 36_412, probe: .sctpInit,
        transport: .sctp)
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == ["sctp"])
  }

  @Test func aTunnelSeenOneWayIsNoFlood() throws {
    var story = try Story(ProtocolFlood(DetectionContext()))
    let gre = TransportProtocol(number: 47)
    try story.contact(.opened, "10.1.1.5", "198.51.100.7", 0, probe: .ip, transport: gre)
    for _ in 0..<300 {
      story.wait(0.1)
      var event = try story.event(
        .progress, "10.1.1.5", "198.51.100.7", 0, probe: .ip, transport: gre)
      event.packetsOut = 60
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aProtocolScanIsAScanAndNoFlood() throws {
    #expect(
      try Lab.attacks("protocol-scan").map(\.story)
        == ["recon.port-scan 203.0.113.66 > 10.10.2.20"])
  }

  @Test func slowBodiesAndSlowReadersAreTold() throws {
    for (capture, technique) in [("slow-body", "slow-requests"), ("slow-read", "slow-read")] {
      let reports = try floods(capture)
      #expect(reports.map(\.story) == ["dos.slow-http 203.0.113.66 > 10.10.2.20"])
      #expect(reports.first?.text("technique") == technique)
    }
  }

  /// Players stop reading whenever they have enough, and then read fast.
  @Test func filmPlayersThatStallAreNoSlowReaders() throws {
    var story = try Story(SlowConnections(DetectionContext()))
    var players: [FlowEvent] = []
    for number in 0..<200 {
      story.wait(0.01)
      var event = try story.event(.established, "10.1.2.\(number)", "10.1.1.80", 443)
      event.payloadIn = 1000
      players.append(event)
      event.kind = .stalled
      story.tell(event)
    }
    for round in 1...20 as ClosedRange<UInt64> {
      story.wait(4)
      for var event in players {
        event.kind = .progress
        event.isEstablished = true
        event.time = story.clock
        event.packetsIn = 100
        event.payloadOut = 500
        event.payloadIn = 1000 + round * 800_000
        story.tell(event)
      }
      story.engine.runDeadlines(through: story.clock, into: &story.sink)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
