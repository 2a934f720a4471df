import Packets
import Terms
import Testing

@testable import Signatures

/// Contents that all traffic has, and traffic in which nothing is looked for.
struct BankTests {
  /// A question with an answer, over TCP and over UDP, at a port.
  private func talk(_ port: Int) -> Traffic {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:\(port)")
    talk.ask([5, 1, 0, 1])
    talk.answer([5, 2, 0, 1])
    talk.traffic.udp("10.0.0.1:40000", "192.0.2.7:\(port)", [5, 1, 0, 1])
    talk.traffic.udp("192.0.2.7:\(port)", "10.0.0.1:40000", [5, 2, 0, 1])
    return talk.traffic
  }

  @Test func aShortContentIsFoundWhereverItsRuleCanApply() throws {
    let heads: [(head: String, at: [Int], elsewhere: [Int])] = [
      ("any any -> any any", [1, 2], [1, 2]),
      ("any any -> any 9135", [1], []),
      ("any 9135 -> any any", [2], []),
      ("any any <> any 9135", [1, 2], []),
      ("any 9135 <> any any", [1, 2], []),
      ("any any -> any [9135,80,9000:9100]", [1], []),
      ("any any -> any [9000:9999,!9135]", [], [1]),
      ("any 1024: -> any 9135", [1], []),
      ("any any -> any ![9135]", [2], [1, 2]),
      ("any 40000 -> any 1024:", [1], [1]),
    ]
    for place in ["", "depth:1;", "dsize:4;"] {
      for transport in ["tcp", "udp"] {
        // All in one set: the ports of one rule must not hide another's.
        let rules = try compile(
          heads.enumerated().flatMap { number, head in
            [1, 2].map {
              "alert \(transport) \(head.head) (msg:\"t\"; content:\"|05|\"; \(place) "
                + "content:\"|0\($0) 00 01|\"; sid:\(10 * number + 10 + $0);)"
            }
          }.joined(separator: "\n"))
        for (port, isAt) in [(9135, true), (9134, false)] {
          let wanted = heads.enumerated().flatMap { number, head in
            (isAt ? head.at : head.elsewhere).map { UInt32(10 * number + 10 + $0) }
          }
          let found = talk(port).matches(rules)
          #expect(Set(found) == Set(wanted), "\(transport) \(port) \(place)")
          #expect(found.count == Set(found).count, "\(transport) \(port) \(place)")
        }
      }
    }
  }

  @Test func aShortContentIsFoundInItsProtocolAtAnyPort() throws {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:2121")
    talk.answer("220 FTP server ready\r\n")
    talk.ask("USER anonymous\r\n")
    talk.answer("331 password please\r\n")
    talk.ask("CWD ~root\r\n")
    #expect(
      try talk.matches(
        """
        alert ftp any any -> any any (msg:"t"; content:"CWD"; sid:1;)
        alert smtp any any -> any any (msg:"t"; content:"CWD"; sid:2;)
        alert tcp any any -> any any (msg:"t"; content:"CWD"; sid:3;)
        """
      ).sorted() == [1, 3])
  }

  /// A record of TLS 1.2.
  private func record(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    [type, 3, 3, UInt8(body.count >> 8), UInt8(body.count & 255)] + body
  }

  @Test func nothingIsLookedForInWhatBothSidesSayIsEncrypted() throws {
    let rule = "alert tcp any any -> any any (msg:\"t\"; dsize:>6; content:\"needle\"; sid:1;)"
    let needle = Array("needle".utf8)
    // A hello of no extensions, then a change of ciphers.
    let hello: [UInt8] =
      [1, 0, 0, 41, 3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0]
    var answer = hello
    answer[0] = 2
    for isSealed in [false, true] {
      var talk = Conversation("10.0.0.1:40000", "192.0.2.7:443")
      talk.ask(record(22, hello))
      talk.answer(record(22, answer))
      talk.ask(record(20, [1]))
      if isSealed { talk.answer(record(20, [1])) }
      talk.ask(record(23, needle))
      #expect(try talk.matches(rule) == (isSealed ? [] : [1]))
    }
  }

  @Test func codesAreTheirPlaces() {
    for (place, buffer) in StickyBuffer.allCases.enumerated() { #expect(buffer.code == place) }
    for (place, name) in ApplicationProtocol.allCases.enumerated() {
      #expect(Int(name.code) == place + 1)
    }
  }
}
