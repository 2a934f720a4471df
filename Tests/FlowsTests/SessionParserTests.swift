import Packets
import Terms
import Testing

@testable import Flows

struct SessionParserTests {
  @Test(arguments: SampleTalk.allCases)
  func howBytesAreCutChangesNothing(sample: SampleTalk) {
    let whole = sample.talk(size: 1400).contents()
    #expect(!whole.isEmpty)
    for size in [1, 2, 3, 7] { #expect(sample.talk(size: size).contents() == whole) }
  }

  @Test func requestsAndResponsesAreReadAndMatched() {
    let events = SampleTalk.http.talk(size: 1400).events()
    guard case .http(let request) = events.first?.what,
      case .httpResponse(let response) = events.dropFirst().first?.what
    else {
      Issue.record("\(events)")
      return
    }
    #expect(request.method == "GET")
    #expect(Array(request.target) == Array("/a%20b?q=1".utf8))
    #expect(Array(request.host) == Array("www.example.com".utf8))
    #expect(Array(request.authorization) == Array("Basic YTpi".utf8))
    #expect(request.fieldCount == 3)
    #expect(response.status == 401)
    #expect(response.requestWasAuthorized)
    #expect(Array(response.server) == Array("nginx".utf8))
    #expect(events[0].isFromClient && !events[1].isFromClient)
  }

  @Test func framingFindsTheNextMessage() {
    #expect(answers(.pipelined) == ["GET /1 200", "HEAD /2 200", "GET /3 404"])
    #expect(answers(.chunked) == ["POST /form 100", "POST /form 302"])
    let requests = SampleTalk.chunked.talk(size: 5).events().compactMap { event -> String? in
      guard case .http(let request) = event.what else { return nil }
      return String(decoding: request.target, as: UTF8.self)
    }
    #expect(requests == ["/form", "/after"])
  }

  private func answers(_ sample: SampleTalk) -> [String] {
    sample.talk(size: 1400).events().compactMap { event in
      guard case .httpResponse(let response) = event.what else { return nil }
      let target = String(decoding: response.requestTarget, as: UTF8.self)
      return "\(response.requestMethod) \(target) \(response.status)"
    }
  }

  @Test(arguments: [
    (SampleTalk.smtp, ["bob:negative"]), (.ftp, ["alice:negative", "bob:positive"]),
    (.pop, ["carol:negative"]), (.imap, ["dave:negative", "dave:positive"]),
  ])
  func loginsEndAsTheServerSays(sample: SampleTalk, expected: [String]) {
    let logins = sample.talk(size: 1400).events().compactMap { event -> String? in
      switch event.what {
      case .smtpReply(let reply), .ftpReply(let reply), .popReply(let reply),
        .imapReply(let reply):
        let user = String(decoding: reply.user, as: UTF8.self)
        return reply.endsLogin ? "\(user):\(reply.outcome)" : nil
      default: return nil
      }
    }
    #expect(logins == expected)
  }

  @Test func mailIsNoCommand() {
    let verbs = SampleTalk.smtp.talk(size: 1400).events().compactMap { event -> String? in
      guard case .smtp(let command) = event.what else { return nil }
      return command.verb
    }
    #expect(verbs == ["EHLO", "AUTH", "", "", "VRFY", "MAIL", "DATA"])
  }

  /// An envelope in one piece is pipelining (RFC 2920); what precedes the greeting, or the reply to EHLO
  /// that would allow it, is not.
  @Test(arguments: [
    (["<220 m", ">EHLO x", "<250 m", ">MAIL FROM:<a>", ">RCPT TO:<b>", "<250 ok", "<250 ok"], 0),
    (["<220 m", ">EHLO x", ">MAIL FROM:<a>", ">RCPT TO:<b>", "<250 m", "<250 ok", "<250 ok"], 1),
    ([">EHLO x", ">MAIL FROM:<a>", "<220 m", "<250 m", "<250 ok"], 2),
    ([">EHLO x", ">QUIT", "<220 m", "<250 m", "<221 bye"], 0),
  ])
  func envelopesThatDoNotWaitAreForeseen(lines: [String], foreseen: Int) {
    var talk = Talk("10.0.0.1:40000", "10.0.0.2:25")
    for line in lines {
      let bytes = Array((line.dropFirst() + "\r\n").utf8)
      if line.hasPrefix(">") {
        talk.ask(bytes, size: 1400)
      } else {
        talk.answer(bytes, size: 1400)
      }
    }
    let replies = talk.events().filter { event in
      if case .smtpReply(let reply) = event.what { reply.isForeseen } else { false }
    }
    #expect(replies.count == foreseen)
  }

  @Test func telnetLoginsAreFollowed() {
    let roles = SampleTalk.telnet.talk(size: 1400).events().compactMap {
      event -> TelnetLine.Role? in
      guard case .telnet(let line) = event.what else { return nil }
      return line.role
    }
    #expect(roles == [.loginPrompt, .user, .passwordPrompt, .password, .failure, .loginPrompt])
    let refused = SampleTalk.telnet.talk(size: 7).events().compactMap { event -> TelnetLine? in
      guard case .telnet(let line) = event.what, line.role == .failure else { return nil }
      return line
    }
    #expect(refused.map(\.user.isEmpty) == [false])
    #expect(refused.map { $0.secret == 0 } == [false])
  }

  @Test func aClientHelloHasNameVersionAndFingerprints() {
    guard case .tls(let hello) = SampleTalk.tls.talk(size: 1400).events().first?.what else {
      Issue.record("no hello")
      return
    }
    #expect(hello.serverName == Array("example.com".utf8))
    #expect(hello.version == 0x0304)
    #expect(hello.isWellFormed)
    #expect(hello.ja3 == "771,4865-4866,0-43-16-10-13,29,")
    #expect(hello.ja4.head == "t13d0205h2")
    #expect(hello.ja4.ciphers == "1301,1302")
    #expect(hello.ja4.extensions == "000a,000d,002b_0403")
  }

  @Test func sharesUsersAndZoneTransfersAreRead() {
    var told: [String] = []
    for sample in [SampleTalk.smb, .rdp, .dns] {
      for event in sample.talk(size: 1400).events() {
        switch event.what {
        case .smb(let message): told.append(String(decoding: message.share, as: UTF8.self))
        case .rdp(let request): told.append(String(decoding: request.user, as: UTF8.self))
        case .dns(let message): told.append("\(message.name) \(message.queryType)")
        default: break
        }
      }
    }
    #expect(told == [#"\\srv\C$"#, "admin", "www.example.com 252"])
  }

  @Test func aBodyThatIsBiddenComeIsRead() {
    var talk = Talk()
    talk.ask("PUT /x HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    talk.answer("HTTP/1.1 100 Continue\r\n\r\n")
    talk.ask("body")
    talk.answer("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    let bodies = talk.events().compactMap { event -> String? in
      guard case .http(let request) = event.what else { return nil }
      return String(decoding: request.body, as: UTF8.self)
    }
    #expect(bodies == ["body"])
  }

  @Test func aSlowRequestIsToldOfAfterFiveTenAndTwentySeconds() {
    var talk = Talk()
    talk.ask("GET / HTTP/1.1\r\n")
    for _ in 0..<12 {
      talk.wait(2)
      talk.ask("X-a: b\r\n")
    }
    let progress = talk.events().compactMap { event -> HTTPProgress? in
      guard case .httpProgress(let progress) = event.what else { return nil }
      return progress
    }
    #expect(progress.map { ($0.elapsed.seconds / 5).rounded(.down) } == [1, 2, 4])
    #expect(progress.allSatisfy { !$0.isHeadComplete && $0.segments > 1 })
  }

  @Test func anUnknownConversationIsSampledByTurns() {
    let samples = SampleTalk.unknown.talk(size: 1).events().compactMap { event -> String? in
      guard case .payload(let sample) = event.what else { return nil }
      return "\(sample.turn) \(String(decoding: sample.bytes, as: UTF8.self))"
    }
    #expect(samples == ["0 $ ", "1 id\n", "2 uid=0"])
  }

  /// Seeded mutation: nothing traps, hangs or holds more than it may.
  @Test(arguments: SampleTalk.allCases)
  func noMutationTraps(sample: SampleTalk) {
    var random = SeededGenerator(state: UInt64(sample.port) &+ UInt64(sample.turns.count))
    let turns = sample.turns
    var table = SessionOutput()
    for _ in 0..<(Self.inputs / turns.count) {
      let start = Identification(port: UInt16(sample.port))
      var parser: SessionParser = start
      var wantsMore = true
      for turn in turns where wantsMore {
        let bytes = mutated(turn.bytes, &random)
        let direction = turn.isFromClient ? FlowDirection.out : .back
        if Int.random(in: 0..<40, using: &random) == 0 {
          wantsMore = parser.skip(.random(in: 1...9000, using: &random), direction, &table)
        } else {
          wantsMore = bytes.withUnsafeBytes { parser.feed($0, direction, &table) }
        }
        if !wantsMore, parser === start, let next = start.successor {
          (parser, wantsMore) = next
        }
        #expect(parser.held < 20_000)
      }
      parser.tick(&table)
      parser.finish(&table)
      table.clear()
    }
  }

  /// Pieces of conversations in each mutation test.
  private static let inputs = 20_000

  private func mutated(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
      let at = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: bytes.insert(.random(in: 0...255, using: &random), at: at)
      case 1: bytes.remove(at: at)
      case 2: bytes[at] = .random(in: 0...255, using: &random)
      case 3: bytes.insert(contentsOf: bytes.prefix(at), at: at)
      default: bytes[at] ^= UInt8(1) << UInt8.random(in: 0...7, using: &random)
      }
    }
    return bytes
  }
}
