@testable import Flows

/// Conversations of every protocol that is read from a stream.
enum SampleTalk: String, CaseIterable {
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
