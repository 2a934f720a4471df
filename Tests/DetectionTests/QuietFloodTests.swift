import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// Floods so slow that only what they are made of tells them from ordinary traffic.
@Suite struct QuietFloodTests {
  /// Twenty openings a second; `isAnswered`: the server answers, and is left waiting.
  @Test(arguments: [true, false]) func openingsThatAreAnsweredAndLeftAreAFlood(isAnswered: Bool)
    throws
  {
    var story = try Story(SynFlood(DetectionContext()))
    for _ in 0..<400 {
      story.wait(0.05)
      try story.contact(.opened, "10.1.1.5", "10.1.1.80", 80)
      guard isAnswered else { continue }
      var end = try story.event(.closed, "10.1.1.5", "10.1.1.80", 80)
      end.packetsIn = 1
      end.totalPacketsIn = 1
      end.ending = .reset
      story.tell(end)
    }
    let told = story.finish()
    #expect(told.map(\.story) == (isAnswered ? ["dos.syn-flood 10.1.1.5 > 10.1.1.80"] : []))
  }

  /// A balancer's health checks, three times a second, never complete a handshake.
  @Test func halfOpenHealthChecksAreNoFlood() throws {
    var story = try Story(SynFlood(DetectionContext()))
    for _ in 0..<120 {
      story.wait(0.33)
      try story.contact(.opened, "10.1.1.5", "10.1.1.80", 80)
      var end = try story.event(.closed, "10.1.1.5", "10.1.1.80", 80)
      end.packetsIn = 1
      end.totalPacketsIn = 1
      story.tell(end)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// Thirty a second, each from a port of its own: of 250 bytes, or questions that nobody answers.
  @Test(arguments: [(UInt64(250), 1), (UInt64(70), 0)])
  func datagramsOfAFlowEachAreAFloodUnlessTheyAreQuestions(bytes: UInt64, floods: Int) throws {
    var story = try Story(UdpFlood(DetectionContext()))
    for _ in 0..<450 {
      story.wait(0.033)
      var event = try story.event(
        .opened, "203.0.113.7", "10.1.1.53", 53, probe: .udp, transport: .udp)
      event.bytesOut = bytes
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == Array(repeating: "dos.udp-flood", count: floods))
  }

  /// A hundred small datagrams a second from one port, unanswered: to a time server each is a question,
  /// to a collector of records all are one stream.
  @Test(arguments: [(UInt16(123), 1), (UInt16(161), 1), (UInt16(2055), 0), (UInt16(514), 0)])
  func aStreamToWhoAnswersEachDatagramIsAFlood(port: UInt16, floods: Int) throws {
    var story = try Story(UdpFlood(DetectionContext()))
    for number in 0..<1500 {
      story.wait(0.01)
      var event = try story.event(
        number == 0 ? .opened : .progress, "203.0.113.7", "10.1.1.53", port, probe: .udp,
        transport: .udp)
      event.packetsOut = 1
      event.bytesOut = 54
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == Array(repeating: "dos.udp-flood", count: floods))
  }

  /// Streams of many hosts to a collector, 180 a second in all: there when the monitor begins, or new
  /// after half a minute.
  @Test(arguments: [(0.0, 0), (30.0, 1)])
  func streamsThatWereThereBeforeAreUsual(pause: Double, floods: Int) throws {
    var story = try Story(UdpFlood(DetectionContext()))
    try story.contact(.opened, "10.1.1.4", "10.1.1.6", 53, probe: .udp, transport: .udp)
    story.wait(1 + pause)
    for number in 0..<5400 {
      story.wait(1 / 180)
      var event = try story.event(
        number < 9 ? .opened : .progress, "10.1.1.\(20 + number % 9)", "10.1.1.6", 514, probe: .udp,
        transport: .udp)
      event.packetsOut = 1
      event.bytesOut = 130
      story.tell(event)
    }
    #expect(story.finish().map(\.kind.text) == Array(repeating: "dos.udp-flood", count: floods))
  }

  /// Of one ping: forty a second, or ten.
  @Test(arguments: [(40.0, 1), (10.0, 0)])
  func aPingThatFastIsAFlood(rate: Double, floods: Int) throws {
    var story = try Story(IcmpFlood(DetectionContext()))
    for number in 0..<Int(rate * 15) {
      story.wait(1 / rate)
      var event = try story.event(
        number == 0 ? .opened : .progress, "203.0.113.9", "10.1.1.53", 2048, probe: .icmpEcho,
        transport: .icmp)
      event.packetsOut = 1
      story.tell(event)
    }
    #expect(story.finish().map(\.kind.text) == Array(repeating: "dos.icmp-flood", count: floods))
  }

  /// Two thousand openings within a twentieth of a second and no packet after them: left alone, or
  /// each taken up.
  @Test(arguments: [(false, 1), (true, 0)])
  func whatIsOverWithinASecondIsAFloodAllTheSame(isTakenUp: Bool, floods: Int) throws {
    var story = try Story(SynFlood(DetectionContext()))
    for number in 0..<2000 {
      story.wait(0.000_025)
      let source = "198.51.\(number / 250).\(number % 250)"
      try story.contact(.opened, source, "10.1.1.12", 80)
      if isTakenUp { try story.contact(.established, source, "10.1.1.12", 80) }
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == Array(repeating: "dos.syn-flood", count: floods))
    #expect(told.allSatisfy { $0.targets.listed.map(\.description) == ["10.1.1.12"] })
  }

  /// The same of datagrams and of echo requests.
  @Test func otherBurstsAreFloodsAsWell() throws {
    var datagrams = try Story(UdpFlood(DetectionContext()))
    var echoes = try Story(IcmpFlood(DetectionContext()))
    for number in 0..<2000 {
      datagrams.wait(0.000_025)
      echoes.wait(0.000_025)
      let source = "198.51.\(number / 250).\(number % 250)"
      try datagrams.contact(.opened, source, "10.1.1.12", 80, probe: .udp, transport: .udp)
      try echoes.contact(.opened, source, "10.1.1.12", 2048, probe: .icmpEcho, transport: .icmp)
    }
    #expect(datagrams.finish().map(\.kind) == [.udpFlood])
    #expect(echoes.finish().map(\.kind) == [.icmpFlood])
  }

  /// Twenty-five echo requests a second: each from another source, or of one ping.
  @Test(arguments: [(true, 1), (false, 0)])
  func echoRequestsOfAFlowEachAreAFlood(isForged: Bool, floods: Int) throws {
    var story = try Story(IcmpFlood(DetectionContext()))
    for number in 0..<500 {
      story.wait(0.04)
      var event = try story.event(
        isForged || number == 0 ? .opened : .progress,
        isForged ? "203.0.\(number / 250).\(number % 250)" : "10.1.1.9", "10.1.1.53", 2048,
        probe: .icmpEcho, transport: .icmp)
      event.packetsOut = 1
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == Array(repeating: "dos.icmp-flood", count: floods))
  }

  /// A router tells a scanner of the hosts that do not exist: not as many as a flood of such errors.
  @Test(arguments: [(0.004, 0), (0.0005, 1)])
  func aRoutersErrorsAreNoFloodOfTheOneWhoCausesThem(pause: Double, floods: Int) throws {
    var story = try Story(IcmpFlood(DetectionContext()))
    for number in 0..<Int(20 / pause) {
      story.wait(pause)
      var event = try story.event(
        number == 0 ? .opened : .progress, "10.1.1.1", "203.0.113.7", 3 << 8 | 1,
        probe: .icmpOther, transport: .icmp)
      event.packetsOut = 1
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == Array(repeating: "dos.icmp-flood", count: floods))
  }

  /// A hundred errors a second, each from another source: about nothing that their receiver sent, or
  /// about as many of its own datagrams (a name server whose clients are gone).
  @Test(arguments: [(false, 1), (true, 0)])
  func errorsAboutNothingAreAFlood(isAboutFlows: Bool, floods: Int) throws {
    var story = try Story(IcmpFlood(DetectionContext()))
    for number in 0..<1500 {
      story.wait(0.01)
      let source = "203.0.\(number / 250).\(number % 250)"
      try story.contact(
        .opened, source, "10.1.1.53", 3 << 8 | 3, probe: .icmpOther, transport: .icmp)
      guard isAboutFlows else { continue }
      try story.contact(.refused, "10.1.1.53", source, 40_000, probe: .udp, transport: .udp)
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == Array(repeating: "dos.icmp-flood", count: floods))
  }
}

/// What name servers are asked.
@Suite struct QueryFloodTests {
  private func asking(
    _ rate: Double, sources: Int, exist: Bool, name: (Int) -> String
  ) throws -> [Report] {
    var story = try NameStory(QueryFlood(DetectionContext()))
    for number in 0..<Int(rate * 12) {
      story.wait(1 / rate)
      let client = "198.51.100.\(number % sources + 1)"
      let id = UInt16(number & 0xffff)
      try story.ask(client, "10.1.1.53", name(number), id: id)
      try story.answer("10.1.1.53", client, name(number), exist ? ["10.1.1.80"] : [], id: id)
    }
    return story.finish()
  }

  /// Random names: no cache has them.
  private func random(_ number: Int) -> String {
    "x\(UInt64(number) &* 0x9e37_79b9_7f4a_7c15 >> 40).shop.example"
  }

  @Test func newNamesOfOneZoneThatDoNotExistAreAFlood() throws {
    let told = try asking(80, sources: 30, exist: false, name: random)
    #expect(told.map(\.kind.text) == ["dos.udp-flood"])
    #expect(told.first?.text("technique") == "dns-queries")
    #expect(told.first?.targets.listed.map(\.description) == ["10.1.1.53"])
    #expect(try asking(250, sources: 1, exist: true, name: random).count == 1)
  }

  @Test func busyResolversAndLookersUpAreNone() throws {
    // Many zones; the same names over and over; one enumerator; a mail server's list of senders.
    #expect(try asking(300, sources: 40, exist: true) { "www.site\($0).example" }.isEmpty)
    #expect(try asking(300, sources: 40, exist: true) { "h\($0 % 200).acme.example" }.isEmpty)
    #expect(try asking(100, sources: 1, exist: false, name: random).isEmpty)
    #expect(
      try asking(300, sources: 9, exist: false) { "\($0 % 250).\($0 / 250).0.10.in-addr.arpa" }
        .isEmpty)
    // What a tunnel carries is another matter.
    #expect(
      try asking(300, sources: 1, exist: true) {
        "\(String(repeating: "k", count: 40))\($0).t.example"
      }.isEmpty)
  }
}
