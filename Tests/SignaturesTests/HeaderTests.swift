import Signatures
import Terms
import Testing

private func head(_ head: String) throws -> RuleHeader { try rule("", head: head).header }

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Test func listsTakeAwayWhatIsNegated() throws {
  let header = try head(
    "alert ip [10.0.0.0/8, !10.1.0.0/16, [192.0.2.7,2001:db8::/32]] any -> any any")
  for inside in ["10.2.0.1", "192.0.2.7", "2001:db8::5"] {
    #expect(header.sources.contains(try address(inside)))
  }
  for outside in ["10.1.0.1", "192.0.2.8", "2001:db9::"] {
    #expect(!header.sources.contains(try address(outside)))
  }
}

@Test func exceptionsAloneStandForTheRest() throws {
  let header = try head("alert tcp [!10.0.0.0/8,!192.0.2.0/24] any -> any [!80,!443]")
  #expect(header.sources.contains(try address("8.8.8.8")))
  #expect(!header.sources.contains(try address("192.0.2.9")))
  #expect(header.destinationPorts.elements == [0...79, 81...442, 444...65_535])
}

@Test func portsHaveRangesAndLists() throws {
  let header = try head("alert tcp any [1:1024,!80,6000] -> any 32768:")
  #expect(header.sourcePorts.elements == [1...79, 81...1_024, 6_000...6_000])
  #expect(header.destinationPorts.elements == [32_768...65_535])
  #expect(try head("alert tcp any :1023 -> any !80").sourcePorts.elements == [0...1_023])
}

@Test func addressesMayBeRangesAndHaveMasks() throws {
  let header = try head("alert tcp 10.0.0.5-10.0.0.9 any -> 10.1.2.3/255.255.255.0 any")
  #expect(header.sources.elements == [.init(try address("10.0.0.5"), try address("10.0.0.9"))])
  #expect(
    header.destinations.elements == [.init(try address("10.1.2.0"), try address("10.1.2.255"))])
}

@Test func variablesStandForTheTopology() throws {
  let home = try ["10.10.1.0/24", "10.10.2.0/24"].map { try #require(IPPrefix($0)) }
  let rules = read(
    "alert tcp $EXTERNAL_NET any -> $HTTP_SERVERS $HTTP_PORTS (sid:1;)",
    variables: RuleVariables(home: home))
  let header = try #require(rules.rules.first).header
  #expect(header.destinations == AddressRanges(uniting: home))
  #expect(header.sources == header.destinations.complement)
  #expect(header.destinationPorts.elements == [80...80])
}

extension AddressRanges {
  fileprivate init(uniting prefixes: [IPPrefix]) {
    self.init(prefixes.map { Element($0.base, $0.lastAddress) })
  }
}

@Test func whereEverythingIsHomeEverythingIsOutsideToo() throws {
  var variables = RuleVariables()
  variables.set("HOME_NET", to: "any")
  let rules = read("alert tcp $EXTERNAL_NET any -> $HOME_NET any (sid:1;)", variables: variables)
  #expect(try #require(rules.rules.first).header.sources.isAny)
}

@Test func theProtocolSaysWhatIsLookedAt() throws {
  #expect(try head("alert tcp-pkt any any -> any any").protocol.scope == .packet)
  #expect(try head("alert tcp-stream any any <> any any").isBidirectional)
  #expect(try head("alert ssl any any -> any any").protocol.application == .tls)
  #expect(try head("alert http any any -> any any").protocol.transport == .tcp)
  let web = try rule(#"http.uri; content:"a";"#).header.protocol
  #expect(web.application == .http && web.transport == .tcp)
}

@Test(arguments: [
  ("alarm tcp any any -> any any", "'alarm' is no action"),
  ("alert tpc any any -> any any", "'tpc' is no protocol"),
  ("alert modbus any any -> any any", "Beryl has no parser of the protocol 'modbus'"),
  (
    "alert tcp any any any any",
    "the head has 4 of 5 parts: addresses, ports, direction, addresses, ports"
  ),
  ("alert tcp any any <- any any", "'<-' is neither -> nor <>"),
  ("alert tcp 10.0.0.300 any -> any any", "'10.0.0.300' is no address"),
  ("alert tcp 10.0.0.0/33 any -> any any", "33 is not between 0 and 32"),
  ("alert tcp $NOWHERE any -> any any", "no variable '$NOWHERE' of addresses is set"),
  ("alert tcp !any any -> any any", "'!any' leaves no address"),
  ("alert tcp [10.0.0.1 any -> any any", "a '[' without ']'"),
  ("alert tcp any 70000 -> any any", "70000 is more than 65535"),
  ("alert tcp any 90:80 -> any any", "'90:80' is no range of ports"),
])
func wrongHeadsAreListed(head: String, expected: String) {
  #expect(fault("", head: head) == ": \(expected)")
}

@Test func aVariableThatNamesItselfIsAFault() {
  var variables = RuleVariables()
  variables.set("HOME_NET", to: "[$HTTP_SERVERS]")
  let rules = read("alert tcp $HOME_NET any -> any any (sid:1;)", variables: variables)
  #expect(rules.unsupported.first?.reason.contains("refers to itself") == true)
}
