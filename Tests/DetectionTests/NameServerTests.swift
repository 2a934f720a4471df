import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct NameServerTests {
  @Test(arguments: [1.0, 10, 100]) func malformedQuestionsAndZoneTransfersAreFound(
    slower: Double
  ) throws {
    let reports = try Lab.detections("dns-malformed", slower: slower)
    #expect(
      reports.map(\.story) == [
        "access.overflow 203.0.113.66 > 10.10.1.53",
        "recon.dns-zone-transfer 203.0.113.66 > 10.10.1.53",
      ])
    #expect(reports.first?.text("service") == "dns")
    #expect(
      reports.first?.text("technique") == "truncated,compression-loop,overlong-name,oversized")
    #expect(reports.last?.text("zone") == "1.10.10.in-addr.arpa,acme.test,branch.acme.test")
    #expect(reports.last?.text("granted") == "no")
  }

  @Test func ordinaryNameServiceIsSilent() throws {
    let told = try Lab.detections("office-names")
    #expect(told.isEmpty)
  }

  @Test func aZoneHandedOverIsWorse() throws {
    var story = try NameStory(ZoneTransfer(DetectionContext()))
    let axfr = DNSMessage.RecordType.axfr
    try story.ask("203.0.113.5", "10.1.1.2", "example.net", axfr, transport: .tcp)
    try story.answer(
      "10.1.1.2", "203.0.113.5", "example.net", ["10.1.1.3", "10.1.1.4"], axfr, transport: .tcp)
    let reports = story.finish()
    #expect(reports.map(\.story) == ["recon.dns-zone-transfer 203.0.113.5 > 10.1.1.2"])
    #expect(reports.first?.text("granted") == "yes")
    #expect(reports.first?.count("records") == 2)
    #expect(reports.first?.severity == 7)
  }

  @Test func secondariesMayHaveTheZone() throws {
    var context = DetectionContext()
    context.nameServers = [try #require(IPAddress("10.1.1.3"))]
    var story = try NameStory(ZoneTransfer(context))
    try story.ask("10.1.1.3", "10.1.1.2", "example.net", 252, transport: .tcp)
    let known = story.finish()
    #expect(known.isEmpty)

    context.nameServers = []
    context.home = [try #require(IPPrefix("10.1.0.0/16"))]
    story = try NameStory(ZoneTransfer(context))
    var notice = NameStory<ZoneTransfer>.question("example.net", 6)
    notice.flags = 4 << 11
    try story.tell(.dns(notice), from: "10.1.1.2", 4000, to: "10.1.1.4", 53, mac: 2)
    try story.ask("10.1.1.4", "10.1.1.2", "example.net", 252, transport: .tcp)
    let notified = story.finish()
    #expect(notified.isEmpty)
  }

  @Test func askingForVersionsIsAProbe() throws {
    var story = try NameStory(NameServerProbe(DetectionContext()))
    for host in 2...4 {
      var message = NameStory<NameServerProbe>.question("version.bind", 16)
      message.queryClass = 3
      try story.tell(.dns(message), from: "10.1.1.66", 4000, to: "10.1.1.\(host)", 53, mac: 2)
      story.wait(60)
    }
    let reports = story.finish()
    #expect(
      reports.map(\.story) == ["recon.service-probe 10.1.1.66 > 10.1.1.2 10.1.1.3 10.1.1.4"])
    #expect(reports.first?.severity == 3)
  }

  @Test func messagesCutShortAreNoAttack() throws {
    var story = try NameStory(MalformedDNS(DetectionContext()))
    for turn in 0..<12 {
      story.wait(1)
      var message = NameStory<MalformedDNS>.question("www.example.net", id: UInt16(turn))
      message.malformation = .truncated
      try story.tell(.dns(message), from: "10.1.1.20", 4000, to: "10.1.1.2", 53, mac: 2)
      message.flags = 0x8180
      message.answerCount = 3
      try story.tell(
        .dns(message), from: "10.1.1.2", 53, to: "10.1.1.20", 4000, mac: 3, isFromClient: false)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aServerThatPassesOnABadQuestionIsNoAttacker() throws {
    var story = try NameStory(MalformedDNS(DetectionContext()))
    for turn in 0..<5 {
      story.wait(1)
      var message = NameStory<MalformedDNS>.question("bad\(turn).example.net", id: UInt16(turn))
      message.malformation = .badName
      try story.tell(.dns(message), from: "203.0.113.5", 4000, to: "10.1.1.2", 53, mac: 2)
      try story.tell(.dns(message), from: "10.1.1.2", 4000, to: "192.0.2.53", 53, mac: 3)
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["access.overflow 203.0.113.5 > 10.1.1.2"])
  }

  /// What is told of malformed messages of thirty sources in turn to one server.
  private func reports(
    of malformation: DNSMessage.Malformation, perSource: Int
  ) throws -> [Report] {
    var story = try NameStory(MalformedDNS(DetectionContext()))
    for turn in 0..<30 * perSource {
      story.wait(1)
      var message = NameStory<MalformedDNS>.question("bad\(turn).example.net", id: UInt16(turn))
      message.malformation = malformation
      try story.tell(
        .dns(message), from: "203.0.113.\(turn % 30 + 1)", 4000, to: "10.1.1.2", 53, mac: 2)
    }
    return story.finish()
  }

  /// Each source sends one message (forged at random) or two.
  @Test(arguments: [1, 2]) func badQuestionsOfManySourcesAreOneAttack(perSource: Int) throws {
    let reports = try reports(of: .compressionLoop, perSource: perSource)
    #expect(reports.count == 1)
    #expect(reports.first?.kind == .overflow)
    #expect(reports.first?.sources.count == 30)
    #expect(reports.first?.targets.listed.map(\.description) == ["10.1.1.2"])
  }

  @Test func damagedMessagesOfManySourcesAreNoAttack() throws {
    let told = try reports(of: .truncated, perSource: 2)
    #expect(told.isEmpty)
  }
}
