import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct DNSSpoofTests {
  private let liar: UInt64 = 0x02_0000_0000_66

  @Test(arguments: [1.0, 10, 100]) func racingAnswersAreTracedToTheirInterface(
    slower: Double
  ) throws {
    let reports = try Lab.detections("dns-spoof", slower: slower)
    #expect(reports.map(\.story) == ["spoof.dns 10.10.2.105 > 10.10.2.103"])
    #expect(reports.first?.attributes["answer"]?.description == "203.0.113.90")
    #expect(reports.first?.attributes["expected"]?.description == "10.10.1.10")
    #expect(reports.first?.attributes["mac"]?.description == "02:00:0a:00:00:0c")
  }

  @Test func aForgerThatKeepsTheServerFromAnsweringIsFound() throws {
    var story = try NameStory(DNSSpoof(DetectionContext()))
    try story.ask("10.1.1.66", "10.1.1.2", "www.example.net", mac: liar)
    for turn in 0..<6 {
      story.wait(20)
      let name = "site\(turn % 3).example.net"
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
      let forged = turn >= 3
      try story.answer(
        "10.1.1.2", "10.1.1.20", name, [forged ? "10.1.1.66" : "192.0.2.1"], id: UInt16(turn),
        mac: forged ? liar : 0x02_0000_0000_53)
      try story.ask("10.1.1.21", "10.1.1.2", "a.example.net", id: UInt16(turn))
      try story.answer("10.1.1.2", "10.1.1.21", "a.example.net", ["192.0.2.2"], id: UInt16(turn))
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["spoof.dns 10.1.1.66 > 10.1.1.20"])
  }

  @Test func guessingAResolversTransactionIsFound() throws {
    var story = try NameStory(DNSSpoof(DetectionContext()))
    try story.ask("10.1.1.2", "192.0.2.53", "abc1.example.net", id: 777)
    for id in 0..<100 {
      story.wait(0.001)
      try story.answer(
        "192.0.2.53", "10.1.1.2", "abc1.example.net", ["203.0.113.9"], id: UInt16(id),
        mac: 0x02_0000_0000_01)
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["spoof.dns 192.0.2.53 > 10.1.1.2"])
  }

  @Test func repeatedQuestionsWithRotatedAnswersAreNoSpoofing() throws {
    var story = try NameStory(DNSSpoof(DetectionContext()))
    for turn in 0..<50 {
      story.wait(1)
      let name = "cdn\(turn).example.net"
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
      story.wait(2)
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
      try story.answer("10.1.1.2", "10.1.1.20", name, ["192.0.2.1"], id: UInt16(turn))
      try story.answer("10.1.1.2", "10.1.1.20", name, ["192.0.2.9"], id: UInt16(turn))
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func anAnswerOnItsWayThroughAForwarderIsNoSpoofing() throws {
    var story = try NameStory(DNSSpoof(DetectionContext()))
    for turn in 0..<50 {
      story.wait(1)
      let name = "site\(turn).example.net"
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn), mac: liar)
      try story.answer("10.1.1.2", "10.1.1.20", name, ["192.0.2.1"], id: UInt16(turn))
      try story.answer("10.1.1.2", "10.1.1.20", name, ["192.0.2.1"], id: UInt16(turn), mac: liar)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aServerThatMovedToAnotherMachineIsNoSpoofing() throws {
    var story = try NameStory(DNSSpoof(DetectionContext()))
    for turn in 0..<60 {
      story.wait(2)
      let name = "site\(turn % 20).example.net"
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
      try story.answer(
        "10.1.1.2", "10.1.1.20", name, [turn < 30 ? "192.0.2.1" : "192.0.2.7"], id: UInt16(turn),
        mac: turn < 30 ? 0x02_0000_0000_53 : 0x02_0000_0000_54)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func serversThatDisagreeAreNoSpoofing() throws {
    var story = try NameStory(DNSSpoof(DetectionContext()))
    for turn in 0..<40 {
      story.wait(1)
      for server in ["10.1.1.2", "10.1.1.3"] {
        try story.ask("10.1.1.20", server, "a\(turn).example.net", id: UInt16(turn))
        try story.answer(
          server, "10.1.1.20", "a\(turn).example.net",
          [server == "10.1.1.2" ? "192.0.2.1" : "192.0.2.2"], id: UInt16(turn),
          mac: server == "10.1.1.2" ? 0x02_0000_0000_53 : 0x02_0000_0000_54)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aHostThatAnswersForEverybodyOnTheLinkIsFound() throws {
    var story = try NameStory(NamePoisoning(DetectionContext()))
    for turn in 0..<12 {
      story.wait(60)
      for (host, name) in [("66", "files\(turn % 4)"), ("20", "desk20"), ("20", "desk20.local")] {
        var message = NameStory<NamePoisoning>.question(name)
        message.flags = 0x8000
        message.answerCount = 1
        try story.tell(
          .dns(message), from: "10.1.1.\(host)", 5355, to: "10.1.1.30", 50_000, mac: liar,
          isFromClient: false)
      }
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["spoof.dns 10.1.1.66 > 10.1.1.30"])
  }

  /// Forged answers to questions that were never asked, by a resolver's own server; a second answer
  /// is no guess, nor is what nobody's server reflects.
  @Test(arguments: [("10.2.2.53", 60, 1), ("10.2.2.53", 2, 0), ("203.0.113.9", 60, 0)])
  func answersOverAndOverThatNobodyAskedForGuess(server: String, times: Int, told: Int) throws {
    var story = try NameStory(DNSSpoof(DetectionContext()))
    try story.ask("10.1.1.2", "10.2.2.53", "www.example.org")
    for number in 0..<times {
      story.wait(0.03)
      try story.answer(
        server, "10.1.1.2", "r1.bank.example", ["198.51.100.66"], id: UInt16(1000 + number * 7))
    }
    let reports = story.finish()
    #expect(reports.map(\.kind) == Array(repeating: .dnsSpoof, count: told))
  }
}
