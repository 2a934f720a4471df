import Analysis
import Reports
import Signatures
import Testing

@testable import Detection

/// Rules on several workers, where they look beyond one flow: thresholds, filters and bits of hosts.
@Suite struct SharedSignatureTests {
  private static let rules = """
    alert tcp any any -> any any (msg:"a browser"; flow:established,to_server; \
    content:"User-Agent|3a| "; xbits:set,browses,track ip_src,expire 600; sid:1;)
    alert tcp any any -> any any (msg:"connects"; flags:S; \
    threshold:type both,track by_src,count 3,seconds 60; sid:2;)
    alert tcp any any -> any any (msg:"is busy"; flags:S; \
    detection_filter:track by_dst,count 2,seconds 30; sid:3;)
    alert tcp any any -> any any (msg:"a browser connects again"; flags:S; \
    xbits:isset,browses,track ip_src; sid:4;)
    alert ip any any -> any any (msg:"now and then"; \
    threshold:type limit,track by_rule,count 1,seconds 5; sid:5;)
    alert tcp any any -> any any (msg:"an answer to a browser"; flow:to_client; content:"200 OK"; \
    flowbits:isset,asked; sid:6;)
    alert tcp any any -> any any (msg:"asked"; flow:to_server; content:"GET "; \
    flowbits:set,asked; noalert; sid:7;)
    """
  private static let entangled = """
    alert tcp any any -> any any (msg:"m"; flags:S; xbits:set,seen,track ip_src,expire 60; sid:1;)
    alert tcp any any -> any any (msg:"m"; flow:established; content:"HTTP"; \
    xbits:isset,seen,track ip_src; flowbits:set,known; sid:2;)
    alert tcp any any -> any any (msg:"m"; flow:established; content:"e"; \
    flowbits:isset,known; sid:3;)
    """

  private func reports(_ rules: String, _ capture: String, workers: Int) throws -> [Report] {
    var reader = RuleReader()
    reader.read(rules, file: "test.rules")
    #expect(reader.rules.unsupported.isEmpty)
    var context = DetectionContext(segment: "lab")
    context.signatures = try SignatureSet(reader.rules)
    return try Lab.everything(capture, in: context, workers: workers)
  }

  @Test(arguments: ["web-attacks", "office-day", "crawl", "horizontal-scan", "dmz-fragments"])
  func rulesAnswerAlikeOnSeveralWorkers(capture: String) throws {
    let one = try reports(Self.rules, capture, workers: 1)
    #expect(one.contains { $0.kind == .signature })
    #expect(try reports(Self.rules, capture, workers: 2) == one)
    #expect(try reports(Self.rules, capture, workers: 4) == one)
  }

  @Test func everyOneOfTheRulesAnswers() throws {
    let found = try ["office-day", "web-attacks"].flatMap {
      try reports(Self.rules, $0, workers: 3).compactMap { $0.count("sid") }
    }
    #expect(Set(found) == [1, 2, 3, 4, 5, 6])
  }

  /// What a rule does to its flow waits for what another flow left with the host: one thread.
  @Test func rulesThatEntangleFlowsAreReadByOneWorker() throws {
    let one = try reports(Self.entangled, "office-day", workers: 1)
    #expect(one.contains { $0.count("sid") == 3 })
    #expect(try reports(Self.entangled, "office-day", workers: 4) == one)
  }
}
