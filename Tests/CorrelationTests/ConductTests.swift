import Analysis
import Reports
import Response
import Terms
import Testing

@testable import Correlation

/// What children of `hq` say, and what its monitor concludes of their conduct. The shipped schema.
@Suite struct ConductTests {
  private func told(
    _ text: String, domain: String = "hq",
    change: (inout [Report]) -> Void = { _ in }
  ) throws -> [String] {
    let monitor = try #require(MonitorName(domain))
    var context = CorrelationContext(
      monitor: monitor, tier: .domain, schema: ShippedDirectives.schema,
      home: TestMonitor.segments.values.flatMap { $0 }.sorted(), segments: TestMonitor.segments)
    for (segment, prefixes) in TestMonitor.segments {
      guard let name = MonitorName(segment) else { continue }
      context.duties[name] = ChildDuty(
        monitors: [name], segments: [segment], prefixes: prefixes.isEmpty ? nil : prefixes)
    }
    var reports = try TextScenario(text).reports
    change(&reports)
    var engines: [any AnalysisEngine<Report>] = [
      FloodingChild(context), ChildClock(context), ForgedReports(context),
      SilenceUnderAttack(context),
    ]
    var sink = ReportSink(monitor: monitor, tier: .domain)
    for report in reports.sorted(by: { $0.emitted < $1.emitted }) {
      for index in engines.indices {
        engines[index].runDeadlines(through: report.emitted, into: &sink)
        engines[index].analyse(report, into: &sink)
      }
    }
    for index in engines.indices {
      engines[index].runDeadlines(through: TextScenario.start + .hours(9), into: &sink)
    }
    var newest: [ReportID: Report] = [:]
    for report in sink.drain() {
      try ShippedDirectives.schema.check(report)
      newest[report.id] = report
    }
    return newest.values.map { report in
      guard case .text(let child)? = report.attributes["monitor"],
        case .text(let reason)? = report.attributes["reason"]
      else { return "\(report.kind)" }
      return "\(report.kind) of \(child): \(reason)"
    }.sorted()
  }

  /// What the monitor notes of a child's silence, as its lane puts it.
  private func silence(of child: String, at seconds: Double) throws -> Report {
    let monitor = try #require(MonitorName("hq"))
    let time = TextScenario.start + .seconds(seconds)
    var report = ReportSink(monitor: monitor, tier: .domain).opening(
      .monitorSilent, subject: child, first: time, last: time, at: time, severity: 1,
      confidence: 1)
    report.attributes["monitor"] = .text(child)
    return report
  }

  // MARK: Silence

  private static let flood = "02:00 hq-office dos.syn-flood from 203.0.113.9 to 10.10.1.5 ports 80"

  @Test func aChildThatFallsSilentWhileItsHostsAreAttackedIsReported() throws {
    let silence = try silence(of: "hq-dmz", at: 180)
    #expect(
      try told(Self.flood) { $0.append(silence) }
        == ["health.monitor-silent of hq-dmz: silent during dos.syn-flood"])
  }

  /// The same flood, and another child's restart; the same restart an hour later.
  @Test func aMaintenanceRestartIsNoSilenceDuringAnAttack() throws {
    let elsewhere = try silence(of: "hq-servers", at: 180)
    let later = try silence(of: "hq-dmz", at: 3900)
    #expect(try told(Self.flood) { $0 += [elsewhere, later] } == [])
  }

  @Test func whatIsOnlyOddMakesNoAttack() throws {
    let silence = try silence(of: "hq-dmz", at: 180)
    let odd = "02:00 hq-dmz anomaly.profile from 10.10.1.5 to 10.10.1.6 ports 80 severity 5"
    #expect(try told(odd) { $0.append(silence) } == [])
  }

  // MARK: Forgery

  @Test func aChildThatSpeaksOfSegmentsItDoesNotWatchIsReported() throws {
    let text = (1...4).map {
      "0\($0):00 hq-dmz recon.port-scan from 203.0.113.\($0) to 10.10.1.5 ports 22"
    }.joined(separator: "\n")
    #expect(try told(text) == [])
    #expect(
      try told(text) { reports in
        for index in reports.indices { reports[index].coverage.segments = ["hq-servers"] }
      } == ["health.forged-reports of hq-dmz: segments that it does not watch"])
    let stranger = try #require(MonitorName("br-office"))
    #expect(
      try told(text) { reports in
        for index in reports.indices {
          reports[index].evidence = [Evidence(monitor: stranger, capture: "x", packets: [1])]
        }
      } == ["health.forged-reports of hq-dmz: packets of monitors that are not below it"])
  }

  @Test func revisionsThatRunBackAreReported() throws {
    func lines(_ revisions: [Int]) -> String {
      revisions.enumerated().map { index, revision in
        "0\(index):00 hq-dmz recon.port-scan from 203.0.113.1 to 10.10.1.5 ports 22 id a "
          + "revision \(revision)"
      }.joined(separator: "\n")
    }
    #expect(try told(lines([0, 1, 2, 5, 7])) == [])
    #expect(
      try told(lines([7, 5, 4, 3, 2]))
        == ["health.forged-reports of hq-dmz: revisions that run back"])
    #expect(
      try told(lines([1, 1, 1, 1]))
        == ["health.forged-reports of hq-dmz: one revision with two contents"])
  }

  private static let claims = (0..<40).map {
    "0\($0 / 10):\(10 + $0) hq-office recon.port-scan from 203.0.113.\($0) to 10.10.3.\($0) ports 22"
  }

  /// Forty scans of the servers, told by the office alone.
  @Test func claimsThatTheirOwnerDeniesAreReported() throws {
    let reason = "hosts of another child, of which that one says nothing"
    #expect(
      try told(Self.claims.joined(separator: "\n"))
        == ["health.forged-reports of hq-office: \(reason)"])
  }

  /// A tap that sees what passes is no forger: the servers' own monitor sees it too, before or after.
  @Test(arguments: [-60.0, 60.0]) func claimsThatTheirOwnerConfirmsAreNot(shift: Double) throws {
    let seen = Self.claims.map { $0.replacing("hq-office", with: "hq-servers") }
    #expect(
      try told((Self.claims + seen).joined(separator: "\n")) { reports in
        for index in reports.indices where reports[index].monitor.text == "hq-servers" {
          reports[index].first = reports[index].first + .seconds(shift)
          reports[index].last = reports[index].first
          reports[index].raised = reports[index].first
          reports[index].emitted = reports[index].first
        }
      } == [])
  }

  /// Evidence of the owner confirms as well as a verdict.
  @Test func evidenceConfirms() throws {
    let rows = (0..<4).map {
      "0\($0):59 hq-servers fails from 203.0.113.9 to 10.10.3.\($0 * 10)-\($0 * 10 + 9) ports 22"
    }
    #expect(try told((Self.claims + rows).joined(separator: "\n")) == [])
  }

  /// Nor is one whose own hosts attack those of others.
  @Test func aChildWhoseHostsAttackOthersIsNoForger() throws {
    let text = (0..<40).map {
      "0\($0 / 10):\(10 + $0) hq-office recon.port-scan from 10.10.2.7 to 10.10.3.\($0) ports 22"
    }.joined(separator: "\n")
    #expect(try told(text) == [])
  }

  /// With the servers' monitor dead, nobody could confirm it.
  @Test func aDeadOwnerDeniesNothing() throws {
    let silence = try silence(of: "hq-servers", at: 1)
    #expect(try told(Self.claims.joined(separator: "\n")) { $0.append(silence) } == [])
  }

  // MARK: Times

  @Test func timesThatCannotBeAreReported() throws {
    let text = (1...4).map {
      "0\($0):00 hq-dmz recon.port-scan from 203.0.113.\($0) to 10.10.1.5 ports 22"
    }.joined(separator: "\n")
    #expect(
      try told(text) { reports in
        for index in reports.indices { reports[index].last = reports[index].emitted + .hours(1) }
      } == ["health.clock-skew of hq-dmz: seen after it was told"])
    #expect(
      try told(text) { reports in
        for index in reports.indices { reports[index].first = reports[index].last + .hours(1) }
      } == ["health.clock-skew of hq-dmz: ended before it began"])
    // Two are not plain enough, and what is told late is no wrong time.
    #expect(
      try told(text) { reports in
        reports[0].last = reports[0].emitted + .hours(1)
        for index in reports.indices { reports[index].first = reports[index].last - .hours(20) }
      } == [])
  }
}
