import Signatures
import Testing

@Test func aRuleSaysWhatItIsFor() throws {
  let rules = read(
    #"""
    alert tcp any any -> any 80 (msg:"ET \"quoted\"\; text"; reference:cve,2021-44228; \
      reference:url,example.com/a; classtype:web-application-attack; target:dest_ip; sid:2034647; \
      rev:3; gid:1; metadata:attack_target Server, mitre_tactic_id TA0001;)
    """#)
  let rule = try #require(rules.rules.first)
  #expect(rule.message == #"ET "quoted"; text"#)
  #expect(rule.signature == 2_034_647 && rule.revision == 3 && rule.generator == 1)
  #expect(rule.classification == "web-application-attack" && rule.priority == 1)
  #expect(rule.target == .destination)
  #expect(rule.references.map(\.system) == ["cve", "url"])
  #expect(
    rule.references.compactMap(\.url) == [
      "https://www.cve.org/CVERecord?id=CVE-2021-44228", "https://example.com/a",
    ])
  #expect(
    rule.metadata.pairs.map { "\($0.key)=\($0.value)" }
      == ["attack_target=Server", "mitre_tactic_id=TA0001"])
}

@Test func aValueOfMetadataIsTheFirstOfItsKey() {
  let metadata = RuleMetadata(
    text: "confidence_level Low, confidence High , empty,, double  space, confidence Low,last x")
  for key in ["confidence", "empty", "double", "last", "confidence_level", "none", "conf"] {
    #expect(metadata.value(of: key) == metadata.pairs.first { $0.key == key }?.value)
  }
  #expect(metadata.value(of: "confidence") == "High" && metadata.value(of: "conf") == nil)
}

@Test func ownPriorityStandsAboveTheClass() throws {
  #expect(try rule("priority:4; classtype:trojan-activity;").priority == 4)
  #expect(try rule("classtype:trojan-activity; priority:4;").priority == 4)
  #expect(try rule("classtype:of-my-own;").priority == 3)
}

@Test func commentsBlankLinesAndLineEndsOfWindowsAreNoRules() {
  let rules = read(
    "\u{FEFF}# a comment\r\n\r\nalert ip any any -> any any (sid:1;)\r\n"
      + "#alert ip any any -> any any (sid:2;)\r\n  alert ip any any -> any any (sid:3; )")
  #expect(rules.rules.map(\.signature) == [1, 3])
  #expect(rules.rules.map(\.line) == [3, 5])
  #expect(rules.disabledCount == 1)
  #expect(rules.unsupported.isEmpty)
}

@Test func aFaultIsLocatedInItsOwnLine() throws {
  let rules = read(
    "alert tcp any any -> any any (msg:\"a\"; \\\n  nonsense; \\\r\n  sid:7;)\n"
      + "  alert tcp any any -> any any (sid:8; depth:1;)\n")
  #expect(
    rules.unsupported == [
      UnsupportedRule(
        file: "test.rules", line: 2, column: 3, signature: 7, keyword: "nonsense",
        reason: "unknown keyword"),
      UnsupportedRule(
        file: "test.rules", line: 4, column: 40, signature: 8, keyword: "depth",
        reason: "stands behind no content"),
    ])
}

@Test func aKeywordAlmostRightGetsAHint() {
  #expect(fault("http.user_agnt; ") == "http.user_agnt: unknown keyword; 'http.user_agent' is one")
}

@Test func aKeywordThatIsNotEvaluatedGetsItsReason() {
  #expect(fault("lua:x.lua;") == "lua: Beryl runs no programs of rules")
  #expect(fault("dataset:isset,x;") == "dataset: lists beside the rules are not read")
}

@Test(arguments: [
  ("alert tcp any any -> any any", "the rule has no options in parentheses"),
  ("alert tcp any any -> any any (sid:1;", "')' does not end the rule"),
  ("alert tcp any any -> any any (sid:1)", "no ';' ends the option"),
  ("alert tcp any any -> any any (msg:\"a\";)", "the rule has no sid"),
  ("alert tcp any any -> any any (sid:1;) x", "text behind the end of the rule"),
])
func aRuleWithoutFormIsListed(text: String, reason: String) {
  #expect(read(text).unsupported.map(\.reason) == [reason])
}

@Test func theNewestRevisionOfANumberStands() {
  let rules = read(
    """
    alert tcp any any -> any any (msg:"old"; sid:5; rev:1;)
    alert tcp any any -> any any (msg:"new"; sid:5; rev:2;)
    alert tcp any any -> any any (msg:"again"; sid:5; rev:2;)
    alert tcp any any -> any any (msg:"other generator"; gid:3; sid:5; rev:1;)
    """)
  #expect(rules.rules.map(\.message) == ["new", "other generator"])
  #expect(rules.unsupported.map(\.line) == [1, 3])
  #expect(rules.unsupported.map(\.keyword) == ["sid", "sid"])
}

@Test func filesKeepTheirNames() {
  var reader = RuleReader()
  reader.read("alert ip any any -> any any (sid:1;)", file: "a.rules")
  reader.read("alert ip any any -> any any (sid:2;)\nnonsense", file: "b.rules")
  #expect(reader.rules.rules.map(\.file) == [0, 1])
  #expect(reader.rules.files == ["a.rules", "b.rules"])
  #expect(reader.rules.unsupported.map(\.file) == ["b.rules"])
}
