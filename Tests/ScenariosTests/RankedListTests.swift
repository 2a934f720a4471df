import Foundation
import Reports
import Scenarios
import Terms
import Testing

/// An incident of the enterprise, assessed.
private func incident(
  _ subject: Int, raised: Double, _ rankClass: RankClass, rank relevance: UInt8 = 128,
  revision: UInt32 = 0
) -> Report {
  var report = report(.synFlood, at: .enterprise, "acme", raised: raised)
  report.id = ReportID(
    monitor: name("acme"), kind: .synFlood, subject: "\(subject)", opened: at(0))
  report.revision = revision
  report.assessment = Assessment(
    relevance: relevance, value: 5, interest: 0.6, confidence: 0.8, rankClass: rankClass,
    riskValue: 5, host: IPAddress(v4: 0x0a0a_010a))
  return report
}

@Suite struct RankedListTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func order(_ reports: [Report]) throws -> [String] {
    try scratch.result(reports).incidents.map(\.id)
  }

  @Test func whatMattersMostStandsFirstThenWhatWasRaisedFirst() throws {
    let late = incident(1, raised: 40, .urgent)
    let early = incident(2, raised: 10, .medium)
    let later = incident(3, raised: 20, .medium)
    let below = report(.synFlood, at: .domain, "hq", raised: 5)
    #expect(
      try order([below, later, early, late])
        == [late, early, later, below].map(\.id.description))
  }

  /// Rank and severity go up and down; places stay until a class changes.
  @Test func revisionsWithinAClassMoveNothing() throws {
    let first = incident(1, raised: 10, .medium)
    let second = incident(2, raised: 20, .medium)
    var better = incident(2, raised: 20, .medium, rank: 200, revision: 1)
    better.severity = 9
    better.first = at(-100)
    #expect(try order([first, second]) == [first, second].map(\.id.description))
    #expect(try order([first, second, better]) == [first, second].map(\.id.description))
    let risen = incident(2, raised: 20, .high, rank: 210, revision: 2)
    #expect(try order([first, second, better, risen]) == [second, first].map(\.id.description))
  }

  @Test func anAssessedResultReadsBackAsItWas() throws {
    let result = try scratch.result([incident(1, raised: 10, .high, rank: 191)])
    let data = try ResultCoding.encode(result)
    #expect(try ResultCoding.decode(data, path: "out.json") == result)
    let top = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let row = try #require((top["incidents"] as? [[String: Any]])?.first)
    let assessment = try #require(row["assessment"] as? [String: Any])
    #expect(assessment["class"] as? String == "high")
    #expect(assessment["relevance"] as? Int == 191)
    #expect(assessment["host"] as? String == "10.10.1.10")
    #expect(assessment["outcome"] as? String == "unknown")
  }

  @Test func aResultFromBeforeThereWereRanksIsStillRead() throws {
    let plain = report(.synFlood, at: .enterprise, "acme", raised: 5)
    let data = try ResultCoding.encode(try scratch.result([plain]))
    #expect(!String(decoding: data, as: UTF8.self).contains("assessment"))
    #expect(try ResultCoding.decode(data, path: "out.json").incidents.first?.assessment == nil)
  }

  @Test func whyShowsTheArithmetic() throws {
    var told = incident(1, raised: 10, .high, rank: 191)
    told.assessment?.outcome = .succeeded
    told.assessment?.grounds = [
      Term("10.10.1.10 runs tcp/80", 3, unit: "times the odds"),
      Term("10.10.1.10 is a linux host, not windows", 1.0 / 16, unit: "times the odds"),
      Term("succeeded: 10.10.1.10 attacks others since (recon.port-scan)", 1),
    ]
    var lookup = ReportLookup(try scratch.result([told]))
    let text = try Derivation(of: told.id.description, in: &lookup).description
    let rank = try #require(told.assessment?.rank)
    for line in [
      "├─ rank \(rank) of 255 (high) for 10.10.1.10: relevance 191 of 255, priority ",
      "│    10.10.1.10 runs tcp/80: odds × 3",
      "│    10.10.1.10 is a linux host, not windows: odds / 16",
      "│    succeeded: 10.10.1.10 attacks others since (recon.port-scan)\n",
      "of value 5 of 5 and interest 0.6", "= \(rank)\n",
      "risk 4 = ⌊value 5 × priority 3 × reliability 8 / 25⌋",
    ] {
      #expect(text.contains(line), "\(line)\n\(text)")
    }
  }
}
