import Analysis
import Reports
import Response
import Terms
import Testing

@testable import Correlation

@Suite struct FusionTests {
  @Test func oneScanSeenByThreeMonitorsIsOneIncident() throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.5-9 ports 22
      00:06 internet recon.port-scan from 203.0.113.9 to 10.10.1.1-60 ports 22
      00:09 br-office recon.port-scan from 203.0.113.9 to 10.20.1.5-9 ports 22
      """)
    #expect(tree.domainIncidents.count == 3)
    #expect(lines(tree.enterpriseIncidents) == ["recon.port-scan by 203.0.113.9 on 67 ports 22"])
    let incident = try #require(tree.enterpriseIncidents.first)
    #expect(incident.confidence > 0.9)
    #expect(incident.evidence.map(\.monitor.text) == ["br-office", "hq-dmz", "internet"])
    #expect(incident.derivedFrom.count == 3)
  }

  @Test func differentAttackersStayApart() throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.5 ports 22
      00:06 hq-dmz recon.port-scan from 203.0.113.7 to 10.10.1.5 ports 22
      00:07 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22
      """)
    #expect(tree.enterpriseIncidents.count == 3)
  }

  @Test func aSprayTakesOverWhatItsServersTold() throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22
      00:30 hq-dmz access.password-spray from 203.0.113.9 to 10.10.1.5-14 ports 22
      00:40 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.7 ports 22
      00:50 hq-dmz access.brute-force from 203.0.113.7 to 10.10.1.7 ports 22
      """)
    #expect(
      lines(tree.enterpriseIncidents).sorted() == [
        "access.brute-force by 203.0.113.7 on 10.10.1.7 ports 22",
        "access.password-spray by 203.0.113.9 on 10 ports 22",
      ])
  }

  /// The pings in the victim's name that make others answer to it are part of a smurf; those that the
  /// others get from somebody else are not.
  @Test(arguments: [("10.10.1.10", 1), ("203.0.113.7", 2)])
  func whatReflectorsGetInTheVictimsNameIsPartOfTheAttack(source: String, incidents: Int) throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz dos.smurf from 10.10.2.3-9 to 10.10.1.10
      00:06 hq-office dos.icmp-flood from \(source) to 10.10.2.255
      """)
    #expect(tree.enterpriseIncidents.count == incidents)
    #expect(tree.enterpriseIncidents.contains { $0.kind == .smurf })
  }

  @Test func aTunnelThroughAForwarderIsOneIncident() throws {
    let tree = try TestTree(
      """
      00:05 hq-office exfil.dns-tunnel from 10.10.2.9 to 10.10.2.2 domain t.example
      00:06 internet exfil.dns-tunnel from 10.10.2.2 to 198.51.100.2 domain t.example
      00:07 internet exfil.dns-tunnel from 10.10.2.2 to 198.51.100.9 domain other.example
      """)
    #expect(
      lines(tree.enterpriseIncidents).sorted() == [
        "exfil.dns-tunnel by 10.10.2.2 on 198.51.100.9 ports ",
        "exfil.dns-tunnel by 10.10.2.2,10.10.2.9 on 10.10.2.2,198.51.100.2 ports ",
      ])
  }

  /// Whoever calls it, from wherever: one place that commands several hosts is one incident.
  @Test func hostsThatCallOnePlaceAreOneIncident() throws {
    let tree = try TestTree(
      """
      00:05 hq-office c2.beacon from 10.10.2.9 to 198.51.100.2 ports 443
      01:30 hq-office c2.beacon from 10.10.2.30 to 198.51.100.2 ports 443
      03:10 br-office c2.beacon from 10.20.1.7 to 198.51.100.2 ports 443
      03:20 br-office c2.beacon from 10.20.1.8 to 198.51.100.77 ports 443
      """)
    #expect(
      lines(tree.enterpriseIncidents).sorted() == [
        "c2.beacon by 10.10.2.9,10.10.2.30,10.20.1.7 on 198.51.100.2 ports 443",
        "c2.beacon by 10.20.1.8 on 198.51.100.77 ports 443",
      ])
  }

  @Test func whatOneScannerDoesToItsTargetsIsOneIncident() throws {
    let tree = try TestTree(
      """
      00:01 hq-dmz recon.ping-sweep from 203.0.113.9 to 10.10.1.5-30
      00:05 hq-dmz recon.service-probe from 203.0.113.9 to 10.10.1.5-6 ports 22
      00:06 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.5-9 ports 22
      00:20 hq-dmz recon.os-fingerprint from 203.0.113.9 to 10.10.1.5
      00:21 hq-dmz recon.os-fingerprint from 203.0.113.9 to 10.20.1.5
      00:21 hq-dmz recon.os-fingerprint from 203.0.113.7 to 10.10.1.5
      """)
    #expect(
      lines(tree.enterpriseIncidents).sorted() == [
        "recon.os-fingerprint by 203.0.113.7 on 10.10.1.5 ports ",
        "recon.port-scan by 203.0.113.9 on 27 ports 22",
      ])
  }

  @Test func twoToldIncidentsThatProveToBeOneLeaveOneRow() throws {
    let text = """
      00:01 hq-dmz recon.os-fingerprint from 203.0.113.9 to 10.10.1.5
      00:02 hq-dmz recon.service-probe from 203.0.113.9 to 10.10.1.6 ports 22
      01:00 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.5-9 ports 22
      """
    var monitor = try TestMonitor("hq", .domain)
    let told = monitor.run(try TextScenario(text).reports)
    let parts = told.filter { $0.partOf != nil }
    let part = try #require(parts.first)
    let whole = try #require(told.last { $0.kind == .portScan })
    #expect(parts.count == 1)
    #expect(part.partOf == whole.id && part.id != whole.id)
    // It is the next revision of a row that was there before.
    #expect(told.contains { $0.id == part.id && $0.partOf == nil && $0.revision < part.revision })
    #expect(
      lines(try TestTree(text).enterpriseIncidents) == [
        "recon.port-scan by 203.0.113.9 on 5 ports 22"
      ])
  }

  /// Only its time says that the search for pages was part of the attack, and that is known late.
  @Test func whatLastsLongerTakesInWhatBeganMeanwhile() throws {
    let text = """
      00:00 hq-dmz access.web-attack from 203.0.113.9 to 10.10.1.5 ports 80 id a
      05:00 hq-dmz recon.web-scan from 203.0.113.9 to 10.10.1.5 ports 80 until 05:05 id b
      06:00 hq-dmz access.web-attack from 203.0.113.9 to 10.10.1.5 ports 80 until 06:00 id a revision 1
      """
    var monitor = try TestMonitor("hq", .domain)
    let told = monitor.run(try TextScenario(text).reports)
    let whole = try #require(told.last { $0.kind == .webAttack })
    #expect(told.filter { $0.partOf != nil }.map(\.partOf) == [whole.id])
  }

  /// One that grows is told again each 5 s; one that only lasts longer, once it is over.
  @Test(arguments: [(true, 4...6), (false, 2...2)])
  func aRevisionRevisesAndIsRateLimited(grows: Bool, times: ClosedRange<Int>) throws {
    let text = (0..<20).map {
      "00:\($0) hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 "
        + "ports 22\(grows ? ",\($0 + 8000)" : "") id a revision \($0)"
    }
    var monitor = try TestMonitor("hq", .domain)
    let output = try monitor.run(TextScenario(text.joined(separator: "\n")).reports)
    #expect(Set(output.map(\.id)).count == 1)
    #expect(output.map(\.revision) == Array(0..<UInt32(output.count)))
    #expect(times.contains(output.count))
    #expect(Set(output.map(\.raised)).count == 1)
    #expect(output.last?.last == output.map(\.last).max())
  }

  @Test func aRestartedMonitorSaysTheSameAgain() throws {
    let reports = try TextScenario(DistributedScanTests.scan + "\n" + WormPropagationTests.worm)
      .reports
    var before = try TestMonitor("hq", .domain)
    var after = try TestMonitor("hq", .domain)
    let first = before.run(reports)
    #expect(first == after.run(reports.reversed()))
  }

  @Test func everyConclusionFitsTheSchemaAndSaysWhy() throws {
    let text = [DistributedScanTests.scan, DistributedFloodTests.flood, WormPropagationTests.worm]
    for incident in try TestTree(text.joined(separator: "\n")).enterpriseIncidents {
      try TestSchema.schema.check(incident)
      #expect(incident.terms.contains { $0.threshold != nil })
      #expect(!incident.derivedFrom.isEmpty)
    }
  }

  @Test func informationalReportsOpenNothing() throws {
    let tree = try TestTree(
      "00:05 hq-servers recon.port-scan from 10.10.3.8 to 10.10.1.5-9 ports 22 severity 2")
    #expect(tree.domainIncidents.isEmpty && tree.enterpriseIncidents.isEmpty)
  }

  @Test func failuresThatAddUpOverSegmentsAreASlowScan() throws {
    let text = (0..<14).map {
      "\($0 * 7):05 \(["hq-dmz", "hq-office", "br-office"][$0 % 3]) fails from 203.0.113.9"
        + " to \(["10.10.1.", "10.10.2.", "10.20.1."][$0 % 3])\(20 + $0) ports 22"
    }
    let tree = try TestTree(text.joined(separator: "\n"))
    #expect(tree.domainIncidents.isEmpty)
    #expect(lines(tree.enterpriseIncidents) == ["recon.slow-scan by 203.0.113.9 on 14 ports 22"])
  }

  @Test func aPollerThatMissesItsDeadHostsInOneRoundIsNoScan() throws {
    let tree = try TestTree(
      "00:05 hq-servers fails from 10.10.3.9 to 10.10.1.60-90 ports 161")
    #expect(tree.enterpriseIncidents.isEmpty)
  }

  @Test func twoTapsOnOnePathDoNotCountTwice() throws {
    let reports = try TextScenario(
      """
      00:05 hq-office fails from 10.10.2.4 to 10.10.3.1-6 ports 22
      00:05 hq-servers fails from 10.10.2.4 to 10.10.3.1-6 ports 22
      00:05 hq-dmz fails from 10.10.2.4 to 10.10.1.1-6 ports 22
      """
    ).reports
    var monitor = try TestMonitor("hq", .domain)
    let merged = monitor.run(reports).filter { $0.reportClass == .evidence }
    #expect(merged.count == 1)
    guard case .contacts(let rows)? = merged.first?.summary else {
      Issue.record("no rows")
      return
    }
    #expect(rows.count == 1)
    #expect(rows.first?.failures == 12)
    #expect(rows.first?.failedTargets.count == 12)
    #expect(merged.first?.derivedFrom.count == 3)
    #expect(merged.first?.coverage.segments == ["hq-dmz", "hq-office", "hq-servers"])
  }

  @Test func evidenceBeyondTheRowLimitIsCoarsenedByPrefix() throws {
    let reports = try TextScenario(
      "00:05 hq-dmz fails from 1.2.3.1-60 to 10.10.1.1 ports 80"
    ).reports
    struct Fault: Error {}
    guard let name = MonitorName("hq") else { throw Fault() }
    var limits = LimitTable()
    limits.overrides["evidence-merging.rows"] = 8
    let context = CorrelationContext(
      monitor: name, tier: .domain, limits: limits, schema: TestSchema.schema)
    var engine = EvidenceMerging(context)
    var sink = ReportSink(monitor: name, tier: .domain)
    for report in reports { engine.analyse(report, into: &sink) }
    engine.runDeadlines(through: TextScenario.start + .minutes(1), into: &sink)
    guard case .contacts(let rows)? = sink.drain().first?.summary else { throw Fault() }
    #expect(rows.map(\.source.description) == ["1.2.3.0/24"])
    #expect(rows.first?.failures == 60)
  }
}

@Suite struct AnomalyFoldingTests {
  @Test func anOutageIsPartOfTheFloodThatCausesIt() throws {
    for order in [0, 1] {
      let lines = [
        "00:0\(5 + order) hq-dmz anomaly.service-down from 10.10.2.5 to 10.10.1.10 ports 80",
        "00:0\(6 - order) hq-dmz dos.slow-http from 203.0.113.9 to 10.10.1.10 ports 80",
      ]
      let tree = try TestTree(lines.joined(separator: "\n"))
      #expect(tree.enterpriseIncidents.map(\.kind.text) == ["dos.slow-http"])
    }
  }

  @Test func anOddHostIsPartOfWhatItDid() throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz anomaly.profile from 10.10.2.30 to 10.10.2.30
      00:16 hq-dmz access.brute-force from 10.10.2.30 to 10.10.1.10 ports 22
      """)
    #expect(tree.enterpriseIncidents.map(\.kind.text) == ["access.brute-force"])
  }

  @Test func anOutageByItselfIsAnIncident() throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz anomaly.service-down from 10.10.2.5 to 10.10.1.10 ports 80
      00:06 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.3.5-9 ports 22
      """)
    #expect(
      Set(tree.enterpriseIncidents.map(\.kind.text)) == ["anomaly.service-down", "recon.port-scan"])
  }
}
