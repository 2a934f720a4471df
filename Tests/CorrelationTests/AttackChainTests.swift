import Analysis
import Monitoring
import Reports
import Response
import Terms
import Testing

@testable import Correlation

/// Campaigns that no directive describes, chained from what kinds need and give.
@Suite struct AttackChainTests {
  private static let schema = ShippedDirectives.schema

  private func context(
    _ tier: Tier, directives: Bool = true, reaches: [String: Set<String>] = [:]
  ) throws -> CorrelationContext {
    let monitor = try #require(MonitorName(tier == .domain ? "hq" : "acme"))
    var context = CorrelationContext(
      monitor: monitor, tier: tier, schema: Self.schema,
      home: TestMonitor.segments.values.flatMap { $0 }.sorted(), segments: TestMonitor.segments,
      directives: directives ? ShippedDirectives.all : [])
    context.reaches = reaches
    context.sensors = Dictionary(
      uniqueKeysWithValues: TestMonitor.segments.keys.map { name in
        (name, MonitorName(name).map { [$0] } ?? [])
      })
    return context
  }

  private func run(
    _ reports: [Report], _ tier: Tier, _ context: CorrelationContext
  ) throws -> [Report] {
    let child = try #require(MonitorName("child"))
    var lane = CorrelationLane(
      name: .live, monitor: context.monitor, tier: tier, expecting: [child],
      engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(monitor: context.monitor, tier: tier, schema: Self.schema))
    for report in reports { lane.receive(report) }
    lane.setWatermark(.distantFuture, of: child)
    return lane.process()
  }

  /// The enterprise's incidents in order of opening, each domain's reports apart on the way up.
  private func incidents(
    _ text: String, directives: Bool = true, reaches: [String: Set<String>] = [:]
  ) throws -> [Report] {
    let reports = try ReportText(text, schema: Self.schema).reports
    var upward: [Report] = []
    for domain in ["hq", "br", "internet"] {
      let own = reports.filter { $0.monitor.text.hasPrefix(domain) }
      var context = try context(.domain, directives: directives, reaches: reaches)
      context.monitor = try #require(MonitorName(domain == "br" ? "branch" : domain))
      upward += try run(own, .domain, context)
    }
    for report in upward { try Self.schema.check(report) }
    let top = try run(
      upward, .enterprise, context(.enterprise, directives: directives, reaches: reaches))
    for report in top { try Self.schema.check(report) }
    return TestTree.newest(top)
  }

  private func text(_ report: Report?, _ name: String) -> String? {
    report?.attributes[name]?.description
  }

  /// The whole way in, over three domains and three addresses of the attacker.
  static let intrusion = """
    00:02 internet recon.ping-sweep from 203.0.113.94 to 10.10.1.1-60 until 00:08
    00:03 hq-dmz recon.ping-sweep from 203.0.113.94 to 10.10.1.1-60 until 00:08
    00:09 internet recon.port-scan from 203.0.113.94 to 10.10.1.10,10.10.1.30 ports 21,22,80 until 00:11
    00:09 hq-dmz recon.port-scan from 203.0.113.94 to 10.10.1.10,10.10.1.30 ports 21,22,80 until 00:11
    00:20 internet access.brute-force from 203.0.113.66 to 10.10.1.30 ports 22 until 00:40
    00:20 hq-dmz access.brute-force from 203.0.113.66 to 10.10.1.30 ports 22 until 00:40
    00:40 hq-dmz access.login-after-guessing from 203.0.113.66 to 10.10.1.30 ports 22
    01:10 br-servers recon.port-scan from 10.10.1.30 to 10.20.2.10-30 ports 22
    01:40 br-servers lateral.movement from 10.10.1.30 to 10.20.2.20 ports 22
    02:30 internet exfil.bulk-transfer from 10.10.1.30 to 203.0.113.92 ports 443
    """

  @Test(arguments: [true, false]) func anIntrusionIsOneCampaign(directives: Bool) throws {
    let found = try incidents(Self.intrusion, directives: directives)
    #expect(lines(found).count == 1, "\(lines(found))")
    let campaign = try #require(found.first)
    #expect(campaign.kind == .multiStage)
    #expect(text(campaign, "stages") == "recon,access,lateral,exfil")
    #expect(text(campaign, "controls") == "10.10.1.30,10.20.2.20")
    #expect(text(campaign, "root") == "203.0.113.94")
    #expect(campaign.severity == 10)
    #expect(
      Set(campaign.sources.listed.map(\.description)).isSuperset(of: [
        "203.0.113.94", "203.0.113.66", "10.10.1.30",
      ]))
  }

  /// Somebody at a desk inside, of whom nobody saw how he came there.
  @Test(arguments: [("access.brute-force", 1), ("recon.port-scan", 2)])
  func whoAttacksFromAHostHoldsIt(kind: String, count: Int) throws {
    let found = try incidents(
      """
      00:05 br-office recon.port-scan from 10.20.1.104 to 10.10.3.20,10.10.3.30 ports 22,445 until 00:20
      00:30 br-office \(kind) from 10.20.1.104 to 10.10.3.20 ports 22 until 00:50
      00:30 hq-servers \(kind) from 10.20.1.104 to 10.10.3.20 ports 22 until 00:50
      01:30 br-office exfil.bulk-transfer from 10.20.1.104 to 198.51.100.200 ports 443
      """)
    #expect(found.count == count, "\(lines(found))")
    let isLinked = found.contains { text($0, "stages") == "recon,access,exfil" }
    #expect(isLinked == (count == 1), "\(lines(found))")
  }

  /// It is told early, and grows under one id.
  @Test func aCampaignGrowsByRevision() throws {
    let reports = try ReportText(Self.intrusion, schema: Self.schema).reports
    let told = try run(reports, .domain, context(.domain, directives: false)).filter {
      $0.reportClass == .incident
    }
    #expect(Set(told.map(\.id)).count == 1)
    #expect(told.map(\.revision) == Array(0..<UInt32(told.count)))
    let stages = told.compactMap { text($0, "stages") }
    #expect(stages.first == "recon,access")
    #expect(stages.last == "recon,access,lateral,exfil")
  }

  @Test func theOrderOfArrivalDoesNotShow() throws {
    let reports = try ReportText(Self.intrusion, schema: Self.schema).reports
    let context = try context(.domain, directives: false)
    var engine = AttackChains(context)
    var backwards = AttackChains(context)
    func last(_ engine: inout AttackChains, _ reports: [Report]) -> Report? {
      var sink = ReportSink(monitor: context.monitor, tier: .domain)
      for (index, report) in reports.enumerated() {
        var report = report
        report.emitted = ReportText.start + .seconds(600 + index)
        engine.runDeadlines(through: report.emitted, into: &sink)
        engine.analyse(report, into: &sink)
      }
      engine.runDeadlines(through: ReportText.start + .hours(1), into: &sink)
      return sink.drain().last
    }
    let forward = try #require(last(&engine, reports))
    let backward = try #require(last(&backwards, reports.reversed()))
    #expect(forward.attributes == backward.attributes)
    #expect(Set(forward.derivedFrom) == Set(backward.derivedFrom))
  }

  // MARK: Gaps

  @Test func whatNobodySawIsNamed() throws {
    let found = try incidents(
      """
      00:09 internet recon.port-scan from 203.0.113.94 to 10.20.2.20 ports 22 until 00:11
      02:40 hq-servers recon.port-scan from 10.20.2.20 to 10.10.3.8-40 ports 22 until 02:50
      03:10 hq-servers access.brute-force from 10.20.2.20 to 10.10.3.20 ports 22
      04:00 internet exfil.bulk-transfer from 10.20.2.20 to 203.0.113.94 ports 443
      """)
    let campaign = try #require(found.first { $0.kind == .multiStage })
    let gaps = try #require(text(campaign, "gaps"))
    #expect(gaps.contains("no guess or exploit on 10.20.2.20 seen, sensor br-servers silent"))
    #expect(campaign.terms.contains { $0.name.hasPrefix("gap: ") })
  }

  /// What the topology forbids did not happen that way.
  @Test func whatCannotBeReachedIsNoStep() throws {
    let story = """
      00:20 hq-dmz access.login-after-guessing from 203.0.113.66 to 10.10.1.30 ports 22
      01:10 br-servers access.web-attack from 10.10.1.30 to 10.20.2.20 ports 80
      """
    #expect(try incidents(story, directives: false).map(\.kind) == [.multiStage])
    let apart = try incidents(
      story, directives: false, reaches: ["hq-dmz": ["hq-servers", "internet"]])
    #expect(apart.count == 2, "\(lines(apart))")
  }

  /// Within one segment everything passes its sensor: a report from elsewhere is of a forged source.
  @Test func aForgedSourceIsNoStep() throws {
    let story = """
      00:20 hq-dmz access.login-after-guessing from 203.0.113.66 to 10.10.1.30 ports 22
      01:10 internet recon.port-scan from 10.10.1.30 to 10.10.1.40-50 ports 80
      """
    #expect(try incidents(story, directives: false).count == 2)
  }

  // MARK: Twins

  /// A scanner, a busy host that it scans among others, and a flood on the same host.
  @Test func whatOnlyMeetsStaysApart() throws {
    let found = try incidents(
      """
      00:05 hq-dmz recon.port-scan from 198.51.100.9 to 10.10.1.10-40 ports 22,80,443 until 00:30
      00:40 hq-dmz dos.syn-flood from 192.0.2.1-60 to 10.10.1.10 ports 80 until 02:00
      03:00 hq-dmz exfil.bulk-transfer from 10.10.1.10 to 192.0.2.200 ports 443
      04:00 hq-dmz access.brute-force from 198.18.7.7 to 10.10.1.30 ports 22 until 04:30
      """)
    #expect(!found.contains { $0.kind == .multiStage }, "\(lines(found))")
    #expect(found.count == 4)
  }

  /// Whoever is guessed at by the whole world, and fails nobody, and then sends much somewhere.
  @Test func aFailedGuessExplainsNoTransfer() throws {
    let found = try incidents(
      """
      00:05 hq-dmz access.brute-force from 198.18.7.7 to 10.10.1.21 ports 22 until 00:30
      01:00 hq-dmz exfil.bulk-transfer from 10.10.1.21 to 192.0.2.200 ports 443
      """, directives: false)
    #expect(found.count == 2, "\(lines(found))")
  }

  @Test func neighboursWhoDoNotTakeTurnsAreStrangers() throws {
    for (guess, until) in [("00:08", "00:30"), ("40:00", "40:30")] {
      let found = try incidents(
        """
        00:05 hq-dmz recon.port-scan from 203.0.113.94 to 10.10.1.30 ports 22 until 00:20
        \(guess) hq-dmz access.brute-force from 203.0.113.66 to 10.10.1.30 ports 22 until \(until)
        """)
      #expect(found.count == 2, "\(lines(found))")
    }
  }

  @Test func neighboursWhoDoAlikeAreStrangers() throws {
    let found = try incidents(
      """
      00:05 hq-dmz access.web-attack from 203.0.113.66 to 10.10.1.10 ports 80 until 00:14
      00:15 hq-dmz recon.web-scan from 203.0.113.120 to 10.10.1.10 ports 80 until 00:20
      """)
    #expect(found.count == 2, "\(lines(found))")
  }

  /// Unless the scan has only begun to be told of.
  @Test func anotherServiceIsAnothersKnowledge() throws {
    let reports = try ReportText(
      """
      00:05 hq-dmz recon.port-scan from 203.0.113.94 to 10.10.1.30 ports 80,443 until 00:20
      00:30 hq-dmz access.brute-force from 203.0.113.66 to 10.10.1.30 ports 22 until 00:50
      """, schema: Self.schema
    ).reports
    for revision in [0, 1] as [UInt32] {
      var engine = AttackChains(try context(.domain))
      var sink = ReportSink(monitor: engine.context.monitor, tier: .domain)
      for report in reports {
        var report = report
        report.revision = revision
        engine.analyse(report, into: &sink)
      }
      engine.runDeadlines(through: ReportText.start + .hours(1), into: &sink)
      #expect(sink.drain().isEmpty == (revision > 0))
    }
  }

  @Test func twoCampaignsAtOnceStayTwo() throws {
    let found = try incidents(
      """
      00:05 hq-dmz recon.port-scan from 198.51.100.9 to 10.10.1.10-12 ports 80 until 00:20
      00:06 hq-dmz recon.port-scan from 203.0.113.94 to 10.10.1.30-32 ports 22 until 00:21
      00:30 hq-dmz access.web-attack from 198.51.100.9 to 10.10.1.10 ports 80 until 00:50
      00:31 hq-dmz access.brute-force from 203.0.113.94 to 10.10.1.30 ports 22 until 00:51
      00:51 hq-dmz access.login-after-guessing from 203.0.113.94 to 10.10.1.30 ports 22
      01:10 hq-dmz access.reverse-shell from 198.51.100.9 to 10.10.1.10 ports 4444
      """)
    #expect(found.map(\.kind) == [.multiStage, .multiStage], "\(lines(found))")
    #expect(
      Set(found.map { text($0, "root") ?? "" }) == ["198.51.100.9", "203.0.113.94"])
  }

  // MARK: Bounds

  @Test func aFloodOfScansDoesNotPushOutWhoGotIn() throws {
    var context = try context(.domain, directives: false)
    context.limits.overrides = ["campaigns.acts": 64]
    var engine = AttackChains(context)
    var sink = ReportSink(monitor: context.monitor, tier: .domain)
    var lines = [
      "00:05 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.30 ports 22"
    ]
    for number in 0..<600 {
      lines.append(
        "01:\(10 + number % 50) internet recon.port-scan from 198.18.\(number / 250).\(number % 250)"
          + " to 10.10.1.30 ports 22 id \(number)")
    }
    lines.append("09:00 hq-servers recon.port-scan from 10.10.1.30 to 10.10.3.8-40 ports 22")
    for report in try ReportText(lines.joined(separator: "\n"), schema: Self.schema).reports {
      engine.analyse(report, into: &sink)
    }
    engine.runDeadlines(through: ReportText.start + .hours(1), into: &sink)
    let told = sink.drain()
    #expect(told.last?.attributes["stages"] == .text("access,recon"))
    #expect(engine.acts.count <= 64)
    #expect(engine.losses > 0)
  }

  /// A child may exchange the hosts of a report with each revision.
  @Test func hostsThatARevisionNamesNoMoreAreForgotten() throws {
    var engine = AttackChains(try context(.domain, directives: false))
    var sink = ReportSink(monitor: engine.context.monitor, tier: .domain)
    let reports = try ReportText(
      """
      00:05 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.30-31 ports 22
      00:06 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.40 ports 22
      """, schema: Self.schema
    ).reports
    let first = try #require(reports.first)
    var second = try #require(reports.last)
    second.id = first.id
    second.revision = 1
    for report in [first, second] { engine.analyse(report, into: &sink) }
    let given = try ["10.10.1.30", "10.10.1.31", "10.10.1.40"].map { host in
      var count = 0
      engine.footholds.eachGiver(at: try #require(IPAddress(host))) { _ in count += 1 }
      engine.footholds.eachTaker(at: try #require(IPAddress(host))) { _ in count += 1 }
      return count > 0
    }
    #expect(given == [false, false, true])
  }
}
