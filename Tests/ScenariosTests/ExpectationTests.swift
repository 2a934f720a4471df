import Reports
import Scenarios
import Terms
import Testing

@Suite struct ExpectationTests {
  let rows = Tree().all.map { ReportRow($0) }.filter { $0.class != "evidence" }
    .sorted(by: ReportRow.precedes)

  private func held(
    _ mode: Expectation.Mode = .expect, kind: String = "recon.distributed-scan",
    _ change: (inout Expectation) -> Void = { _ in }
  ) -> ExpectationResult {
    var expectation = Expectation(mode, kind: kind)
    change(&expectation)
    return expectation.evaluate(rows, start: at(0).resultSeconds)
  }

  @Test func aReportThatFitsEveryConditionHoldsIt() {
    let result = held {
      $0.tier = .domain
      $0.monitor = name("hq")
      $0.sources = Expectation.Parties(
        atLeast: 12, atMost: 12, includes: [IPPrefix("203.0.113.0/24")!])
      $0.targets = Expectation.Parties(includes: [IPPrefix("10.10.1.10")!])
      $0.leastSeverity = 6
      $0.within = .seconds(31)
      $0.mostCount = 1
    }
    #expect(result.held)
    #expect(result.matches == [Tree().domain.id.description])
    #expect(held(kind: "recon.port-scan") { $0.attributes = ["technique": "syn"] }.held)
    #expect(held(kind: "recon.*") { $0.attributes = ["decoys": "3"] }.held)
  }

  @Test func aFailureNamesTheNearestMiss() {
    let result = held {
      $0.tier = .domain
      $0.sources.atLeast = 15
    }
    #expect(!result.held)
    #expect(
      result.reason == "best candidate: recon.distributed-scan at domain hq with 12 sources, "
        + "1 target, severity 6, raised +31s: 12 sources, needs 15")
  }

  @Test(arguments: [
    ("sources", "no source 10.0.0.1"), ("severity", "severity 7, needs 9"),
    ("attributes", "no attribute technique, needs syn"), ("within", "raised +33s, needs +30s"),
    ("since", "raised +33s, before +40s"), ("monitor", "needs monitor dmz"),
  ]) func everyConditionExplainsItself(condition: String, reason: String) {
    let result = held {
      $0.tier = .enterprise
      switch condition {
      case "sources": $0.sources.includes = [IPPrefix("10.0.0.1")!]
      case "severity": $0.leastSeverity = 9
      case "attributes": $0.attributes = ["technique": "syn"]
      case "within": $0.within = .seconds(30)
      case "since": $0.since = .seconds(40)
      default: $0.monitor = name("dmz")
      }
    }
    #expect(result.reason.hasSuffix(": " + reason), "\(result.reason)")
  }

  @Test func withinCountsFromSince() {
    let result = held {
      $0.tier = .enterprise
      $0.since = .seconds(30)
      $0.within = .seconds(3)
    }
    #expect(result.held)
  }

  @Test func aForbiddenKindIsNamedWhenFound() {
    let result = held(.forbid, kind: "recon.port-scan")
    #expect(!result.held)
    #expect(
      result.reason == "found recon.port-scan at local dmz with 1 source, 1 target, "
        + "severity 4, raised +9s")
    #expect(held(.forbid, kind: "dos.*").held)
    #expect(held(.forbid, kind: "recon.port-scan") { $0.leastSeverity = 5 }.held)
  }

  @Test func countsBoundTheMatches() {
    #expect(held { $0.leastCount = 2 }.held)
    #expect(held { $0.leastCount = 3 }.reason.hasPrefix("found 2 of 3; "))
    #expect(held { $0.mostCount = 1 }.reason.hasPrefix("found 2, at most 1: "))
    #expect(
      held {
        $0.leastCount = 0
        $0.mostCount = 0
        $0.leastSeverity = 8
      }.held)
  }

  @Test func nothingOfTheKindNamesWhatThereIs() {
    #expect(held(kind: "recon.ping-sweep").reason.hasPrefix("no recon.ping-sweep; nearest: "))
    #expect(
      held(kind: "dos.*").reason
        == "no dos.* among 3 reports of recon.distributed-scan, recon.port-scan")
    #expect(
      Expectation(.expect, kind: "dos.*").evaluate([], start: 0).reason
        == "no dos.*; no other report either")
  }
}
