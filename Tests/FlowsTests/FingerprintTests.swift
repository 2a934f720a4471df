import Flows
import Packets
import Testing

/// Hellos as browsers send them, built byte by byte, and what the fingerprints' authors publish of
/// them.
private struct HelloBytes {
  var version: UInt16 = 0x0303
  var ciphers: [UInt16] = []
  var extensions: [(type: UInt16, data: [UInt8])] = []

  static func sized(_ bytes: [UInt8]) -> [UInt8] { Story.word(UInt16(bytes.count)) + bytes }
  static func words(_ values: [UInt16]) -> [UInt8] { values.flatMap { Story.word($0) } }

  var record: [UInt8] {
    let list = extensions.flatMap { Story.word($0.type) + Self.sized($0.data) }
    let body =
      Story.word(version) + [UInt8](repeating: 7, count: 32) + [0] + Self.sized(Self.words(ciphers))
      + [1, 0] + (extensions.isEmpty ? [] : Self.sized(list))
    return [22, 3, 1] + Self.sized([1, 0] + Self.sized(body))
  }

  var hello: TLSHello? {
    var talk = Talk("10.0.0.1:40000", "10.0.0.2:443")
    talk.ask(record, size: 100)
    for event in talk.events() {
      if case .tls(let hello) = event.what { return hello }
    }
    return nil
  }
}

struct FingerprintTests {
  /// The example of FoxIO's "JA4: TLS Client Fingerprinting" (technical details):
  /// t13d1516h2_8daaf6152771_e5627efa2ab1, the hashes being SHA-256 of the lists, cut.
  @Test func ja4OfTheAuthorsExample() {
    var bytes = HelloBytes()
    bytes.ciphers = [
      0x1a1a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
      0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
    ]
    let algorithms: [UInt16] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
    let name = Array("example.com".utf8)
    let protocols: [UInt8] = [2] + Array("h2".utf8) + [8] + Array("http/1.1".utf8)
    bytes.extensions = [
      (0x8a8a, []), (0x001b, [2, 0, 2]), (0x0000, HelloBytes.sized([0] + HelloBytes.sized(name))),
      (0x0033, []), (0x0010, HelloBytes.sized(protocols)), (0x4469, []), (0x0017, []),
      (0x002d, [1, 1]), (0x000d, HelloBytes.sized(HelloBytes.words(algorithms))), (0x0005, []),
      (0x0023, []), (0x0012, []),
      (0x002b, [6] + HelloBytes.words([0xbaba, 0x0304, 0x0303])), (0xff01, [0]),
      (0x000b, [1, 0]), (0x000a, HelloBytes.sized(HelloBytes.words([0x3a3a, 29, 23, 24]))),
      (0x0015, [0, 0, 0]),
    ]
    let hello = bytes.hello
    #expect(hello?.serverName == name)
    #expect(hello?.version == 0x0304)
    #expect(hello?.ja4.head == "t13d1516h2")
    #expect(
      hello?.ja4.ciphers
        == "002f,0035,009c,009d,1301,1302,1303,c013,c014,c02b,c02c,c02f,c030,cca8,cca9")
    #expect(
      hello?.ja4.extensions
        == "0005,000a,000b,000d,0012,0015,0017,001b,0023,002b,002d,0033,4469,ff01"
        + "_0403,0804,0401,0503,0805,0501,0806,0601")
  }

  /// The examples of Salesforce's JA3: MD5 ada70206e40642a3e4461f35503241d5 and, without extensions,
  /// de350869b8c85de67a350c8d186f11e6.
  @Test func ja3OfTheAuthorsExamples() {
    var bytes = HelloBytes(version: 0x0301)
    bytes.ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
    bytes.extensions = [
      (0, HelloBytes.sized([0] + HelloBytes.sized(Array("a.example".utf8)))),
      (10, HelloBytes.sized(HelloBytes.words([23, 24, 25]))), (11, [1, 0]),
    ]
    #expect(
      bytes.hello?.ja3 == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0")
    bytes.ciphers = [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99]
    bytes.extensions = []
    #expect(bytes.hello?.ja3 == "769,4-5-10-9-100-98-3-6-19-18-99,,,")
    #expect(bytes.hello?.ja4.head == "t10i110000")
  }
}

/// Protocols that are found by what is said, wherever it is said.
struct RecognitionTests {
  private func closingProtocol(_ talk: Talk) -> SessionProtocol? {
    for event in talk.events() {
      if case .closed(let closing) = event.what { return closing.sessionProtocol }
    }
    return nil
  }

  @Test func thePrefaceOfHTTP2IsKnown() {
    var talk = Talk("10.0.0.1:40000", "10.0.0.2:9000")
    talk.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", size: 5)
    #expect(closingProtocol(talk) == .http2)
  }

  @Test(arguments: [
    ("GET /x HTTP/1.1\r\n\r\n", "", SessionProtocol.http), ("SSH-2.0-x\r\n", "", .ssh),
    ("", "220 mail ESMTP ready\r\n", .smtp), ("", "220 FTP server ready\r\n", .ftp),
    ("", "+OK POP3 ready\r\n", .pop), ("", "* OK IMAP4rev1\r\n", .imap),
    ("", "\u{01}\u{02}", .unknown),
  ])
  func oddPortsHideNothing(asked: String, greeted: String, kind: SessionProtocol) {
    var talk = Talk("10.0.0.1:40000", "10.0.0.2:31337")
    if !greeted.isEmpty { talk.answer(greeted) }
    if !asked.isEmpty { talk.ask(asked) }
    #expect(closingProtocol(talk) == kind)
  }

  /// SMB 1: a tree connect, behind its parameters password, path and service (MS-CIFS 2.2.4.55).
  @Test func sharesOfTheOldSMBAreRead() {
    let path = Array(#"\\10.0.0.2\ADMIN$"#.utf8) + [0] + Array("?????".utf8) + [0]
    let body: [UInt8] =
      [4, 0xff, 0, 0, 0, 0, 0, 1, 0] + [UInt8(path.count + 1), 0] + [0] + path
    let header: [UInt8] = [0xff, 0x53, 0x4d, 0x42, 0x75] + [UInt8](repeating: 0, count: 27)
    var talk = Talk("10.0.0.1:40000", "10.0.0.2:445")
    talk.ask([0, 0, 0, UInt8(header.count + body.count)] + header + body, size: 6)
    let shares = talk.events().compactMap { event -> String? in
      guard case .smb(let message) = event.what else { return nil }
      return "\(message.version) " + String(decoding: message.share, as: UTF8.self)
    }
    #expect(shares == [#"1 \\10.0.0.2\ADMIN$"#])
  }
}
