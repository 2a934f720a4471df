import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct SweepTests {
  /// All 13 requests that reach this segment are answered: the router's unanswered ARP requests
  /// give the sweep away.
  @Test(arguments: [1.0, 10, 100]) func aSweepBeyondARouterIsFoundAndThePollerIsNot(slower: Double)
    throws
  {
    let reports = try Lab.detections("ping-sweep", slower: slower)
    #expect(reports.map(\.story) == ["recon.ping-sweep 203.0.113.66 > 13 hosts"])
    #expect(reports.first?.text("technique") == "icmp-echo")
  }

  @Test func aPollerWhoseHostsAnswerIsNoPingSweep() throws {
    var story = try Story(PingSweep(DetectionContext()))
    for _ in 0..<20 {
      for host in 1...40 {
        try story.contact(
          .opened, "10.1.1.5", "10.1.2.\(host)", 2048, probe: .icmpEcho, transport: .icmp)
        try story.contact(
          host <= 36 ? .established : .unanswered, "10.1.1.5", "10.1.2.\(host)", 2048,
          probe: .icmpEcho, transport: .icmp)
      }
      story.wait(30)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func requestsThatNobodyAnswersAreASweep() throws {
    var story = try Story(PingSweep(DetectionContext()))
    for host in 1...20 {
      try story.contact(
        .opened, "10.1.1.5", "10.1.2.\(host)", 2048, probe: .icmpEcho, transport: .icmp)
      story.wait(3)
      try story.contact(
        .unanswered, "10.1.1.5", "10.1.2.\(host)", 2048, probe: .icmpEcho, transport: .icmp)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.ping-sweep 10.1.1.5 > 20 hosts"])
  }

  /// nmap's -PE, -PP and -PM.
  @Test(arguments: [
    (FlowEvent.Probe.icmpEcho, UInt16(8 << 8), "icmp-echo"),
    (.icmpOther, 13 << 8, "icmp-timestamp"),
    (.icmpOther, 17 << 8, "icmp-mask"),
  ])
  func aSweepIsNamedAfterWhatItAsks(
    probe: FlowEvent.Probe, type: UInt16, technique: String
  ) throws {
    var story = try Story(PingSweep(DetectionContext()))
    for host in 1...20 {
      for kind in [FlowEvent.Kind.opened, .unanswered] {
        try story.contact(
          kind, "10.1.1.5", "10.1.2.\(host)", type, probe: probe, transport: .icmp)
        story.wait(3)
      }
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.ping-sweep 10.1.1.5 > 20 hosts"])
    #expect(told.first?.text("technique") == technique)
  }

  /// nmap's -PA80 and -PU40125; one port on many hosts by SYN is a horizontal scan.
  @Test(arguments: [
    (FlowEvent.Probe.ack, TransportProtocol.tcp, UInt16(80), "recon.ping-sweep", "tcp-ack"),
    (.udp, .udp, 40_125, "recon.ping-sweep", "udp"), (.udp, .udp, 161, "recon.port-scan", "udp"),
    (.syn, .tcp, 80, "recon.port-scan", "syn"),
    (.sctpInit, .sctp, 80, "recon.ping-sweep", "sctp-init"),
    (.sctpInit, .sctp, 2905, "recon.port-scan", "sctp-init"),
  ])
  func whoKnocksWhereNothingListensAsksWhoIsThere(
    probe: FlowEvent.Probe, transport: TransportProtocol, port: UInt16, kind: String,
    technique: String
  ) throws {
    var story = try Story(PortScan(DetectionContext()))
    for host in 1...30 {
      story.wait(0.1)
      try story.contact(
        .unanswered, "198.51.100.7", "10.1.1.\(host)", port, probe: probe, transport: transport)
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == [kind])
    #expect(told.first?.text("technique") == technique)
  }

  private func askAround(_ story: inout Story<PingSweep>) throws {
    for host in 10...40 {
      story.wait(0.2)
      try story.arp(1, "10.1.1.1", 0x02_0000_0000_01, "10.1.1.\(host)")
    }
    story.wait(5)
    try story.arp(1, "10.1.1.1", 0x02_0000_0000_01, "10.1.1.50")
  }

  @Test func aHostThatAsksForAbsentNeighboursSweeps() throws {
    var story = try Story(PingSweep(DetectionContext()))
    try askAround(&story)
    let told = story.finish()
    #expect(told.first?.text("technique") == "arp")
  }

  /// 250 requests in half a second, and nothing of the host afterwards.
  @Test func aSweepFasterThanAnyAnswerIsFoundToo() throws {
    var story = try Story(PingSweep(DetectionContext()))
    for host in 1...250 {
      story.wait(0.002)
      try story.arp(1, "10.1.1.66", 0x02_0000_0000_0c, "10.1.1.\(host)")
      if host % 20 == 0 { try story.arp(2, "10.1.1.\(host)", 0x02_0000_0001_00, "10.1.1.66") }
    }
    let told = story.finish()
    #expect(
      told.map(\.story) == ["recon.ping-sweep 10.1.1.66 > \(told.first?.targets.count ?? 0) hosts"])
    #expect(told.first?.count("targets") ?? 0 > 200)
  }

  @Test func aRouterThatAsksOnBehalfOfOthersDoesNot() throws {
    let gateway = try #require(IPAddress("10.1.1.1"))
    var story = try Story(PingSweep(DetectionContext(gateways: [gateway])))
    try askAround(&story)
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aRouterIsKnownByWhatItForwards() throws {
    var story = try Story(PingSweep(DetectionContext()))
    var forwarded = try story.event(.opened, "198.51.100.7", "10.1.1.20", 80)
    forwarded.sourceMAC = MACAddress(bits: 0x02_0000_0000_01)
    story.tell(forwarded)
    try askAround(&story)
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// nmap's -PS80,443: who refuses at the first port is there, and is asked no more. A scan of two
  /// ports asks for both everywhere.
  @Test(arguments: [(1, "recon.ping-sweep"), (2, "recon.port-scan")])
  func whoIsContentWithAnyAnswerAsksWhoIsThere(ports: Int, kind: String) throws {
    var story = try Story(PortScan(DetectionContext()))
    for port in [80, 443] as [UInt16] {
      for host in 1...60 {
        story.wait(0.1)
        let isThere = host % 6 == 0
        if isThere, port == 443, ports == 1 { continue }
        var event = try story.event(
          isThere ? .refused : .unanswered, "198.51.100.7", "10.1.1.\(host)", port)
        event.totalPacketsIn = isThere ? 1 : 0
        story.tell(event)
      }
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == [kind])
  }

  /// nmap's -PO2,4; the hub of a tunnel whose ends are gone knows one protocol.
  @Test(arguments: [([2, 4] as [UInt8], ["recon.ping-sweep"]), ([47], [])])
  func protocolsThatNobodySpeaksAskWhoIsThere(protocols: [UInt8], kinds: [String]) throws {
    var story = try Story(PortScan(DetectionContext()))
    for host in 1...30 {
      for number in protocols {
        story.wait(0.1)
        try story.contact(
          .unanswered, "198.51.100.7", "10.1.1.\(host)", 0, probe: .ip,
          transport: TransportProtocol(number: number))
      }
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == kinds)
  }

  /// Beyond the router, a poller and a sweeper ask for the same hosts; the router's questions for the
  /// others come when the sweeper asks.
  @Test(arguments: [true, false]) func aPollerBesideASweeperIsNotBlamedForIt(pings: Bool) throws {
    let gateway = try #require(IPAddress("10.1.1.1"))
    var story = try Story(PingSweep(DetectionContext(gateways: [gateway])))
    func ping(_ source: String, _ host: Int, _ story: inout Story<PingSweep>) throws {
      for kind in [FlowEvent.Kind.opened, .established] {
        try story.contact(
          kind, source, "10.1.1.\(host)", 2048, probe: .icmpEcho, transport: .icmp)
      }
    }
    for round in 0..<2 {
      for host in 10...(20 + round) { try ping("10.1.9.9", host, &story) }
      guard round == 0 else { break }
      for host in 2...250 {
        story.wait(0.1)
        if host % 20 == 11 || host == 16 || host == 18 {
          // A sweep by other means shows as the router's questions only.
          if pings { try ping("198.51.100.7", host, &story) }
        } else {
          try story.arp(1, "10.1.1.1", 0x02_0000_0000_01, "10.1.1.\(host)")
        }
      }
    }
    story.wait(5)
    try story.arp(1, "10.1.1.1", 0x02_0000_0000_01, "10.1.1.254")
    let told = story.finish()
    #expect(
      told.map { $0.sources.listed.map(\.description) } == (pings ? [["198.51.100.7"]] : []))
  }

  @Test func hostsBehindOneAdapterAreNotHeldAgainstEachOther() throws {
    var story = try Story(PingSweep(DetectionContext()))
    for host in 1...12 {
      for guest in [201, 202, 203] {
        story.wait(0.5)
        let absent = "10.1.1.\(host + (guest - 200) * 20)"
        try story.arp(1, "10.1.1.\(guest)", 0x02_0000_0000_0c, absent)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
