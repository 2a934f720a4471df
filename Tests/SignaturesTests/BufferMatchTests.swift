import Signatures
import Testing

/// The buffers of protocols.
struct BufferMatchTests {
  private static let request =
    "POST /a/../cgi%2dbin//login.php?user=%61dmin&x=1+2 HTTP/1.1\r\nHost: WWW.Example.com:8080\r\n"
    + "User-Agent: curl/8.0\r\nCookie: id=42\r\nReferer: http://r/\r\nContent-Type: text/x\r\n"
    + "Accept: */*\r\nContent-Length: 11\r\n\r\nbody=secret"
  private static let response =
    "HTTP/1.1 404 Not Found\r\nServer: nginx\r\nSet-Cookie: s=1\r\nContent-Length: 5\r\n\r\nsorry"

  private func fires(
    _ options: String, _ request: String = Self.request, _ response: String = Self.response,
    size: Int = 10_000, location: SourceLocation = #_sourceLocation
  ) throws -> Bool {
    var talk = Conversation()
    for (text, isRequest) in [(request, true), (response, false)] {
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        if isRequest {
          talk.ask(Array(rest.prefix(size)))
        } else {
          talk.answer(Array(rest.prefix(size)))
        }
        rest = rest.dropFirst(size)
      }
    }
    let rules = try compile(
      "alert http any any -> any any (msg:\"t\"; \(options) sid:1;)", location: location)
    let found = talk.traffic.matches(rules)
    #expect(found.count <= 1, sourceLocation: location)
    return found == [1]
  }

  @Test(arguments: [1, 7, 10_000]) func partsOfARequestHaveTheirBuffers(size: Int) throws {
    let hits = [
      "http.method; content:\"POST\"; startswith; endswith;",
      "http.uri; content:\"/cgi-bin/login.php?user=admin&x=1+2\"; startswith; endswith;",
      "http.uri.raw; content:\"%61dmin\";", "http.host; content:\"www.example.com\"; bsize:15;",
      "http.host; dotprefix; content:\".example.com\"; endswith;",
      "http.user_agent; content:\"curl/8.0\"; bsize:8;", "http.cookie; content:\"id=42\";",
      "http.referer; content:\"http|3a|//r/\";", "http.content_type; content:\"text/x\";",
      "http.request_body; content:\"secret\"; endswith;", "http.content_len; content:\"11\";",
      "http.header; content:\"Accept|3a 20 2a|/*|0d 0a|\";",
      "flow:to_server; http.protocol; content:\"HTTP/1.1\"; bsize:8;",
      "http.header_names; content:\"|0d 0a|Host|0d 0a|User-Agent|0d 0a|\"; startswith;",
      "http.request_line; content:\"POST \"; startswith;", "urilen:>20;",
      "http.method; content:\"POST\"; http.uri; content:\"login\"; http.request_body; content:\"body=\"; pcre:\"/^s/R\";",
      "http.start; content:\"|0d 0a 0d 0a|\"; endswith; content:\"POST\";",
      "flow:to_server; content:\"body=secret\";",
      "http.uri; content:\"login\"; http.user_agent; pcre:\"/^curl/\"; content:!\"wget\";",
    ]
    for options in hits { #expect(try fires(options, size: size), "\(options)") }
    let misses = [
      "http.uri; content:\"..\";", "http.uri; content:\"%61\";", "http.header; content:\"Cookie\";",
      "http.host; content:\"8080\";", "http.method; content:\"GET\";",
      "http.uri; content:\"login\"; http.request_body; content:\"absent\";",
      "http.uri; content:\"login\"; http.request_body; content:!\"secret\";",
    ]
    for options in misses { #expect(try !fires(options, size: size), "\(options)") }
  }

  @Test(arguments: [1, 7, 10_000]) func partsOfAResponseHaveTheirBuffers(size: Int) throws {
    let hits = [
      "http.stat_code; content:\"404\";", "http.stat_msg; content:\"Not Found\";",
      "http.response_line; content:\"HTTP/1.1 404 Not Found\"; bsize:22;",
      "http.server; content:\"nginx\";", "flow:to_client; http.cookie; content:\"s=1\";",
      "flow:to_client; file.data; content:\"sorry\"; bsize:5;",
      "http.response_body; content:\"sorry\";",
      "http.stat_code; content:\"404\"; file.data; content:\"sorry\"; startswith;",
    ]
    for options in hits { #expect(try fires(options, size: size), "\(options)") }
    #expect(try !fires("http.stat_code; content:\"200\";", size: size))
  }

  @Test func bodiesAreReadThroughChunksAndCompression() throws {
    let chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n4;x=y\r\nret!\r\n0\r\n\r\n"
    #expect(
      try fires("flow:to_client; file.data; content:\"secret!\"; bsize:7;", Self.request, chunked))
    var talk = Conversation()
    talk.ask("GET / HTTP/1.1\r\n\r\n")
    // gzip of "a secret word".
    let packed: [UInt8] = [
      0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0x4b, 0x54, 0x28, 0x4e, 0x4d, 0x2e, 0x4a, 0x2d, 0x51,
      0x28, 0xcf, 0x2f, 0x4a, 0x01, 0x00, 0x77, 0xe7, 0xfc, 0x75, 0x0d, 0, 0, 0,
    ]
    talk.answer(
      Array(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(packed.count)\r\n\r\n".utf8)
        + packed)
    #expect(
      try talk.matches(
        "alert http any any -> any any (msg:\"t\"; flow:to_client; file.data; content:\"secret\"; sid:1;)"
      )
        == [1])
  }

  /// A rule waits for its rarer words while a body comes; each may lie across two looks at it.
  @Test func aBodyIsReadOnAsItGrows() throws {
    for place in [4090, 4096, 5000, 8189, 12_000] {
      var talk = Conversation()
      talk.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
      var body = Array("first ".utf8) + [UInt8](repeating: 0x2e, count: 14_000)
      body.replaceSubrange(place..<place + 6, with: Array("second".utf8))
      talk.answer("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
      for start in stride(from: 0, to: body.count, by: 1000) {
        talk.answer(Array(body[start..<min(start + 1000, body.count)]))
      }
      let head = "alert http any any -> any any (msg:\"t\"; flow:to_client; file.data;"
      let rules = """
        \(head) content:"first"; fast_pattern; content:"SECOND"; nocase; sid:1;)
        \(head) content:"first"; fast_pattern; content:"third"; sid:2;)
        \(head) content:"first"; fast_pattern; content:"second"; distance:10; sid:4;)
        """
      #expect(try talk.matches(rules).sorted() == [1, 4], "\(place)")
    }
  }

  @Test func everyRequestOfAConversationIsRead() throws {
    var talk = Conversation()
    talk.ask("GET /one HTTP/1.1\r\nHost: a\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\n\r\n")
    talk.answer("HTTP/1.1 204 No\r\n\r\n")
    talk.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    talk.ask("GET /three HTTP/1.1\r\nHost: a\r\n\r\n")
    let rules = """
      alert http any any -> any any (msg:"t"; http.uri; content:"/one"; sid:1;)
      alert http any any -> any any (msg:"t"; http.uri; content:"/two"; sid:2;)
      alert http any any -> any any (msg:"t"; http.uri; content:"/three"; sid:3;)
      alert http any any -> any any (msg:"t"; http.stat_code; content:"200"; sid:4;)
      """
    #expect(try talk.matches(rules).sorted() == [1, 2, 3, 4])
  }

  private static func query(_ name: String) -> [UInt8] {
    [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
      + name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
      + [0, 0, 1, 0, 1]
  }

  @Test func namesAskedForAreRead() throws {
    var traffic = Traffic()
    traffic.udp("10.0.0.1:5000", "192.0.2.53:53", Self.query("www.Evil.example"))
    func fires(_ options: String) throws -> Bool {
      try traffic.matches("alert dns any any -> any any (msg:\"t\"; \(options) sid:1;)") == [1]
    }
    #expect(try fires("dns.query; content:\"evil.example\"; nocase; endswith;"))
    #expect(try fires("dns.query; dotprefix; content:\".evil.example\"; nocase; endswith;"))
    #expect(try fires("dns.query; content:\"www\"; startswith; bsize:16;"))
    #expect(try !fires("dns.query; content:\"evil.example\"; endswith;"))
    #expect(try !fires("dns.query; content:\"www\"; bsize:3;"))
  }

  @Test func namesOfAHandshakeAreRead() throws {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:443")
    talk.ask(Handshake.clientHello(name: "c2.evil.example"))
    talk.answer(Handshake.serverHello + Handshake.certificate)
    let rules = """
      alert tls any any -> any any (msg:"t"; tls.sni; content:"c2.evil.example"; bsize:15; sid:1;)
      alert tls any any -> any any (msg:"t"; tls.sni; dotprefix; content:".evil.example"; endswith; sid:2;)
      alert tls any any -> any any (msg:"t"; tls.cert_subject; content:"CN=evil"; sid:3;)
      alert tls any any -> any any (msg:"t"; tls.cert_issuer; content:"O=Acme"; sid:4;)
      alert tls any any -> any any (msg:"t"; tls.cert_serial; content:"01:02"; sid:5;)
      alert tls any any -> any any (msg:"t"; tls.sni; content:"good"; sid:6;)
      alert tls any any -> any any (msg:"t"; tls.certs; content:"evil"; sid:7;)
      alert tls any any -> any any (msg:"t"; ja3.hash; content:"\(Handshake.ja3)"; sid:8;)
      """
    #expect(try talk.matches(rules).sorted() == [1, 2, 3, 4, 5, 7, 8])
  }

  @Test func theBannerOfAShellIsRead() throws {
    var talk = Conversation("10.0.0.1:40000", "192.0.2.7:22")
    talk.answer("SSH-2.0-OpenSSH_9.6 Debian\r\n")
    talk.ask("SSH-2.0-libssh2_1.4\r\n")
    let rules = """
      alert ssh any any -> any any (msg:"t"; ssh.software; content:"libssh2"; startswith; sid:1;)
      alert ssh any any -> any any (msg:"t"; flow:to_client; ssh.proto; content:"2.0"; bsize:3; sid:2;)
      """
    #expect(try talk.matches(rules).sorted() == [1, 2])
  }
}

/// The bytes of a TLS handshake.
enum Handshake {
  private static func vector(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(bytes.count >> ($0 * 8) & 255) } + bytes
  }

  private static func record(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    [22, 3, 1] + vector([type] + vector(body, 3), 2)
  }

  /// MD5 of `771,4865,0,,`.
  static let ja3 = JA3.hash

  static func clientHello(name: String) -> [UInt8] {
    let host = vector([0] + vector(Array(name.utf8), 2), 2)
    let extensions = vector([0, 0] + vector(host, 2), 2)
    let random = [UInt8](repeating: 7, count: 32)
    return record(1, [3, 3] + random + [0] + [0, 2, 0x13, 0x01] + [1, 0] + extensions)
  }

  static let serverHello = record(
    2, [3, 3] + [UInt8](repeating: 9, count: 32) + [0, 0x00, 0x2f, 0])

  private static func der(_ tag: UInt8, _ body: [UInt8]) -> [UInt8] {
    [tag, UInt8(body.count)] + body
  }

  private static func name(_ pairs: [([UInt8], String)]) -> [UInt8] {
    der(
      0x30,
      pairs.flatMap { der(0x31, der(0x30, der(6, $0.0) + der(0x0c, Array($0.1.utf8)))) })
  }

  /// Subject, issuer and serial number of a certificate; the rest of it is left out.
  static let certificate: [UInt8] = {
    let signed = der(
      0x30,
      der(0xa0, der(2, [2])) + der(2, [1, 2]) + der(0x30, [])
        + name([([0x55, 4, 6], "DE"), ([0x55, 4, 10], "Acme")]) + der(0x30, [])
        + name([([0x55, 4, 3], "evil")]))
    return record(11, vector(vector(der(0x30, signed), 3), 3))
  }()
}
