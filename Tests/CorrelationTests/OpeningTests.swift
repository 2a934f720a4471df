import Analysis
import Hierarchy
import Reports
import Terms
import Testing

@testable import Correlation

/// What opens a directive is found again, whatever else opened something meanwhile.
@Suite struct OpeningTests {
  private func conclusions(
    _ directives: [Directive], _ lines: [String], openings: Double? = nil
  ) throws -> Set<String> {
    let monitor = try #require(MonitorName("hq"))
    var context = CorrelationContext(
      monitor: monitor, tier: .domain, schema: ShippedDirectives.schema,
      home: TestMonitor.segments.values.flatMap { $0 }.sorted(), segments: TestMonitor.segments,
      directives: directives)
    if let openings { context.limits.overrides = ["directives.openings": openings] }
    var engine = DirectiveEngine(context)
    var sink = ReportSink(monitor: monitor, tier: .domain)
    let text = try ReportText(lines.joined(separator: "\n"), schema: ShippedDirectives.schema)
    for report in text.reports.sorted(by: { $0.emitted < $1.emitted }) {
      engine.runDeadlines(through: report.emitted, into: &sink)
      engine.analyse(report, into: &sink)
    }
    engine.runDeadlines(through: ReportText.start + .hours(48), into: &sink)
    return Set(
      sink.drain().compactMap {
        guard case .text(let name)? = $0.attributes[Directive.attribute] else { return nil }
        return name
      })
  }

  /// An exploit, then attacks of other kinds on the same host by six others, then a shell on it: the
  /// others open directives too, at the same address.
  @Test func newerOpeningsOfOtherKindsHideNone() throws {
    var lines = ["00:05 hq-dmz access.overflow from 203.0.113.9 to 10.10.1.5 ports 21"]
    for number in 0..<6 {
      lines.append(
        "0\(number + 1):00 hq-dmz access.brute-force from 198.51.\(number).7 to 10.10.1.5 ports 22")
    }
    lines.append("20:00 hq-dmz access.reverse-shell from 203.0.113.92 to 10.10.1.5 ports 4444")
    #expect(try conclusions(ShippedDirectives.all, lines).contains("exploit-then-shell"))
  }

  /// Of many exploits on one host the newest two are held against the shell, those before them not.
  @Test func ofEachOpeningTestTheTwoNewestAreFound() throws {
    let directive = try ShippedDirectives.parse(
      """
      directives:
        one-source:
          title: an exploit, then a shell by the same source on the same host
          stages:
            - { name: exploit, kinds: [access.overflow], priority: 3, reliability: 5 }
            - { name: shell, kinds: [access.reverse-shell], join: { target: exploit.target, source: exploit.source } }
      """)
    func tells(by source: Int) throws -> Bool {
      let lines =
        (1...3).map {
          "0\($0):00 hq-dmz access.overflow from 198.51.100.\($0) to 10.10.1.5 ports 21"
        } + ["09:00 hq-dmz access.reverse-shell from 198.51.100.\(source) to 10.10.1.5 ports 4444"]
      return try !conclusions([directive], lines).isEmpty
    }
    #expect(try tells(by: 3))
    #expect(try tells(by: 2))
    #expect(try !tells(by: 1))
  }

  /// More opening tests than a word has bits, all of which a report fits, or one of them.
  @Test(arguments: [nil, 8.0]) func aPlanOfManyOpeningTestsFindsEach(openings: Double?) throws {
    let stages = (0..<150).map {
      "  many-\($0): { title: one of many, stages: [ { kinds: [access.overflow], where: "
        + "{ ports: \"1-\($0 + 1)\" } }, { kinds: [access.reverse-shell], same: [target] } ] }"
    }
    let directives = try Directive.parse(
      Array(("directives:\n" + stages.joined(separator: "\n")).utf8), path: "test.yaml",
      schema: ShippedDirectives.schema)
    func told(port: Int) throws -> Set<String> {
      try conclusions(
        directives,
        [
          "00:05 hq-dmz access.overflow from 203.0.113.9 to 10.10.1.5 ports \(port)",
          "01:00 hq-dmz access.reverse-shell from 203.0.113.9 to 10.10.1.5 ports 4444",
        ], openings: openings)
    }
    #expect(try told(port: 1).count == 150)
    #expect(try told(port: 71).count == 80)
    #expect(try told(port: 150) == ["many-149"])
    #expect(try told(port: 151).isEmpty)
  }

  /// A question without a yes leads nowhere, and one with a yes does, whatever else is asked.
  @Test func aQuestionAtOnceIsHeldAgainstTheOpeningItself() throws {
    let directive = try ShippedDirectives.parse(
      """
      directives:
        asked:
          title: a scan of a home address, then an attack on it
          stages:
            - { name: scan, kinds: [recon.*], priority: 3, reliability: 5 }
            - { name: home, ask: { asset: { place: inside }, of: scan.target } }
            - { name: attack, kinds: [access.*], join: { source: scan.source, target: home.target } }
      """)
    func tells(_ target: String) throws -> Bool {
      try !conclusions(
        [directive],
        [
          "00:05 hq-dmz recon.port-scan from 203.0.113.9 to \(target) ports 22",
          "01:00 hq-dmz access.overflow from 203.0.113.9 to \(target) ports 21",
        ]
      ).isEmpty
    }
    #expect(try tells("10.10.1.5"))
    #expect(try !tells("203.0.113.77"))
  }
}
