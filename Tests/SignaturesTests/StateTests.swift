import Signatures
import Testing

@Test func flowSaysDirectionAndState() throws {
  var flow = FlowCondition()
  flow.direction = .toServer
  flow.isEstablished = true
  #expect(try rule("flow:established, to_server;").flow == flow)
  #expect(try rule("flow:from_client,established;").flow == flow)
  #expect(try rule("flow:established,from_server;").flow.direction == .toClient)
  #expect(try rule("flow:stateless;").flow.isStateless)
  #expect(try rule("flow:not_established,to_server;").flow.isEstablished == false)
  #expect(try rule("flow:to_server,established,no_stream;").header.protocol.scope == .packet)
  #expect(try rule("flow:only_stream;").header.protocol.scope == .stream)
}

@Test func flowbitsAreTestedAndChanged() throws {
  let rule = try rule(
    "flowbits:isset,ET.a|ET.b; flowbits:isnotset,c; flowbits:set,d; flowbits:unset,e; flowbits:noalert;"
  )
  #expect(
    rule.states == [
      .flowBit(names: ["ET.a", "ET.b"], isSet: true), .flowBit(names: ["c"], isSet: false),
    ])
  #expect(rule.changes == [.flowBit(name: "d", .set), .flowBit(name: "e", .unset)])
  #expect(rule.isSilent)
}

@Test func bitsOfHostsExpire() throws {
  let setting = try rule("xbits:set,ET.x,track ip_pair,expire 15;")
  #expect(setting.changes == [.hostBit(name: "ET.x", subject: .pair, .set, seconds: 15)])
  let testing = try rule("xbits:isset,ET.x, track ip_dst; hostbits:isnotset,y,src;")
  #expect(
    testing.states == [
      .hostBit(name: "ET.x", subject: .destination, isSet: true),
      .hostBit(name: "y", subject: .source, isSet: false),
    ])
}

@Test func flowNumbersAreCountedAndCompared() throws {
  let rule = try rule("flowint: count, +, 1; flowint:count,>=,5; flowint:other,isnotset;")
  #expect(rule.changes == [.flowNumber(name: "count", .add, value: 1)])
  #expect(
    rule.states == [
      .flowNumber(name: "count", comparison: .greaterOrEqual, isNegated: false, value: 5),
      .flowNumberExists(name: "other", isSet: false),
    ])
}

@Test func ratesHaveAllTheirParts() throws {
  let rule = try rule(
    "threshold: type both, track by_dst, count 4, seconds 20; detection_filter:track by_src,count 15,seconds 2;"
  )
  var threshold = Threshold()
  threshold.kind = .both
  threshold.subject = .destination
  threshold.count = 4
  threshold.seconds = 20
  #expect(rule.threshold == threshold)
  var filter = DetectionFilter()
  filter.count = 15
  filter.seconds = 2
  #expect(rule.detectionFilter == filter)
}

@Test func whatParsersKnowCanBeAskedFor() throws {
  #expect(
    try rule("app-layer-protocol:!http;").application == [.isProtocol(.http, isNegated: true)])
  #expect(
    try rule("tls.version:1.2;", head: "alert tls any any -> any any").application
      == [.tlsVersion([0x0303], isNegated: false)])
  #expect(
    try rule("ssl_version:!tls1.2,!tls1.3;", head: "alert tls any any -> any any").application
      == [.tlsVersion([0x0303, 0x0304], isNegated: true)])
  let subject = try rule(#"tls.subject:!"CN=evil";"#, head: "alert tls any any -> any any")
  #expect(subject.contents(of: .tlsCertificateSubject).map(\.text) == ["CN=evil"])
  #expect(subject.contents(of: .tlsCertificateSubject)[0].isNegated)
}

@Test(arguments: [
  ("flow:to_server,to_client;", "flow: both directions at once"),
  ("flow:established,stateless;", "flow: stateless, and established or not"),
  ("flow:only_stream,no_stream;", "flow: looks at packets only and at the stream only"),
  ("flow:sideways;", "flow: 'sideways' is no part of flow"),
  ("flowbits:set;", "flowbits: an action and one name of a bit are expected"),
  ("flowbits:flip,a;", "flowbits: 'flip' is no action of flowbits"),
  ("xbits:set,a,expire 5;", "xbits: track is missing"),
  (
    "threshold:type limit,track by_src,count 1;",
    "threshold: type, track, count and seconds are not all there"
  ),
  (
    "threshold:type rarely,track by_src,count 1,seconds 1;",
    "threshold: 'rarely' is none of limit, threshold, both"
  ),
  ("detection_filter:track by_src,count 0,seconds 1;", "detection_filter: 0 is no count or time"),
  (
    "app-layer-protocol:modbus;", "app-layer-protocol: Beryl has no parser of the protocol 'modbus'"
  ),
  (
    #"flow:to_client; http.uri; content:"a";"#,
    "http.uri: the buffer is in messages to the server only"
  ),
  (
    #"http.stat_code; content:"200"; http.uri; content:"a";"#,
    "http.uri: the buffer is in messages to the server only"
  ),
  (
    #"dns.query; content:"a"; http.uri; content:"a";"#,
    "http.uri: the buffer is of http, the rule for dns"
  ),
])
func contradictoryStatesAreListed(options: String, expected: String) {
  #expect(fault(options) == expected)
}

@Test func anOddTransferEncodingIsAConditionOnTheHeader() throws {
  let rule = try rule(
    "app-layer-event:http.invalid_transfer_encoding_value_in_request;",
    head: "alert http any any -> any any")
  #expect(rule.flow.direction == .toServer)
  guard case .expression(let expression) = try #require(rule.conditions(on: .httpHeader).first)
  else {
    Issue.record("no expression")
    return
  }
  #expect(expression.options == [.ignoresCase, .multiline])
  #expect(
    fault("app-layer-event:http.gzip_bomb;")
      == "app-layer-event: no parser tells the event 'http.gzip_bomb'")
}

@Test func filesAreReadFromHTTPOnly() {
  #expect(
    fault(#"file.data; content:"a";"#, head: "alert smtp any any -> any any")
      == "file.data: the buffer is filled from HTTP only, the rule is for smtp")
}
