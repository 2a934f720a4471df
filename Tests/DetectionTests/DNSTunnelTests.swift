import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct DNSTunnelTests {
  /// Text of `length` letters and digits that looks random, the same for the same seed.
  private func random(_ length: Int, _ seed: Int) -> String {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1
    let letters = Array("abcdefghijklmnopqrstuvwxyz234567")
    return String(
      (0..<length).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return letters[Int(state >> 33) % letters.count]
      })
  }

  @Test(arguments: [1.0, 10, 100]) func aTunnelIsTheHostsAndNotTheResolvers(
    slower: Double
  ) throws {
    let reports = try Lab.detections("dns-tunnel", slower: slower)
    #expect(reports.map(\.story) == ["exfil.dns-tunnel 10.10.2.104 > 203.0.113.53"])
    #expect(reports.first?.text("domain") == "tun.lab-evil.example")
  }

  @Test func aSlowTunnelOfTextRecordsIsFound() throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<120 {
      story.wait(30)
      let name = random(50, turn) + ".t.example.org"
      try story.ask("10.1.1.20", "10.1.1.2", name, 16, id: UInt16(turn))
      try story.answer("10.1.1.2", "10.1.1.20", name, ["::"], 16, id: UInt16(turn), bytes: 90)
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["exfil.dns-tunnel 10.1.1.20 > 10.1.1.2"])
    #expect(reports.first?.text("domain") == "t.example.org")
  }

  @Test func aFileInNamesOfAddressQuestionsIsFound() throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<150 {
      story.wait(0.2)
      let name = random(60, turn) + "." + random(40, turn + 1000) + ".example.org"
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["exfil.dns-tunnel 10.1.1.20 > 10.1.1.2"])
  }

  /// Short pieces, numbered in order; hosts that are numbered; pieces without a number.
  @Test(arguments: [("%04x.", 16, 1), ("d%d.", 12, 1), ("host%d", 0, 0), ("", 16, 0)])
  func piecesThatAreNumberedAreATunnel(number: String, length: Int, reports: Int) throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<100 {
      story.wait(0.25)
      let count = number.replacing("%04x", with: String(turn + 4096, radix: 16))
        .replacing("%d", with: "\(turn)")
      let name = count + random(length, turn) + ".c.example.org"
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
    }
    #expect(story.finish().count == reports)
  }

  /// Names longer than the longest hash, few of them; hashes of that length.
  @Test(arguments: [([52, 24], 1), ([64], 0)])
  func aNameLongerThanAnyHashHoldsData(labels: [Int], reports: Int) throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<25 {
      story.wait(3)
      let data = labels.enumerated().map { index, length in
        String(
          (0..<length).map { "0123456789abcdef".randomless(turn * 97 + index * 31 + $0) })
      }
      let name = data.joined(separator: ".") + ".e.example.org"
      try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
    }
    #expect(story.finish().count == reports)
  }

  @Test func aTalkThatSaysLittleBothWaysIsFound() throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<36 {
      story.wait(1)
      let data = String(
        (0..<(22 + turn % 24)).map { "0123456789abcdef".randomless(turn * 97 + $0) })
      let (name, type) = (data + ".d.example.org", [16, 5, 15][turn % 3] as UInt16)
      try story.ask("10.1.1.20", "10.1.1.2", name, type, id: UInt16(turn))
      try story.answer("10.1.1.2", "10.1.1.20", name, ["::"], type, id: UInt16(turn), bytes: 34)
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["exfil.dns-tunnel 10.1.1.20 > 10.1.1.2"])
  }

  @Test func lookupsOfHashesAndKeysByResolversAreNoTunnel() throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<300 {
      story.wait(0.3)
      let hash = String((0..<32).map { "0123456789abcdef".randomless(turn * 53 + $0) })
      let lookup = hash + ".avqs.example.net"
      try story.ask("10.1.1.2", "192.0.2.53", lookup, 16, id: UInt16(turn))
      try story.answer("192.0.2.53", "10.1.1.2", lookup, [], 16, id: UInt16(turn))
      let key = random(32, turn) + "._domainkey.mailer.example"
      try story.ask("10.1.1.2", "192.0.2.53", key, 16, id: UInt16(turn))
      try story.answer("192.0.2.53", "10.1.1.2", key, ["::"], 16, id: UInt16(turn), bytes: 400)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aTunnelStraightToItsServerNeedsNoZone() throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<90 {
      story.wait(1)
      let data = String(
        (0..<(24 + turn % 20)).map { "0123456789abcdef".randomless(turn * 97 + $0) })
      let type: UInt16 = [16, 5, 15][turn % 3]
      try story.ask(
        "10.1.1.20", "203.0.113.60", "dnscat.\(turn % 10)" + data, type, id: UInt16(turn))
      // What programs ask by mistake: an address for a name.
      try story.ask("10.1.1.21", "10.1.1.2", "192.0.2.\(turn)", id: UInt16(turn))
    }
    let reports = story.finish()
    #expect(reports.map(\.story) == ["exfil.dns-tunnel 10.1.1.20 > 203.0.113.60"])
  }

  @Test func hashesAndServersAndReverseLookupsAreNoTunnel() throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<400 {
      story.wait(1)
      let names = [
        random(14, turn) + ".cloudfront.example.com", random(32, turn) + ".hashes.example.net",
        random(80, turn) + ".avqs.mcafee.com",
        "\(turn % 250).\(turn % 199).0.192.zen.lists.example.org",
      ]
      for name in names {
        try story.ask("10.1.1.20", "10.1.1.2", name, id: UInt16(turn))
        try story.answer("10.1.1.2", "10.1.1.20", name, ["127.0.0.2"], id: UInt16(turn))
      }
      let reverse = "\(turn % 256).2.0.192.in-addr.arpa"
      try story.ask("10.1.1.20", "10.1.1.2", reverse, 12, id: UInt16(turn))
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func mailServersThatReadPoliciesAreNoTunnel() throws {
    var story = try NameStory(DNSTunnel(DetectionContext()))
    for turn in 0..<300 {
      story.wait(5)
      for name in ["_dmarc", "selector\(turn % 3)._domainkey"] {
        let whole = "\(name).company\(turn).example"
        try story.ask("10.1.1.25", "10.1.1.2", whole, 16, id: UInt16(turn))
        try story.answer("10.1.1.2", "10.1.1.25", whole, ["::"], 16, id: UInt16(turn), bytes: 400)
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}

extension String {
  /// One of its letters, by a number that stands for chance.
  fileprivate func randomless(_ number: Int) -> Character {
    let mixed = UInt64(number &+ 1) &* 0x9e37_79b9_7f4a_7c15
    return self[index(startIndex, offsetBy: Int((mixed >> 40) % UInt64(count)))]
  }
}
