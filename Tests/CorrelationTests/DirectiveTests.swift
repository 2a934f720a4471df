import Analysis
import Foundation
import Hierarchy
import Monitoring
import Reports
import Response
import Terms
import Testing

@testable import Correlation

/// The directives that ship, and the schema they are written for.
enum ShippedDirectives {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "topology").path

  static let schema =
    (try? Schema.load(path: folder + "/schema.yaml"))
    ?? Schema(attackVersion: "", kinds: [:])
  static let all =
    (try? Directive.load(path: folder + "/directives", schema: schema)) ?? []

  static func named(_ name: String) throws -> Directive {
    try #require(all.first { $0.name == name })
  }

  /// One directive written out here.
  static func parse(_ text: String) throws -> Directive {
    try #require(
      try Directive.parse(Array(text.utf8), path: "test.yaml", schema: schema).first)
  }
}

@Suite struct DirectiveTests {
  @Test func theLibraryIsLargeAndEveryDirectiveHasBothExamplesAndTechniques() {
    #expect(ShippedDirectives.all.count >= 25)
    for directive in ShippedDirectives.all {
      #expect(directive.examples.contains { $0.fires }, "\(directive.name)")
      #expect(directive.examples.contains { !$0.fires }, "\(directive.name)")
      #expect(!directive.techniques.isEmpty, "\(directive.name)")
    }
  }

  @Test(arguments: ShippedDirectives.all) func examplesDoWhatTheySay(directive: Directive) {
    let failures = DirectiveExamples.failures(of: [directive], schema: ShippedDirectives.schema)
    #expect(failures.map(\.description) == [])
  }

  private func told(_ name: String, _ text: String) throws -> [Report] {
    try DirectiveExamples.reports(
      of: try ShippedDirectives.named(name), on: text, schema: ShippedDirectives.schema)
  }

  @Test func aConclusionNamesItsStagesAndFitsTheSchema() throws {
    let text = try ShippedDirectives.named("whole-intrusion").examples[0].text
    let report = try #require(try told("whole-intrusion", text).last)
    try ShippedDirectives.schema.check(report)
    #expect(report.kind == .multiStage)
    #expect(report.derivedFrom.count == 4)
    #expect(report.severity == 10)
    #expect(report.confidence == 1)
    #expect(report.attributes["stages"] == .text("recon,access,exfil"))
    #expect(report.attributes["root"] == IPAddress("203.0.113.94").map { .address($0) })
    #expect(report.terms.count { $0.name.hasPrefix("stage ") && $0.threshold != nil } >= 4)
  }

  /// A scan is held back while a login is told at once; what counts is when it happened.
  @Test func stagesAreTakenInTheOrderOfWhatHappened() throws {
    let text = try ReportText(
      """
      00:30 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22
      00:05 internet recon.port-scan from 203.0.113.9 to 10.10.1.5-9 ports 22
      """, schema: ShippedDirectives.schema)
    var reports = text.reports
    reports[1].emitted = ReportText.start + .seconds(45)
    #expect(campaigns(try incidents(reports, tier: .enterprise)) == 1)
  }

  @Test func aLaterStageRaisesWhatWasTold() throws {
    let reports = try told(
      "scan-then-guess",
      """
      00:05 internet recon.port-scan from 203.0.113.9 to 10.10.1.5-9 ports 22
      03:00 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22
      09:00 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.5 ports 22
      """)
    #expect(reports.map(\.severity) == [8, 10])
    #expect(reports.map(\.revision) == [0, 1])
    #expect(Set(reports.map(\.id)).count == 1)
  }

  @Test func revisionsCountOnce() throws {
    let directive = try ShippedDirectives.parse(
      """
      directives:
        often:
          title: three reports of one source
          stages: [ { kinds: [access.*], by: [source], count: 3, within: 10m, priority: 3, reliability: 5 } ]
      """)
    func reports(_ ids: [Int]) throws -> Int {
      let lines = ids.enumerated().map { index, id in
        "0\(index):00 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22 id \(id)"
      }
      return try DirectiveExamples.reports(
        of: directive, on: lines.joined(separator: "\n"), schema: ShippedDirectives.schema
      ).count
    }
    #expect(try reports([1, 1, 1]) == 0)
    #expect(try reports([1, 2, 3]) == 1)
  }

  /// What has come to no new stage is told again when it has settled, and in the end with all of it.
  @Test func moreOfAStageIsToldTogether() throws {
    let directive = try ShippedDirectives.parse(
      """
      directives:
        often:
          title: three reports of one source
          stages: [ { kinds: [access.*], by: [source], count: 3, within: 10m, priority: 3, reliability: 5 } ]
      """)
    let lines = (0..<12).map {
      "00:\(String(10 + 2 * $0)) hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22 id \($0)"
    }
    let told = try DirectiveExamples.reports(
      of: directive, on: lines.joined(separator: "\n"), schema: ShippedDirectives.schema)
    #expect((3...4).contains(told.count))
    #expect(told.map(\.revision) == Array(0..<UInt32(told.count)))
    #expect(told.first?.derivedFrom.count == 3)
    #expect(told.last?.derivedFrom.count == 12)
    let gaps = zip(told, told.dropFirst()).map { $1.emitted - $0.emitted }
    #expect(gaps.allSatisfy { $0 >= .seconds(10) })
  }

  // MARK: One attack, one incident

  private func context(_ tier: Tier) throws -> CorrelationContext {
    let monitor = try #require(MonitorName(tier == .domain ? "hq" : "acme"))
    return CorrelationContext(
      monitor: monitor, tier: tier, schema: ShippedDirectives.schema,
      home: TestMonitor.segments.values.flatMap { $0 }.sorted(), segments: TestMonitor.segments,
      directives: ShippedDirectives.all)
  }

  /// What a whole monitor sends up, by way of its lane.
  private func incidents(_ reports: [Report], tier: Tier = .domain) throws -> [Report] {
    let context = try context(tier)
    let child = try #require(MonitorName("child"))
    var lane = CorrelationLane(
      name: .live, monitor: context.monitor, tier: tier, expecting: [child],
      engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(monitor: context.monitor, tier: tier, schema: context.schema))
    for report in reports { lane.receive(report) }
    lane.setWatermark(.distantFuture, of: child)
    return lane.process()
  }

  private func campaigns(_ reports: [Report]) -> Int {
    TestTree.newest(reports).count { $0.kind == .multiStage }
  }

  @Test func aCampaignTakesOverTheIncidentsItIsMadeOf() throws {
    let text = try ShippedDirectives.named("whole-intrusion").examples[0].text
    let reports = try ReportText(text, schema: ShippedDirectives.schema).reports
    let upward = try incidents(reports)
    var lastKinds: [ReportID: Report] = [:]
    for report in upward where report.reportClass == .incident {
      lastKinds[report.id] = report
    }
    let final = try #require(upward.last { $0.kind == .multiStage })
    #expect(final.derivedFrom.count == 4)
    #expect(campaigns(upward) == 1)
    // The enterprise hears every revision, and ends with one incident that holds all of it.
    let top = TestTree.newest(try incidents(upward, tier: .enterprise))
    let newest = top.max { $0.emitted < $1.emitted }
    #expect(newest?.kind == .multiStage)
    #expect(top.count { $0.kind == .multiStage } == 1)
  }

  /// Guessing that ends in a login is the same attack going on: it keeps its name.
  @Test func oneFamilyKeepsItsNameAndGainsTheReasons() throws {
    let text = try ShippedDirectives.named("guessed-login").examples[0].text
    let reports = try ReportText(text, schema: ShippedDirectives.schema).reports
    let upward = TestTree.newest(try incidents(reports))
    let guessing = upward.first { $0.kind == .bruteForce }
    #expect(guessing?.severity == 10)
    #expect(guessing?.terms.contains { $0.name.hasPrefix("stage 2, login") } == true)
    #expect(upward.map(\.kind) == [.bruteForce])
    // What it led to goes up with it.
    #expect(guessing?.attributes["controls"] == .text("10.10.1.5"))
  }

  @Test func strangersDoNotMakeACampaign() throws {
    let reports = try ReportText(
      """
      00:05 internet recon.port-scan from 203.0.113.9 to 10.10.1.5-9 ports 22
      03:00 hq-dmz access.brute-force from 203.0.113.77 to 10.10.1.12 ports 22
      05:00 internet exfil.bulk-transfer from 10.10.2.50 to 198.51.100.7 ports 443
      """, schema: ShippedDirectives.schema
    ).reports
    let upward = TestTree.newest(try incidents(reports))
    #expect(upward.count == 3)
    #expect(campaigns(upward) == 0)
  }

  /// Everything the library's examples tell, in any order of arrival, gives the same incidents.
  @Test(arguments: 0..<20 as Range<UInt64>) func arrivalOrderDoesNotShow(seed: UInt64) throws {
    var reports: [Report] = []
    for directive in ShippedDirectives.all {
      for example in directive.examples where example.fires {
        reports += try ReportText(example.text, schema: ShippedDirectives.schema).reports
      }
    }
    var generator = Shuffle(state: seed)
    #expect(
      try incidents(reports.shuffled(using: &generator)) == Self.inOrder(reports, incidents))
  }

  private static func inOrder(
    _ reports: [Report], _ run: ([Report], Tier) throws -> [Report]
  ) rethrows -> [Report] {
    try run(reports, .domain)
  }

  // MARK: Bounds

  /// Scans and guessing of 600 other sources in half a minute, by the child that tells of the
  /// attack and by another, before the attack begins and while it goes on.
  @Test(arguments: ["internet", "hq-dmz"], [0, 300, 600])
  func aFloodOfOpeningsDoesNotPushOutAnAttackThatHasAdvanced(
    flooding: String, before: Int
  ) throws {
    var context = try context(.domain)
    context.limits.overrides = [
      "directives.per-directive": 16, "directives.instances": 64, "directives.openings": 32,
    ]
    var engine = DirectiveEngine(context)
    var sink = ReportSink(monitor: context.monitor, tier: .domain)
    var lines = [
      "02:00 internet recon.port-scan from 203.0.113.9 to 10.10.1.5 ports 22",
      "02:01 internet access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22",
    ]
    for number in 0..<600 {
      let source = "198.\(18 + number / 250).\(number % 250).7"
      let time = "\(number < before ? "01" : "04"):\(10 + number % 50)"
      lines.append("\(time) \(flooding) recon.port-scan from \(source) to 10.10.1.5")
      lines.append("\(time) \(flooding) access.brute-force from \(source) to 10.10.1.6")
    }
    lines.append("09:00 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.5 ports 22")
    let text = try ReportText(
      lines.joined(separator: "\n"), schema: ShippedDirectives.schema)
    for report in text.reports.sorted(by: { $0.emitted < $1.emitted }) {
      engine.runDeadlines(through: report.emitted, into: &sink)
      engine.analyse(report, into: &sink)
    }
    engine.runDeadlines(through: ReportText.start + .hours(48), into: &sink)
    let attacker = try #require(IPAddress("203.0.113.9"))
    let told = sink.drain().filter { $0.sources.covers(attacker) && $0.severity == 10 }
    let names = Set(told.map { $0.attributes[Directive.attribute] })
    #expect(names.isSuperset(of: [.text("scan-then-guess"), .text("guessed-login")]))
    #expect(engine.losses > 0)
    #expect(engine.instances.count <= 64)
  }

  /// A domain tells of what two of its segments saw: one after the other where it was seen once, or both
  /// on one segment.
  @Test(arguments: [("hq-office", true), ("hq-servers", false)])
  func whichSegmentSawAStepIsKnownAboveItsDomain(starved: String, isJoined: Bool) throws {
    let context = try context(.enterprise)
    var engine = DirectiveEngine(context)
    var sink = ReportSink(monitor: context.monitor, tier: .enterprise)
    let text = try ReportText(
      """
      00:05 hq dos.dhcp-starvation to 255.255.255.255 ports 67
      04:00 hq spoof.dhcp-server from 10.10.2.66 to 10.10.2.20
      """, schema: ShippedDirectives.schema)
    for (var report, witness) in zip(text.reports, [starved, "hq-office"]) {
      report.evidence = [
        Evidence(monitor: try #require(MonitorName(witness)), capture: "lab", packets: [7])
      ]
      engine.runDeadlines(through: report.emitted, into: &sink)
      engine.analyse(report, into: &sink)
    }
    engine.runDeadlines(through: ReportText.start + .hours(48), into: &sink)
    let told = Set(sink.drain().compactMap { $0.attributes[Directive.attribute] })
    #expect(told.contains(.text("starved-then-rogue-dhcp")) == isJoined)
  }

  @Test func chainedDirectivesEnd() throws {
    let text = """
      directives:
        first:
          title: on any campaign
          stages: [ { kinds: [campaign.*, access.overflow], priority: 3, reliability: 5 } ]
        second:
          title: on any campaign too
          stages: [ { kinds: [campaign.*], priority: 3, reliability: 5 } ]
      """
    var context = try context(.domain)
    context.directives = try Directive.parse(
      Array(text.utf8), path: "test.yaml", schema: ShippedDirectives.schema)
    let child = try #require(MonitorName("child"))
    var lane = CorrelationLane(
      name: .live, monitor: context.monitor, tier: .domain, expecting: [child],
      engines: [DirectiveEngine(context)], resolver: Resolver(monitor: child, tier: .domain))
    let reports = try ReportText(
      "00:05 hq-dmz access.overflow from 203.0.113.9 to 10.10.1.5", schema: context.schema
    ).reports
    for report in reports { lane.receive(report) }
    lane.setWatermark(.distantFuture, of: child)
    #expect(lane.process().count < 8)
  }
}

private struct Shuffle: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
