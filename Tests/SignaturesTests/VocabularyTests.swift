import Signatures
import Testing

/// Every keyword of a buffer stands alone, with a content, and under its older names.
@Test(arguments: StickyBuffer.allCases)
func everyBufferTakesAContent(buffer: StickyBuffer) throws {
  let decoding = buffer == .base64Data ? "base64_decode:bytes 9; " : ""
  let rule = try rule(
    "\(decoding)\(buffer.rawValue); content:\"a\";", head: "alert ip any any -> any any")
  #expect(rule.contents(of: buffer).map(\.text) == ["a"])
  #expect(rule.header.protocol.application == buffer.application)
}

@Test(arguments: [
  ("file_data", StickyBuffer.fileData), ("dns_query", .dnsQuery), ("tls_sni", .tlsServerName),
  ("tls_cert_issuer", .tlsCertificateIssuer), ("ja3_hash", .ja3Hash),
  ("ssh_proto", .sshProtocol), ("http_content_type", .httpContentType),
  ("http_request_line", .httpRequestLine),
])
func anOlderNameMeansTheSameBuffer(name: String, buffer: StickyBuffer) throws {
  let head = "alert ip any any -> any any"
  #expect(
    try rule("\(name); content:\"a\";", head: head)
      == rule("\(buffer.rawValue); content:\"a\";", head: head))
}

@Test(arguments: [
  ("dotprefix", BufferTransform.dotPrefix), ("to_lowercase", .lowercase),
  ("to_uppercase", .uppercase), ("strip_whitespace", .stripWhitespace),
  ("compress_whitespace", .compressWhitespace), ("url_decode", .decodeURL),
  ("header_lowercase", .lowercaseHeaders), ("to_md5", .md5), ("to_sha1", .sha1),
  ("to_sha256", .sha256),
])
func everyTransformIsKept(name: String, transform: BufferTransform) throws {
  #expect(
    try rule("http.uri; \(name); content:\"a\";").buffers.map(\.transforms) == [[transform]])
}

@Test(arguments: ApplicationProtocol.allCases)
func everyProtocolStandsInAHead(application: ApplicationProtocol) throws {
  let rule = try rule("", head: "alert \(application.rawValue) any any -> any any")
  #expect(rule.header.protocol.application == application)
}

@Test func aRuleMayNotHaveMoreVariablesThanTheMatcherHasRoomFor() {
  let extracts = (0..<17).map { "byte_extract:1,0,v\($0);" }.joined(separator: " ")
  #expect(fault(extracts) == "byte_extract: more than 16 variables")
}
