import Analysis
import Reports
import Signatures
import Terms
import Testing

@testable import Detection

/// Rules through the whole pipeline.
@Suite struct SignatureTests {
  private static let rules = """
    alert http any any -> any any (msg:"passwd asked for"; flow:established,to_server; \
    http.uri.raw; content:"etc"; nocase; content:"passwd"; distance:0; priority:1; \
    reference:url,example.org/1; classtype:web-application-attack; \
    metadata:signature_severity Major, confidence High; sid:100; rev:3;)
    alert tcp any any -> any any (msg:"a browser"; flow:established,to_server; \
    content:"User-Agent|3a| "; classtype:not-suspicious; sid:101; rev:1;)
    """

  private func context(_ rules: String = Self.rules) throws -> DetectionContext {
    var reader = RuleReader()
    reader.read(rules, file: "test.rules")
    #expect(reader.rules.unsupported.isEmpty)
    var context = DetectionContext(segment: "lab")
    context.signatures = try SignatureSet(reader.rules)
    return context
  }

  private func signatures(_ name: String, chunk: Int = 0) throws -> [Report] {
    try Lab.everything(name, flushingEvery: chunk, in: try context())
      .filter { $0.kind == .signature }
  }

  @Test func oneReportTellsOfARuleASourceAndATarget() throws {
    let newest = Lab.newest(try signatures("web-attacks"))
    let found = newest.filter { $0.count("sid") == 100 }
    let report = try #require(found.first)
    let pairs = Set(found.map { "\($0.sources.listed) \($0.targets.listed)" })
    #expect(pairs.count == found.count)
    #expect(report.text("message") == "passwd asked for")
    #expect(report.text("classtype") == "web-application-attack")
    #expect(report.text("references") == "url,example.org/1")
    #expect(report.count("rev") == 3)
    #expect(report.severity == 6)
    #expect(report.confidence == 0.9)
    #expect(!report.evidence.flatMap(\.packets).isEmpty)
  }

  @Test func anOfficeDayHasBrowsersAndNobodyAsksForPasswords() throws {
    let newest = Lab.newest(try signatures("office-day"))
    #expect(newest.allSatisfy { $0.severity <= Report.informationalSeverity })
    #expect(!newest.contains { $0.count("sid") == 100 })
  }

  @Test func reportsDoNotDependOnBatches() throws {
    let whole = try signatures("web-attacks")
    #expect(!whole.isEmpty)
    for chunk in [1, 3, 64] { #expect(try signatures("web-attacks", chunk: chunk) == whole) }
  }

  @Test func rulesChangeNothingElse() throws {
    let with = try Lab.everything("web-attacks", in: try context())
      .filter { $0.kind != .signature }
    #expect(with == (try Lab.everything("web-attacks")))
  }

  @Test func severityFollowsTheRulesOwnWords() {
    var rule = SignatureDescription()
    rule.priority = 1
    #expect(SignatureReports.severity(rule) == 6)
    rule.classification = "policy-violation"
    #expect(SignatureReports.severity(rule) == Report.informationalSeverity)
    rule.metadata = RuleMetadata(text: "signature_severity Critical")
    #expect(SignatureReports.severity(rule) == 8)
    rule = SignatureDescription()
    rule.priority = 2
    #expect(SignatureReports.severity(rule) == 4)
  }

  @Test func theRuleSaysWhoIsAttacked() throws {
    let rules = """
      alert http any any -> any any (msg:"answers"; flow:established,to_client; \
      http.stat_code; content:"40"; target:src_ip; sid:7;)
      """
    let found = try Lab.everything("web-attacks", in: try context(rules))
      .filter { $0.kind == .signature }
    let report = try #require(found.first)
    // The server's answer matched, and the server is the one attacked.
    #expect(report.ports == [80] || report.ports == [8088])
    let server = try #require(report.targets.listed.first)
    #expect("\(server)".hasPrefix("10."))
  }
}
