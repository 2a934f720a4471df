import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct SessionClassTests {
  private func story() throws -> Story<SessionClasses> {
    try Story(SessionClasses(DetectionContext()))
  }

  private func told(_ story: inout Story<SessionClasses>) -> [Report] {
    story.finish().filter { $0.severity > Report.informationalSeverity }
  }

  @Test func theTablesAreProbabilities() {
    let count = SessionModel.Hypothesis.allCases.count
    #expect(SessionModel.prior.count == count)
    #expect(SessionModel.tables.count == SessionModel.Leaf.allCases.count)
    for (leaf, table) in zip(SessionModel.Leaf.allCases, SessionModel.tables) {
      #expect(table.count == count)
      #expect(table.allSatisfy { $0.count == leaf.stateCount && $0.allSatisfy { $0 > 0 } })
    }
  }

  /// A sweep too slow and too scattered for the counters of others.
  private func sweep(_ story: inout Story<SessionClasses>, from source: String) throws {
    for index in 0..<120 {
      try story.contact(
        index % 12 == 0 ? .established : index % 3 == 0 ? .refused : .unanswered, source,
        "10.1.\(index / 100).\(1 + index % 100)", 445)
      story.wait(0.2)
    }
  }

  @Test func aSweepIsOneOfAddresses() throws {
    var story = try story()
    try sweep(&story, from: "10.9.9.9")
    let reports = told(&story)
    #expect(reports.map(\.story) == ["anomaly.profile 10.9.9.9 > "])
    #expect(reports.first?.text("technique") == "session-class")
    #expect(reports.first?.text("hypothesis") == "IPSWEEP")
    #expect(
      reports.first?.terms.contains { $0.name == "belief in IPSWEEP" && $0.value > 0.8 } == true)
  }

  @Test func doorsOfOneHostAreAPortSweep() throws {
    var story = try story()
    for port in 1...200 as ClosedRange<UInt16> {
      try story.contact(.refused, "10.9.9.9", "10.1.1.5", port)
      story.wait(0.3)
    }
    #expect(told(&story).first?.text("hypothesis") == "PORTSWEEP")
  }

  @Test func aBombOfMailIsOne() throws {
    var story = try story()
    for _ in 0..<600 {
      try story.contact(.established, "10.9.9.9", "10.1.1.25", 25)
      story.wait(0.05)
      try story.session("10.9.9.9", "10.1.1.25", 25, lasting: 0.05, out: 4000, back: 400)
    }
    #expect(told(&story).first?.text("hypothesis") == "MAILBOMB")
  }

  @Test func whatAnotherEngineReportsIsNotToldAgain() throws {
    var story = try story()
    try sweep(&story, from: "10.9.9.9")
    var scan = Report(
      id: ReportID(
        monitor: story.sink.monitor, kind: .portScan, subject: "scan", opened: story.clock),
      kind: .portScan, reportClass: .detection, monitor: story.sink.monitor, tier: .local,
      first: story.clock - .seconds(20), last: story.clock, raised: story.clock,
      emitted: story.clock, severity: 6, confidence: 1)
    scan.sources.insert(try #require(IPAddress("10.9.9.9")))
    for index in 0..<20 { scan.targets.insert(IPAddress(v4: 0x0a01_0001 + UInt32(index))) }
    let before = story.engine.model
    story.engine.hear(scan, into: &story.sink)
    #expect(told(&story).isEmpty)
    // It teaches the sweep's row instead.
    #expect(story.engine.model != before)
    #expect(
      story.engine.model.probability(
        leaf: 2, hypothesis: SessionModel.Hypothesis.http.rawValue, state: 0)
        == before.probability(
          leaf: 2, hypothesis: SessionModel.Hypothesis.http.rawValue, state: 0))
  }

  // MARK: Benign

  @Test func peopleWhoBrowseAreHTTP() throws {
    var story = try story()
    for index in 0..<400 {
      let site = "198.51.\(index / 20).\(1 + index % 7)"
      try story.contact(.established, "10.1.2.11", site, 443)
      story.wait(0.4)
      try story.session("10.1.2.11", site, 443, lasting: 1, out: 900, back: 9000)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func aPollerOfManyHostsIsNoSweep() throws {
    var story = try story()
    for round in 0..<20 {
      for host in 1...60 {
        // Two of the sixty are away.
        let target = "10.1.3.\(host)"
        if host % 30 == 0 {
          try story.contact(.unanswered, "10.1.1.8", target, 9100)
        } else {
          try story.contact(.established, "10.1.1.8", target, 9100)
          try story.session("10.1.1.8", target, 9100, lasting: 0.1, out: 100, back: 5000)
        }
        story.wait(0.1)
      }
      story.wait(Double(round % 3) * 4)
    }
    #expect(told(&story).isEmpty)
  }

  @Test func aMailServerThatReachesMostHostsIsNoSweep() throws {
    var story = try story()
    for index in 0..<110 {
      try story.contact(
        index % 11 < 7 ? .established : index % 2 == 0 ? .refused : .unanswered, "10.1.1.25",
        "198.51.\(index % 5).\(1 + index)", 25)
      story.wait(0.35)
    }
    #expect(told(&story).isEmpty)
  }

  @Test func whoComesBackToHostsThatRefuseSweepsNot() throws {
    var story = try story()
    for _ in 0..<8 {
      for host in 1...14 {
        try story.contact(
          host % 3 == 0 ? .established : .refused, "10.10.3.9", "10.1.1.\(host)", 9100)
      }
      story.wait(5)
    }
    #expect(told(&story).isEmpty)
  }

  @Test func aJobThatLogsInOftenIsNoDictionary() throws {
    var story = try story()
    for _ in 0..<200 {
      try story.contact(.established, "10.1.1.8", "10.1.3.4", 22)
      story.wait(1)
      try story.session("10.1.1.8", "10.1.3.4", 22, lasting: 1, out: 3000, back: 5000)
    }
    #expect(told(&story).isEmpty)
  }

  @Test func clientsOfADeadWebServerAreFailingHTTP() throws {
    var story = try story()
    for _ in 0..<200 {
      try story.contact(.unanswered, "10.1.2.11", "10.1.1.5", 80)
      story.wait(1.5)
    }
    #expect(told(&story).isEmpty)
  }

  @Test func aProxyWithManyConnectionsIsNoAttack() throws {
    var story = try story()
    for index in 0..<800 {
      let site = "198.51.\(index % 200).\(1 + index % 50)"
      try story.contact(.established, "10.1.1.9", site, 443)
      story.wait(0.03)
      if index > 40 {
        try story.session("10.1.1.9", site, 443, lasting: 1, out: 900, back: 9000)
      }
    }
    #expect(told(&story).isEmpty)
  }
}
