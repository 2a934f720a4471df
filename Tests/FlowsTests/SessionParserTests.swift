import Packets
import Terms
import Testing

@testable import Flows

/// Conversations of every protocol that is read from a stream.
private enum Sample: String, CaseIterable {
  case http, pipelined, chunked, smtp, ftp, pop, imap, telnet, tls, dns, smb, rdp, unknown
  case mysql, postgres, tds, mongodb, redis, vnc, ldap

  typealias Turn = (isFromClient: Bool, bytes: [UInt8])

  var port: Int {
    switch self {
    case .telnet: 23
    case .dns: 53
    case .mongodb: 27_017
    default: 7777
    }
  }

  var turns: [Turn] {
    switch self {
    case .tls: return [(true, Self.clientHello)]
    case .dns: return [(true, [0, UInt8(Self.query.count)] + Self.query)]
    case .smb: return [(true, Self.treeConnect)]
    case .rdp: return [(true, Self.connectionRequest)]
    case .unknown:
      return [(false, Array("$ ".utf8)), (true, Array("id\n".utf8)), (false, Array("uid=0".utf8))]
    case .mysql, .postgres, .tds, .mongodb, .redis, .vnc, .ldap: return KeeperTalk.turns(rawValue)
    default: return Self.lines(text)
    }
  }

  /// Lines of the client begin with `>`, those of the server with `<`.
  private var text: String {
    switch self {
    case .http:
      """
      >GET /a%20b?q=1 HTTP/1.1
      >Host: www.example.com
      >User-Agent: curl/8
      >Authorization: Basic YTpi
      >
      <HTTP/1.1 401 Unauthorized
      <Server: nginx
      <Content-Length: 4
      <
      <no!
      """
    case .pipelined:
      """
      >GET /1 HTTP/1.1
      >
      >HEAD /2 HTTP/1.0
      >
      >GET /3
      >
      <HTTP/1.1 200 OK
      <Content-Length: 3
      <
      <a
      <HTTP/1.0 200 OK
      <Content-Length: 300
      <
      <HTTP/1.1 404 Not Found
      <Content-Length: 0
      <
      """
    case .chunked:
      """
      >POST /form HTTP/1.1
      >Transfer-Encoding: chunked
      >
      >7;x=y
      >hello
      >
      >0
      >
      >GET /after HTTP/1.1
      >
      <HTTP/1.1 100 Continue
      <
      <HTTP/1.1 302 Found
      <Location: /there
      <Content-Length: 0
      <
      """
    case .smtp:
      """
      <220 mx.example.com ESMTP
      >EHLO me
      <250-mx
      <250 AUTH LOGIN
      >AUTH LOGIN
      <334 VXNlcm5hbWU6
      >Ym9i
      <334 UGFzc3dvcmQ6
      >c2VjcmV0
      <535 no
      >VRFY root
      <252 maybe
      >MAIL FROM:<a@b>
      <250 ok
      >DATA
      <354 go
      >VRFY this is text
      >.
      <250 queued
      """
    case .ftp:
      """
      <220 FTP ready
      >USER alice
      <331 password?
      >PASS wrong
      <530 no
      >USER bob
      <331 password?
      >PASS right
      <230 welcome
      """
    case .pop:
      """
      <+OK ready
      >USER carol
      <+OK
      >PASS x
      <-ERR no
      """
    case .imap:
      """
      <* OK ready
      >a1 LOGIN dave secret
      <* CAPABILITY IMAP4
      <a1 NO no
      >a2 LOGIN dave better
      <a2 OK yes
      """
    default:
      """
      <login: \\
      >eve
      <Password: \\
      >hunter2
      <
      <Login incorrect
      <login: \\
      """
    }
  }

  private static func lines(_ text: String) -> [Turn] {
    text.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line in
      guard let side = line.first else { return nil }
      let rest = line.dropFirst()
      let bytes = rest.hasSuffix("\\") ? Array(rest.dropLast().utf8) : Array(rest.utf8) + [13, 10]
      return (side == ">", bytes)
    }
  }

  static let query: [UInt8] =
    [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3] + Array("www".utf8) + [7]
    + Array("example".utf8) + [3] + Array("com".utf8) + [0, 0, 252, 0, 1]

  private static let clientHello: [UInt8] = {
    let name = Array("example.com".utf8)
    let serverName: [UInt8] = [0, 0, 0, 16, 0, 14, 0, 0, 11] + name
    let versions: [UInt8] = [0, 43, 0, 5, 4, 0x0a, 0x0a, 3, 4]
    let protocols: [UInt8] = [0, 16, 0, 5, 0, 3, 2] + Array("h2".utf8)
    let groups: [UInt8] = [0, 10, 0, 6, 0, 4, 0x1a, 0x1a, 0, 29]
    let signatures: [UInt8] = [0, 13, 0, 4, 0, 2, 4, 3]
    let extensions = serverName + versions + protocols + groups + signatures
    let body: [UInt8] =
      [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 6, 0x2a, 0x2a, 0x13, 1, 0x13, 2, 1, 0]
      + [0, UInt8(extensions.count)] + extensions
    let message: [UInt8] = [1, 0, 0, UInt8(body.count)] + body
    return [22, 3, 1, 0, UInt8(message.count)] + message
  }()

  private static let treeConnect: [UInt8] = {
    let path = Array(#"\\srv\C$"#.utf8).flatMap { [$0, UInt8(0)] }
    var header: [UInt8] = [0xfe, 0x53, 0x4d, 0x42] + [UInt8](repeating: 0, count: 60)
    header[12] = 3
    let body: [UInt8] = [9, 0, 0, 0, 72, 0, UInt8(path.count), 0] + path
    return [0, 0, 0, UInt8(header.count + body.count)] + header + body
  }()

  private static let connectionRequest: [UInt8] = {
    let cookie = Array("Cookie: mstshash=admin\r\n".utf8)
    let tail: [UInt8] = [1, 0, 8, 0, 3, 0, 0, 0]
    let count = UInt8(11 + cookie.count + tail.count)
    return [3, 0, 0, count, count - 5, 0xe0, 0, 0, 0, 0, 0] + cookie + tail
  }()

  /// The conversation, in segments of at most `size` bytes.
  func talk(size: Int) -> Talk {
    var talk = Talk("10.0.0.1:40000", "10.0.0.2:\(port)")
    for turn in turns {
      if turn.isFromClient {
        talk.ask(turn.bytes, size: size)
      } else {
        talk.answer(turn.bytes, size: size)
      }
    }
    return talk
  }
}

struct SessionParserTests {
  @Test(arguments: Sample.allCases)
  private func howBytesAreCutChangesNothing(sample: Sample) {
    let whole = sample.talk(size: 1400).contents()
    #expect(!whole.isEmpty)
    for size in [1, 2, 3, 7] { #expect(sample.talk(size: size).contents() == whole) }
  }

  @Test func requestsAndResponsesAreReadAndMatched() {
    let events = Sample.http.talk(size: 1400).events()
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
    let requests = Sample.chunked.talk(size: 5).events().compactMap { event -> String? in
      guard case .http(let request) = event.what else { return nil }
      return String(decoding: request.target, as: UTF8.self)
    }
    #expect(requests == ["/form", "/after"])
  }

  private func answers(_ sample: Sample) -> [String] {
    sample.talk(size: 1400).events().compactMap { event in
      guard case .httpResponse(let response) = event.what else { return nil }
      let target = String(decoding: response.requestTarget, as: UTF8.self)
      return "\(response.requestMethod) \(target) \(response.status)"
    }
  }

  @Test(arguments: [
    (Sample.smtp, ["bob:negative"]), (.ftp, ["alice:negative", "bob:positive"]),
    (.pop, ["carol:negative"]), (.imap, ["dave:negative", "dave:positive"]),
  ])
  private func loginsEndAsTheServerSays(sample: Sample, expected: [String]) {
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
    let verbs = Sample.smtp.talk(size: 1400).events().compactMap { event -> String? in
      guard case .smtp(let command) = event.what else { return nil }
      return command.verb
    }
    #expect(verbs == ["EHLO", "AUTH", "", "", "VRFY", "MAIL", "DATA"])
  }

  @Test func telnetLoginsAreFollowed() {
    let roles = Sample.telnet.talk(size: 1400).events().compactMap { event -> TelnetLine.Role? in
      guard case .telnet(let line) = event.what else { return nil }
      return line.role
    }
    #expect(roles == [.loginPrompt, .user, .passwordPrompt, .password, .failure, .loginPrompt])
    let refused = Sample.telnet.talk(size: 7).events().compactMap { event -> TelnetLine? in
      guard case .telnet(let line) = event.what, line.role == .failure else { return nil }
      return line
    }
    #expect(refused.map(\.user.isEmpty) == [false])
    #expect(refused.map { $0.secret == 0 } == [false])
  }

  @Test func aClientHelloHasNameVersionAndFingerprints() {
    guard case .tls(let hello) = Sample.tls.talk(size: 1400).events().first?.what else {
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
    for sample in [Sample.smb, .rdp, .dns] {
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
    let samples = Sample.unknown.talk(size: 1).events().compactMap { event -> String? in
      guard case .payload(let sample) = event.what else { return nil }
      return "\(sample.turn) \(String(decoding: sample.bytes, as: UTF8.self))"
    }
    #expect(samples == ["0 $ ", "1 id\n", "2 uid=0"])
  }

  /// Seeded mutation: nothing traps, hangs or holds more than it may.
  @Test(arguments: Sample.allCases)
  private func noMutationTraps(sample: Sample) {
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
