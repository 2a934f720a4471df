import Hierarchy
import Importing
import Terms
import Testing

@Suite struct SigmaTests {
  private func read(_ text: String) throws -> Import {
    try SigmaCorrelations().read(Array(text.utf8), file: "s.yml")
  }

  @Test func countsBecomeCountsByGroup() throws {
    let imported = try read(
      """
      title: Many guesses
      name: guesses
      detection: { selection: { kind: access.brute-force } }
      ---
      title: Guessing at one host
      name: many_guesses
      level: high
      tags: [attack.t1110.001, attack.credential-access]
      correlation:
        type: event_count
        rules: [guesses]
        group-by: [src_ip, dst_ip]
        timespan: 5m
        condition: { gte: 10 }
      ---
      title: Guessing at many hosts
      correlation:
        type: value_count
        rules: [guesses]
        group-by: [SourceIp]
        timespan: 1h
        condition: { field: dst_ip, gt: 4 }
      """)
    let directives = try Shipped.directives(imported)
    #expect(directives.map(\.name) == ["many-guesses", "guessing-at-many-hosts"])
    #expect(directives[0].priority == 4)
    #expect(directives[0].techniques == ["T1110.001"])
    #expect(directives[0].stages[0].count == 10)
    #expect(directives[0].stages[0].grouping == [.source, .target])
    #expect(directives[0].stages[0].within == .minutes(5))
    #expect(directives[1].stages[0].distinct?.field == .target)
    #expect(directives[1].stages[0].distinct?.count == 5)
  }

  @Test func temporalRulesBecomeStages() throws {
    let imported = try read(
      """
      title: ordered
      correlation:
        { type: temporal_ordered, rules: [recon.port-scan, access.brute-force], group-by: [src_ip], timespan: 1h }
      ---
      title: whatever order
      correlation:
        { type: temporal, rules: [recon.port-scan, access.brute-force], group-by: [src_ip], timespan: 1h }
      """)
    let directives = try Shipped.directives(imported)
    #expect(directives[0].graph.entries.count == 1)
    #expect(directives[1].graph.entries.count == 2)
  }

  @Test func figuresBecomeMeasures() throws {
    let imported = try read(
      """
      title: a lot
      correlation:
        type: value_sum
        rules: [exfil.bulk-transfer]
        group-by: [src_ip]
        timespan: 1d
        condition: { field: bytes, gte: 1000000 }
      """)
    let measure = try #require(try Shipped.directives(imported).first?.stages.first?.measure)
    #expect(measure.function == .total)
    #expect(measure.comparison == NumberBound(.atLeast, 1_000_000))
  }

  @Test(arguments: [
    ("{ type: event_count, rules: [mystery], timespan: 5m, condition: { gte: 3 } }", "--kind"),
    ("{ type: event_count, rules: [dos.land], timespan: 5m, condition: { lt: 3 } }", "gte"),
    ("{ type: event_count, rules: [dos.land], timespan: soon, condition: { gte: 3 } }", "timespan"),
    ("{ type: event_cont, rules: [dos.land], timespan: 5m, condition: { gte: 3 } }", "event_cont"),
  ])
  func whatHasNoCounterpartIsLocated(text: String, message: String) throws {
    let imported = try read("title: x\ncorrelation: \(text)\n")
    #expect(imported.count == 0)
    let note = try #require(imported.notes.first)
    #expect(note.isFault && note.line == 2)
    #expect(note.message.contains(message))
  }

  @Test(arguments: [
    ("title: x\n: : :\n [", 2, "not YAML"),
    ("title: x\ndetection: { a: b }\n", 1, "no correlation"),
  ])
  func whatIsNoCorrelationIsToldWhere(text: String, line: Int, words: String) throws {
    #expect(SigmaCorrelations.recognises(Array(text.utf8)))
    do {
      _ = try SigmaCorrelations().read(Array(text.utf8), file: "s.yml")
      Issue.record("it was read")
    } catch let note as ImportNote {
      #expect(note.message.contains(words))
      #expect(note.line >= line)
    }
  }
}
