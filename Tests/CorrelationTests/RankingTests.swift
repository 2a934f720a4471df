import Analysis
import Hierarchy
import Monitoring
import Reports
import Response
import Terms
import Testing

@testable import Correlation

/// A site of three web servers, one of which was scanned, and one that nobody knows.
private let site: SiteKnowledge = {
  func address(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified }
  let web = [Service(transport: .tcp, port: 80), Service(transport: .tcp, port: 22)]
  var hosts: [IPAddress: HostFacts] = [:]
  func add(
    _ text: String, value: Int, os: String?, _ services: [Service], _ found: KnownHost? = nil
  ) {
    let asset = Asset(
      name: "asset", segment: "hq-dmz", addresses: [address(text)], value: value,
      services: services, os: os)
    hosts[address(text)] = HostFacts(asset: asset, found: found)
  }
  add("10.10.1.10", value: 3, os: "linux", web)
  add("10.10.1.11", value: 3, os: "windows", web)
  add(
    "10.10.1.12", value: 3, os: nil, [],
    KnownHost(
      os: "linux",
      services: [web[0]: Product(name: "Apache httpd", version: "2.4.49")],
      vulnerabilities: [
        Vulnerability(id: "CVE-2014-6271", service: web[0], state: .confirmed),
        Vulnerability(id: "CVE-2021-44228", service: web[0], state: .absent),
        Vulnerability(id: "CVE-2021-41773", service: web[0], state: .likely, score: 7.5),
      ]))
  add("10.10.1.30", value: 5, os: "linux", web)
  return SiteKnowledge(
    hosts: hosts, home: TestMonitor.segments.values.flatMap { $0 }.sorted(),
    interest: ["recon.*": 0.1])
}()

private let schema = ShippedDirectives.schema

private func rankingLane(_ site: SiteKnowledge = site) throws -> CorrelationLane {
  let monitor = try #require(MonitorName("hq"))
  let context = CorrelationContext(
    monitor: monitor, tier: .domain, schema: schema,
    home: TestMonitor.segments.values.flatMap { $0 }.sorted(), segments: TestMonitor.segments)
  return CorrelationLane(
    name: .live, monitor: monitor, tier: .domain, expecting: [],
    engines: CorrelatorCatalog.engines(context),
    resolver: Resolver(monitor: monitor, tier: .domain, schema: schema, site: site),
    facts: [
      .correlationContext: context, .caseFields: CaseFields(schema: schema, site: site),
    ])
}

/// Every revision of every incident.
private func revisions(_ text: String, _ site: SiteKnowledge = site) throws -> [Report] {
  var lane = try rankingLane(site)
  let child = try #require(MonitorName("tap"))
  lane.expect(child)
  for report in try ReportText(text, schema: schema).reports { lane.receive(report) }
  lane.setWatermark(.distantFuture, of: child)
  return lane.process().filter { $0.reportClass == .incident }
}

private func incidents(_ text: String, _ site: SiteKnowledge = site) throws -> [Report] {
  TestTree.newest(try revisions(text, site))
}

/// The assessment of the one incident that the text makes.
private func assessment(_ text: String) throws -> Assessment {
  let found = try incidents(text)
  #expect(found.count == 1, "\(lines(found))")
  return try #require(found.first?.assessment)
}

private func shellshock(_ target: String, _ more: String = "") -> String {
  "00:05 hq-dmz access.web-attack from 203.0.113.9 to \(target) ports 80 technique=shellshock \(more)"
}

@Suite struct RelevanceTests {
  @Test func whatWorksOnAnotherSystemIsLessRelevant() throws {
    let fitting = try assessment(shellshock("10.10.1.10"))
    let other = try assessment(shellshock("10.10.1.11"))
    #expect(fitting.relevance > Assessment.neutral)
    #expect(other.relevance < Assessment.neutral)
    #expect(fitting.rank > other.rank)
    #expect(other.grounds.contains { $0.name.contains("10.10.1.11 is a windows host") })
    // The other way round: a worm for IIS.
    let codeRed =
      "00:05 hq-dmz access.web-attack from 203.0.113.9 to TARGET ports 80 technique=code-red"
    let linux = try assessment(codeRed.replacing("TARGET", with: "10.10.1.10"))
    let windows = try assessment(codeRed.replacing("TARGET", with: "10.10.1.11"))
    #expect(linux.relevance < Assessment.neutral && windows.relevance > Assessment.neutral)
    // And where the scan saw another product as well, hardly at all.
    let apache = try assessment(codeRed.replacing("TARGET", with: "10.10.1.12"))
    #expect(apache.relevance < linux.relevance)
  }

  @Test func aKnownHoleIsOfTheHighestRelevance() throws {
    let known = try assessment(shellshock("10.10.1.12"))
    #expect(known.relevance == 255)
    #expect(known.rank > (try assessment(shellshock("10.10.1.10"))).rank)
    let likely = try assessment(
      "00:05 hq-dmz access.signature from 203.0.113.9 to 10.10.1.12 ports 80 references=cve,2021-41773"
    )
    #expect(likely.relevance > 230 && likely.relevance < 255)
    let absent = try assessment(
      "00:05 hq-dmz access.web-attack from 203.0.113.9 to 10.10.1.12 ports 80 technique=log4shell")
    #expect(absent.relevance < Assessment.neutral)
    let notFound = try assessment(
      "00:05 hq-dmz access.signature from 203.0.113.9 to 10.10.1.12 ports 80 references=cve,2022-0001"
    )
    #expect(notFound.relevance < likely.relevance && notFound.relevance > absent.relevance)
  }

  @Test func whatNobodyKnowsIsNeutral() throws {
    // Neither an asset nor scanned.
    let stranger = try assessment(shellshock("10.10.1.99"))
    #expect(stranger.relevance == Assessment.neutral)
    #expect(stranger.value == 1 && stranger.grounds.isEmpty)
    // A kind that depends on nothing.
    let scan = try assessment(
      "00:05 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.10 ports 21,22,23")
    #expect(scan.relevance == Assessment.neutral && scan.value == 3)
    // A site of which nothing is known at all.
    let bare = try #require(try incidents(shellshock("10.10.1.12"), .none).first?.assessment)
    #expect(bare.relevance == Assessment.neutral)
  }

  @Test func aServiceThatDoesNotRunIsNotAttackedInEarnest() throws {
    let offered = try assessment(
      "00:05 hq-dmz access.overflow from 203.0.113.9 to 10.10.1.10 ports 80")
    let absent = try assessment(
      "00:05 hq-dmz access.overflow from 203.0.113.9 to 10.10.1.10 ports 445")
    #expect(offered.relevance > Assessment.neutral && absent.relevance < Assessment.neutral)
    // A rule matched on what a client was sent: the port is the server's, and says nothing.
    let client = try assessment(
      "00:05 hq-dmz access.signature from 203.0.113.9 to 10.10.1.10 ports 8443 metadata=x")
    #expect(client.relevance == Assessment.neutral)
  }

  @Test func aRulesAuthorSaysWhatItIsAbout() throws {
    let text =
      "00:05 hq-dmz access.signature from 203.0.113.9 to TARGET ports 80 metadata=affected_product"
    func relevance(_ target: String, _ product: String) throws -> UInt8 {
      var report = try #require(
        try ReportText(text.replacing("TARGET", with: target), schema: schema).reports.first)
      report.attributes["metadata"] = .text("affected_product \(product), attack_target Server")
      var lane = try rankingLane(site)
      let child = try #require(MonitorName("tap"))
      lane.expect(child)
      lane.receive(report)
      lane.setWatermark(.distantFuture, of: child)
      return try #require(lane.process().first?.assessment).relevance
    }
    let windows = "Windows_XP_Vista_7_8_10_Server_32_64_Bit"
    #expect(try relevance("10.10.1.10", windows) < Assessment.neutral)
    #expect(try relevance("10.10.1.11", windows) > Assessment.neutral)
    #expect(try relevance("10.10.1.12", "IIS") < Assessment.neutral)
    #expect(try relevance("10.10.1.12", "Apache_HTTP_server") > Assessment.neutral)
  }

  /// One attacker's requests are one incident: the one that fits counts, and those that do not take
  /// nothing from it.
  @Test func ofSeveralTechniquesTheOneThatFitsCounts() throws {
    let several = try assessment(
      """
      00:05 hq-dmz access.web-attack from 203.0.113.9 to 10.10.1.12 ports 80 technique=code-red
      00:06 hq-dmz access.web-attack from 203.0.113.9 to 10.10.1.12 ports 80 technique=traversal
      00:07 hq-dmz access.web-attack from 203.0.113.9 to 10.10.1.12 ports 80 technique=shellshock
      """)
    #expect(several.relevance == 255)
    let rules = try assessment(
      """
      00:05 hq-dmz access.signature from 203.0.113.9 to 10.10.1.12 ports 80 references=cve,2001-0500
      00:06 hq-dmz access.signature from 203.0.113.9 to 10.10.1.12 ports 80 references=cve,2014-6271
      """)
    #expect(rules.relevance == 255)
  }

  @Test func ofSeveralTargetsTheOneThatMattersMostCounts() throws {
    let both = try assessment(shellshock("10.10.1.11,10.10.1.12"))
    #expect(both.host == IPAddress("10.10.1.12"))
    #expect(both.relevance == 255)
  }
}

@Suite struct OutcomeTests {
  private func outcome(_ text: String) throws -> Assessment.Outcome { try assessment(text).outcome }

  @Test func anAnswerTellsWhetherARequestSucceeded() throws {
    let refused = try assessment(shellshock("10.10.1.10", "status=404 successes=0 hits=0"))
    let answered = try assessment(shellshock("10.10.1.10", "status=200 successes=1 hits=1"))
    #expect(refused.outcome == .failed && answered.outcome == .succeeded)
    #expect(refused.rank < answered.rank)
    // A page that is open to all answers an injection as it answers anybody.
    #expect(
      try outcome(
        "00:05 hq-dmz access.web-attack from 203.0.113.9 to 10.10.1.10 ports 80 technique=sqli status=200 successes=3"
      ) == .unknown)
  }

  @Test func guessingFailsUntilItSucceeds() throws {
    let guessing = """
      00:05 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.30 ports 22 attempts=40 failures=40
      """
    #expect(try outcome(guessing) == .failed)
    let login = "\n00:40 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.30 ports 22"
    let all = try revisions(guessing + login)
    #expect(Set(all.map(\.id)).count == 1)
    let (first, last) = (try #require(all.first?.assessment), try #require(all.last?.assessment))
    #expect(first.outcome == .failed && last.outcome == .succeeded)
    #expect(first.rank < last.rank)
  }

  @Test func aVictimThatAttacksWasTaken() throws {
    let turned = try incidents(
      """
      00:05 hq-dmz access.overflow from 203.0.113.9 to 10.10.1.30 ports 80
      01:05 hq-servers recon.port-scan from 10.10.1.30 to 10.10.3.5-20 ports 22
      01:30 hq-servers access.overflow from 10.10.1.30 to 10.10.3.9 ports 22
      """)
    let top = try #require(turned.first?.assessment)
    #expect(top.outcome == .succeeded, "\(lines(turned))")
    #expect(top.grounds.contains { $0.name.hasPrefix("succeeded: ") })
  }

  @Test func aFloodSucceedsWhenItsTargetStopsAnswering() throws {
    let flood = "00:05 hq-dmz dos.syn-flood from 203.0.113.9 to 10.10.1.10 ports 80"
    #expect(try outcome(flood) == .unknown)
    #expect(
      try outcome(
        flood + "\n00:12 hq-dmz anomaly.service-down to 10.10.1.10 ports 80") == .succeeded)
    #expect(
      try incidents(
        flood + "\n00:12 hq-dmz anomaly.service-down to 10.10.1.30 ports 22"
      ).allSatisfy { $0.assessment?.outcome == .unknown })
  }

  @Test func whatSucceededRunsWhateverWasKnown() throws {
    let login = try assessment(
      "00:05 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.10 ports 2222")
    #expect(login.outcome == .succeeded)
    #expect(login.relevance == Assessment.neutral)
  }

  @Test func theParentKnowsWhatItsChildSaw() throws {
    let below = try incidents(
      """
      00:05 hq-dmz dos.syn-flood from 203.0.113.9 to 10.10.1.10 ports 80
      00:12 hq-dmz anomaly.service-down to 10.10.1.10 ports 80
      """)
    #expect(below.map(\.kind) == [.synFlood])
    var lane = try rankingLane(site)
    let child = try #require(MonitorName("hq"))
    lane.expect(child)
    for report in below { lane.receive(report) }
    lane.setWatermark(.distantFuture, of: child)
    #expect(lane.process().compactMap { $0.assessment?.outcome } == [.succeeded])
  }
}

@Suite struct RankOrderTests {
  @Test func interestIsTheSites() throws {
    let scan =
      "00:05 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.30 ports 21,22,23 severity 6"
    let mild = try assessment(scan)
    #expect(mild.interest == 0.1)
    let overflow = try assessment(
      "00:05 hq-dmz access.overflow from 203.0.113.9 to 10.10.1.30 ports 80 severity 6")
    #expect(overflow.interest == 0.6)
    #expect(mild.rank < overflow.rank)
  }

  /// A class stays while confidence wavers at its edge.
  @Test func aClassOutlastsSmallChanges() throws {
    var text = ""
    for (step, severity) in [5.0, 5.2, 5.0, 5.2, 5.1, 5.0].enumerated() {
      text += "0\(step):05 hq-dmz access.overflow id a from 203.0.113.9 to 10.10.1.99 ports 80 "
      text += "severity \(severity) confidence 0.\(step % 2 == 0 ? 60 : 66)\n"
    }
    var reports = try ReportText(text, schema: schema).reports
    for index in reports.indices { reports[index].revision = UInt32(index) }
    var lane = try rankingLane(site)
    let child = try #require(MonitorName("tap"))
    lane.expect(child)
    for report in reports { lane.receive(report) }
    lane.setWatermark(.distantFuture, of: child)
    let told = lane.process().compactMap(\.assessment)
    #expect(told.count >= 4)
    #expect(Set(told.map(\.rank)).count > 1)
    #expect(Set(told.map(\.rankClass)).count == 1)
  }

  /// A lane that is put away and taken up at any point ranks as an undisturbed one.
  @Test func ranksAreTheSameAfterARestart() throws {
    let text = """
      00:05 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.30 ports 22 attempts=40 failures=40
      00:06 hq-dmz access.web-attack from 203.0.113.77 to 10.10.1.12 ports 80 technique=shellshock
      00:40 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.30 ports 22
      01:00 hq-dmz access.overflow from 203.0.113.5 to 10.10.1.11 ports 445
      """
    let reports = try ReportText(text, schema: schema).reports
    let child = try #require(MonitorName("tap"))
    func run(restarting: Bool) throws -> [Report] {
      var lane = try rankingLane(site)
      lane.expect(child)
      var output: [Report] = []
      for report in reports {
        if restarting {
          let state = try lane.state()
          lane = try rankingLane()
          try lane.restore(state)
        }
        lane.receive(report)
        lane.setWatermark(report.emitted, of: child)
        output += lane.process()
      }
      lane.setWatermark(.distantFuture, of: child)
      return output + lane.process()
    }
    let undisturbed = try run(restarting: false)
    #expect(undisturbed.contains { $0.assessment?.relevance == 255 })
    #expect(try run(restarting: true) == undisturbed)
  }
}
