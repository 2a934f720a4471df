import Signatures
import Testing

@Test func aContentMixesTextAndOctets() throws {
  let content = try #require(
    rule(#"content:"GET |0d 0A|x|3b|\;\"\\\:";"#).contents(of: .payload).first)
  #expect(content.bytes == Array("GET \r\nx;;\"\\:".utf8))
}

@Test func modifiersSpeakOfTheContentBeforeThem() throws {
  let contents = try rule(
    #"content:"a"; nocase; offset:3; depth:9; content:!"b"; distance:-2; within:5;"#
  ).contents(of: .payload)
  #expect(contents.map(\.text) == ["a", "b"])
  #expect(contents[0].ignoresCase && !contents[1].ignoresCase)
  #expect(contents[0].offset == .constant(3) && contents[0].depth == .constant(9))
  #expect(contents[1].isNegated && contents[1].isRelative)
  #expect(contents[1].distance == .constant(-2) && contents[1].within == .constant(5))
}

@Test func startswithAndEndswithMarkTheContent() throws {
  let contents = try rule(
    #"http.host; content:"www."; startswith; content:".cc"; endswith; fast_pattern;"#
  ).contents(of: .httpHost)
  #expect(contents.map(\.startsBuffer) == [true, false])
  #expect(contents.map(\.endsBuffer) == [false, true])
  #expect(contents.map(\.fastPattern) == [nil, .whole])
}

@Test(arguments: [
  (#"http_uri"#, StickyBuffer.httpURI), ("http_raw_uri", .httpRawURI),
  ("http_method", .httpMethod), ("http_client_body", .httpRequestBody),
  ("http_header", .httpHeader), ("http_raw_header", .httpRawHeader),
  ("http_cookie", .httpCookie), ("http_user_agent", .httpUserAgent), ("http_host", .httpHost),
])
func anOldModifierMeansTheStickyBuffer(old: String, buffer: StickyBuffer) throws {
  let before = try rule(#"content:"a"; \#(old); nocase; content:"b"; distance:0; \#(old);"#)
  let after = try rule(#"\#(buffer.rawValue); content:"a"; nocase; content:"b"; distance:0;"#)
  #expect(before == after)
}

@Test func flagsOfExpressionsMeanBuffersToo() throws {
  let before = try rule(#"content:"a"; http_uri; pcre:"/b+/URi";"#)
  let after = try rule(#"http.uri; content:"a"; pcre:"/b+/Ri";"#)
  #expect(before == after)
  guard case .expression(let expression) = before.conditions(on: .httpURI)[1] else {
    Issue.record("no expression")
    return
  }
  #expect(expression.isRelative && expression.options == .ignoresCase)
  #expect(expression.pattern == Array("b+".utf8))
}

@Test func aBufferMentionedTwiceIsOneGroupUnlessItHasInstances() throws {
  let web = try rule(
    #"http.uri; content:"a"; http.method; content:"GET"; http.uri; content:"b";"#)
  #expect(web.buffers.map(\.buffer) == [.httpURI, .httpMethod])
  let names = try rule(
    #"dns.query; content:"a"; dns.query; content:"b";"#, head: "alert dns any any -> any any")
  #expect(names.buffers.count == 2)
}

@Test func transformsBelongToTheirBuffer() throws {
  let rule = try rule(
    #"http.host; dotprefix; to_lowercase; content:".evil.example"; endswith; http.host; content:"x";"#
  )
  #expect(rule.buffers.map(\.transforms) == [[.dotPrefix, .lowercase], []])
  #expect(
    try Signatures.Rule.transforms(#"file.data; xor:"0d0ac8ff"; content:"x";"#)
      == [.xor(key: [0x0d, 0x0a, 0xc8, 0xff])])
}

extension Signatures.Rule {
  fileprivate static func transforms(_ options: String) throws -> [BufferTransform] {
    try rule(options).buffers[0].transforms
  }
}

@Test func aTransformBehindAConditionIsForThoseThatFollow() throws {
  let rule = try rule(
    #"dns.query; content:"rs-"; startswith; dotprefix; content:".x.example"; endswith;"#,
    head: "alert dns any any -> any any")
  #expect(rule.buffers.map(\.transforms) == [[], [.dotPrefix]])
}

@Test func aFlagMayNameTheBufferThatIsChosen() throws {
  #expect(
    try rule(#"http.uri; content:"a"; pcre:"/b/UR";"#)
      == rule(#"http.uri; content:"a"; pcre:"/b/R";"#))
}

@Test func aRelativeConditionWithoutStickyBufferFollowsTheOneBeforeIt() throws {
  let before = try rule(#"content:"a="; http_uri; isdataat:!1,relative;"#)
  let after = try rule(#"http.uri; content:"a="; isdataat:!1,relative;"#)
  #expect(before == after)
}

@Test func urilenIsTheSizeOfTheURI() throws {
  #expect(
    try rule("urilen:>400;").conditions(on: .httpURI) == [.size(NumberRange(401, .max))])
  #expect(
    try rule("urilen:9<>18,raw;").conditions(on: .httpRawURI) == [.size(NumberRange(10, 17))])
}

@Test(arguments: [
  (#"depth:3;"#, "depth: stands behind no content"),
  (#"nocase;"#, "nocase: stands behind no content"),
  (#"content:"";"#, "content: an empty content"),
  (#"content:"a|4|";"#, "content: half an octet"),
  (#"content:"a|4";"#, "content: no '|' ends the octets"),
  (#"content:"a|zz|";"#, "content: no hexadecimal digit"),
  (#"content:"a\b";"#, #"content: a '\' that escapes nothing"#),
  (#"content:abc;"#, "content: 'abc' is not in quotes"),
  (#"content:"abc"; depth:2;"#, "depth: 2 octets are less than the 3 of the content"),
  (#"content:"abc"; within:2;"#, "within: 2 octets are less than the 3 of the content"),
  (#"content:"a"; depth:9; depth:9;"#, "depth: a second depth"),
  (
    #"content:"a"; offset:1; distance:1;"#,
    "distance: the content has an offset, depth or startswith"
  ),
  (#"content:"a"; startswith; offset:1;"#, "offset: the content has startswith"),
  (#"content:"a"; offset:never;"#, "offset: no byte_extract or byte_math before it makes 'never'"),
  (#"content:"abc"; fast_pattern:2,2;"#, "fast_pattern: the content has 3 octets only"),
  (
    #"http.uri; http.method; content:"a";"#,
    "http.method: no condition follows on the buffer 'http.uri'"
  ),
  (#"http.uri;"#, ": no condition follows on the buffer 'http.uri'"),
  (#"http.uri; content:"a"; http_method;"#, "http_method: stands where a sticky buffer is chosen"),
  (#"http_uri;"#, "http_uri: stands behind no content"),
  (#"dotprefix;"#, "dotprefix: stands behind no buffer that it could transform"),
  (#"base64_data; content:"a";"#, "base64_data: no base64_decode stands before"),
  (#"pcre:"/a(/";"#, "pcre: missing closing parenthesis"),
  (#"pcre:"a";"#, "pcre: no '/' begins the expression"),
  (#"pcre:"/a";"#, "pcre: no '/' ends the expression"),
  (#"pcre:"/a/k";"#, "pcre: 'k' is no flag"),
  (#"http.uri; pcre:"/a/V";"#, "pcre: a flag names 'http.user_agent' where 'http.uri' is chosen"),
  (
    #"http.uri; content:"abcd"; bsize:3;"#,
    "http.uri: the buffer has 3 octets at most, and a content 4"
  ),
  (#"bsize:3;"#, "bsize: no buffer is chosen"),
])
func whatContradictsItselfIsListed(options: String, expected: String) {
  #expect(fault(options) == expected)
}
