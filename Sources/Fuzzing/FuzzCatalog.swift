/// Everything that reads bytes from outside.
public enum FuzzCatalog {
  public static let names = plain.map(\.name) + sessions.map(\.name)

  /// A fresh target; nil for an unknown name.
  public static func target(_ name: String) -> FuzzTarget? {
    plain.first { $0.name == name }?.make() ?? sessions.first { $0.name == name }?.make()
  }

  private typealias Entry = (name: String, make: @Sendable () -> FuzzTarget)

  private static let plain: [Entry] = [
    ("frames", { FrameTarget() }), ("segments", { SegmentTarget() }),
    ("pcap", { CaptureTarget.classic() }), ("pcapng", { CaptureTarget.blocks() }),
    ("reports", { ReportTarget() }), ("links", { LinkTarget() }),
    ("topology", { TextTarget(.topology) }), ("schema", { TextTarget(.schema) }),
    ("scenario", { TextTarget(.scenario) }), ("inventory", { TextTarget(.inventory) }),
  ]

  private static func session(
    _ name: String, _ port: UInt16, udp: Bool = false, tokens: [String] = [],
    _ conversations: [[[UInt8]]]
  ) -> Entry {
    (name, { SessionTarget(name, port: port, udp: udp, conversations, tokens: tokens) })
  }

  private static func text(_ turns: String...) -> [[UInt8]] { turns.map { Array($0.utf8) } }

  private static let sessions: [Entry] = [
    session(
      "http", 80,
      tokens: [
        "\r\n", "\r\n\r\n", "Content-Length: ", "Transfer-Encoding: chunked", "0\r\n", "HTTP/1.1 ",
        "%00", "ffffffffffffffff\r\n", "100 Continue", "Authorization: Basic YTpi\r\n",
      ],
      [
        text(
          "GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        ),
        text(
          "POST /f HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b",
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nTransfer-Encoding: chunked\r\nLocation: /\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        ),
        text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      ]),
    session("tls", 443, [[FuzzSeeds.clientHello, FuzzSeeds.serverHello]]),
    session(
      "ssh", 22,
      [
        text(
          "", "SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-libssh\r\n",
          "\0\0\0\u{c}\u{a}\u{14}kkkkkkkkkk\0\0\0\u{c}\u{a}\u{15}kkkkkkkkkk")
      ]),
    session(
      "ftp", 21, tokens: ["\r\n", "USER ", "PASS ", "230 ", "331-", "\u{ff}\u{f4}"],
      [text("", "220 hi\r\n", "USER a\r\n", "331 pass\r\n", "PASS b\r\n", "230-x\r\n230 in\r\n")]),
    session(
      "smtp", 25, tokens: ["\r\n", "AUTH PLAIN ", "DATA\r\n", "\r\n.\r\n", "BDAT 5\r\n", "334 "],
      [
        text(
          "", "220 m ESMTP\r\n", "EHLO c\r\n", "250-m\r\n250 AUTH\r\n", "AUTH PLAIN AGEAYg==\r\n",
          "235 ok\r\n", "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n", "354 go\r\n", "x\r\n.\r\n")
      ]),
    session(
      "pop", 110, tokens: ["\r\n", "+OK ", "-ERR ", "AUTH "],
      [text("", "+OK hi\r\n", "USER a\r\n", "+OK\r\n", "PASS b\r\n", "-ERR no\r\n")]),
    session(
      "imap", 143, tokens: ["\r\n", "{5}\r\n", "{99999999999}\r\n", " LOGIN ", " OK "],
      [text("", "* OK IMAP4\r\n", "a LOGIN u {3}\r\n", "+ go\r\n", "abc\r\n", "a NO no\r\n")]),
    session(
      "telnet", 23,
      [text("", "\u{1}login: ", "root\r\n", "Password: ", "x\r\n", "Login incorrect\r\n")]),
    session("smb", 445, [[FuzzSeeds.smb2Connect, FuzzSeeds.smb2Connect]]),
    session("rdp", 3389, [[FuzzSeeds.rdpRequest]]),
    session("dns-tcp", 53, [[[0, UInt8(FuzzSeeds.query.count)] + FuzzSeeds.query]]),
    session("dns", 53, udp: true, [[FuzzSeeds.query, FuzzSeeds.answer]]),
    session("dhcp", 67, udp: true, [[FuzzSeeds.discover]]),
    session("dhcpv6", 547, udp: true, [[FuzzSeeds.solicit, FuzzSeeds.advertise]]),
    session(
      "ntp", 123, udp: true,
      [
        [[0x1b] + [UInt8](repeating: 0, count: 47), [0x1c] + [UInt8](repeating: 1, count: 47)],
        [[0x17, 0, 3, 42, 0, 0, 0, 0]],
      ]),
    session("snmp", 161, udp: true, [[FuzzSeeds.snmpGet]]),
    session(
      "ssdp", 1900, udp: true, tokens: ["\r\n", "ST: ", "LOCATION: "],
      [
        text(
          "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nST: ssdp:all\r\n\r\n",
          "HTTP/1.1 200 OK\r\nST: x\r\n\r\n")
      ]),
    session(
      "memcached", 11_211, udp: true,
      [text("\0\u{1}\0\0\0\u{1}\0\0stats\r\n", "\0\u{1}\0\0\0\u{1}\0\0STAT a 1\r\nEND\r\n")]),
    session("cldap", 389, udp: true, [[FuzzSeeds.cldapSearch]]),
    session("mysql", 3306, [FuzzKeepers.mysql]), session("postgres", 5432, [FuzzKeepers.postgres]),
    session("tds", 1433, [FuzzKeepers.tds]), session("mongodb", 27_017, [FuzzKeepers.mongodb]),
    session("vnc", 5900, [FuzzKeepers.vnc]), session("ldap", 389, [FuzzKeepers.ldap]),
    session("redis", 6379, tokens: ["*3\r\n", "$5\r\n", "AUTH"], [FuzzKeepers.redis]),
    session("payload", 4444, [text("", "$ ", "id\n", "uid=0(root)\n"), text("hello", "there")]),
  ]
}

/// Messages in binary.
enum FuzzSeeds {
  static let query: [UInt8] =
    [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + [3] + Array("www".utf8) + [7] + Array("example".utf8)
    + [0, 0, 1, 0, 1]
  static let answer: [UInt8] =
    [0, 7, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 1] + Array(query.dropFirst(12))
    + [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 16]
    + [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 0, 0, 9]
    + [0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]
  static let discover: [UInt8] =
    [1, 1, 6, 0, 1, 2, 3, 4] + [UInt8](repeating: 0, count: 20) + [2, 0, 0, 0, 0, 9]
    + [UInt8](repeating: 0, count: 202) + [99, 130, 83, 99, 53, 1, 1, 61, 7, 1, 2, 0, 0, 0, 0, 9]
    + [50, 4, 10, 0, 0, 7, 55, 2, 1, 3, 54, 4, 10, 0, 0, 1, 255]
  private static let duid: [UInt8] = [0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9]
  private static let host: [UInt8] = [0x20, 1, 13, 0xb8] + [UInt8](repeating: 0, count: 12)
  static let solicit: [UInt8] =
    [1, 1, 2, 3, 0, 1] + duid + [0, 3, 0, 12] + [UInt8](repeating: 0, count: 12)
    + [0, 8, 0, 2, 0, 0]
  static let advertise: [UInt8] =
    [2, 1, 2, 3, 0, 1] + duid + [0, 2] + duid + [0, 3, 0, 40] + [UInt8](repeating: 0, count: 12)
    + [0, 5, 0, 24] + host + [0, 0, 14, 16, 0, 0, 28, 32] + [0, 23, 0, 16] + host
  static let snmpGet: [UInt8] =
    [0x30, 0x26, 2, 1, 1, 4, 6] + Array("public".utf8)
    + [0xa0, 0x19, 2, 1, 1, 2, 1, 0, 2, 1, 0, 0x30, 0x0e, 0x30, 0x0c, 6, 8]
    + [0x2b, 6, 1, 2, 1, 1, 1, 0, 5, 0]
  static let cldapSearch: [UInt8] =
    [0x30, 0x25, 2, 1, 1, 0x63, 0x20, 4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0]
    + [0x87, 11] + Array("objectClass".utf8) + [0x30, 0]
  static let rdpRequest: [UInt8] =
    [3, 0, 0, 0x2b, 0x26, 0xe0, 0, 0, 0, 0, 0] + Array("Cookie: mstshash=admin\r\n".utf8)
    + [1, 0, 8, 0, 3, 0, 0, 0]
  /// SMB 2 tree connect to \\s\C$.
  static let smb2Connect: [UInt8] = {
    let path = Array("\\\\s\\C$".utf8).flatMap { [$0, UInt8(0)] }
    let header: [UInt8] =
      [0xfe, 0x53, 0x4d, 0x42, 64, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0]
      + [UInt8](repeating: 0, count: 48)
    let body: [UInt8] = [9, 0, 0, 0, 72, 0, UInt8(path.count), 0] + path
    return [0, 0, 0, UInt8(header.count + body.count)] + header + body
  }()

  private static func sized(_ bytes: [UInt8]) -> [UInt8] {
    FuzzFrames.word(bytes.count) + bytes
  }

  static let clientHello: [UInt8] = {
    let name = Array("example.org".utf8)
    let extensions: [UInt8] =
      [0, 0] + sized(sized([0] + sized(name))) + [0, 10] + sized(sized([0, 29, 0, 23]))
      + [0, 11] + sized([1, 0]) + [0, 13] + sized(sized([4, 3, 8, 4]))
      + [0, 16] + sized(sized([2] + Array("h2".utf8))) + [0, 43] + sized([4, 3, 4, 3, 3])
    let body: [UInt8] =
      [3, 3] + [UInt8](repeating: 7, count: 32) + [0] + sized([0x13, 1, 0xc0, 0x2f]) + [1, 0]
      + sized(extensions)
    return [22, 3, 1] + sized([1, 0] + sized(body))
  }()
  static let serverHello: [UInt8] = {
    let body: [UInt8] = [3, 3] + [UInt8](repeating: 9, count: 32) + [0, 0xc0, 0x2f, 0] + sized([])
    let certificate: [UInt8] = [11, 0] + sized([0, 0, 6, 0, 0, 3, 0x30, 1, 0])
    return [22, 3, 3] + sized([2, 0] + sized(body)) + [22, 3, 3] + sized(certificate)
  }()
}
