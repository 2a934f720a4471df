import Analysis
import Monitoring
import Reports
import Response
import Terms
import Testing

@testable import Correlation

/// Actors followed over hosts and addresses, from text.
@Suite struct ActorTests {
  private static let schema = ShippedDirectives.schema

  private func context(_ tier: Tier, _ name: String) throws -> CorrelationContext {
    CorrelationContext(
      monitor: try #require(MonitorName(name)), tier: tier, schema: Self.schema,
      home: TestMonitor.segments.values.flatMap { $0 }.sorted(), segments: TestMonitor.segments)
  }

  private func lane(_ context: CorrelationContext) throws -> CorrelationLane {
    CorrelationLane(
      name: .live, monitor: context.monitor, tier: context.tier,
      expecting: [try #require(MonitorName("child"))],
      engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(monitor: context.monitor, tier: context.tier, schema: Self.schema),
      facts: [
        .correlationContext: context, .caseFields: CaseFields(schema: Self.schema),
      ])
  }

  private func run(_ reports: [Report], _ context: CorrelationContext) throws -> [Report] {
    var lane = try lane(context)
    for report in reports { lane.receive(report) }
    lane.setWatermark(.distantFuture, of: try #require(MonitorName("child")))
    return lane.process()
  }

  /// What the domains tell the enterprise.
  private func upward(_ text: String) throws -> [Report] {
    let reports = try ActorText(text, schema: Self.schema).reports
    for report in reports { try Self.schema.check(report) }
    var upward: [Report] = []
    for domain in ["hq", "br", "internet"] {
      let own = reports.filter { $0.monitor.text.hasPrefix(domain) }
      upward += try run(own, context(.domain, domain == "br" ? "branch" : domain))
    }
    for report in upward { try Self.schema.check(report) }
    return upward
  }

  private func incidents(_ text: String) throws -> [Report] {
    let top = try run(upward(text), context(.enterprise, "acme"))
    for report in top { try Self.schema.check(report) }
    return TestTree.newest(top)
  }

  private func text(_ report: Report?, _ name: String) -> String? {
    report?.attributes[name]?.description
  }

  // MARK: Hops

  /// From an office host over two servers, under one name.
  static let chain = """
    00:10 hq-office login telnet 10.10.2.7 > 10.10.1.30 user alice until 20:00 bytes 90000
    00:10 hq-dmz login telnet 10.10.2.7 > 10.10.1.30 user alice until 20:00 bytes 90000
    01:00 hq-dmz login telnet 10.10.1.30 > 10.10.3.20 user alice until 19:59 bytes 60000
    01:00 hq-servers login telnet 10.10.1.30 > 10.10.3.20 user alice until 19:59 bytes 60000
    03:00 br-servers recon.port-scan from 10.10.3.20 to 10.20.2.10-30 ports 22 until 03:20
    """

  @Test func aScanFromTheLastHostNamesTheFirst() throws {
    let found = try incidents(Self.chain)
    #expect(found.map(\.kind) == [.portScan], "\(lines(found))")
    let scan = try #require(found.first)
    #expect(text(scan, "actor") == "10.10.2.7")
    #expect(text(scan, "path") == "10.10.2.7 > 10.10.1.30 > 10.10.3.20")
    #expect(text(scan, "users") == "alice")
    #expect(lines(found) == ["recon.port-scan by 10.10.3.20 on 21 ports 22"])
    #expect(scan.severity == 5)
    let hops = scan.terms.map(\.name).filter { $0.hasPrefix("hop ") }
    #expect(
      hops.contains {
        $0.hasPrefix("hop 10.10.1.30 → 10.10.3.20 telnet as alice, 22:14:20")
      }, "\(hops)")
  }

  /// The evidence of each hop stands behind the incident, down to the monitor that saw it.
  @Test func everyHopHasItsEvidence() throws {
    let sent = try upward(Self.chain)
    let evidence = Set(sent.filter { $0.kind == .logins }.map(\.id))
    let found = TestTree.newest(try run(sent, context(.enterprise, "acme")))
    #expect(!evidence.isDisjoint(with: found.first?.derivedFrom ?? []))
    let reports = try ActorText(Self.chain, schema: Self.schema).reports
    for report in sent where report.kind == .logins {
      #expect(report.derivedFrom.allSatisfy { id in reports.contains { $0.id == id } })
    }
  }

  @Test func stepsFromSeveralHostsOfOneActorAreOneIncident() throws {
    let found = try incidents(
      Self.chain + """

        04:00 hq-dmz recon.port-scan from 10.10.2.7 to 10.10.1.40-60 ports 80 until 04:10
        05:00 internet exfil.bulk-transfer from 10.10.3.20 to 192.0.2.200 ports 443
        """)
    #expect(found.map(\.kind) == [.multiStage], "\(lines(found))")
    #expect(text(found.first, "stages") == "recon,exfil")
    #expect(text(found.first, "root") == "10.10.2.7")
    #expect(found.first.map { lines([$0]) }?.first?.contains("10.10.2.7,10.10.3.20") ?? false)
  }

  /// A login told after what was done from there.
  @Test func theOrderInWhichItIsToldDoesNotShow() throws {
    let reports = try ActorText(Self.chain, schema: Self.schema).reports
    let context = try context(.domain, "hq")
    func last(_ reports: [Report]) -> Report? {
      var engine = AttackChains(context)
      var sink = ReportSink(monitor: context.monitor, tier: .domain)
      for (index, report) in reports.enumerated() {
        var report = report
        report.emitted = ReportText.start + .seconds(2000 + index)
        engine.runDeadlines(through: report.emitted, into: &sink)
        engine.analyse(report, into: &sink)
      }
      engine.runDeadlines(through: ReportText.start + .hours(2), into: &sink)
      return sink.drain().last
    }
    let forward = try #require(last(reports))
    #expect(text(forward, "path") == "10.10.2.7 > 10.10.1.30 > 10.10.3.20")
    var state: UInt64 = 7
    for _ in 0..<20 {
      let shuffled = reports.map { report in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 20, report)
      }.sorted { $0.0 < $1.0 }.map(\.1)
      let other = try #require(last(shuffled))
      #expect(other.attributes == forward.attributes)
    }
  }

  /// Arrival within the watermark, and a lane taken up from its state, change nothing at all.
  @Test func shufflesAndRestartsGiveTheSameIncidents() throws {
    let story =
      Self.chain + "\n"
        + """
        00:05 hq-office lease 10.10.2.9 02:00:0a:00:00:09 until 09:00 name laptop
        05:00 hq-dmz recon.port-scan from 10.10.2.9 to 10.10.1.40-60 ports 22 until 05:10
        08:00 hq-office lease 10.10.2.66 02:00:0a:00:00:09 until 60:00
        09:00 hq-dmz access.brute-force from 10.10.2.66 to 10.10.1.31 ports 22 until 09:40
        """
    let reports = try ActorText(story, schema: Self.schema).reports
    let context = try context(.domain, "hq")
    let child = try #require(MonitorName("child"))
    let undisturbed = try run(reports, context)
    #expect(undisturbed.contains { text($0, "addresses") == "10.10.2.9,10.10.2.66" })
    for seed in 1..<20 as Range<UInt64> {
      var state = seed
      func draw() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
      }
      let shuffled = reports.map { (draw(), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
      var waiting = shuffled
      var lane = try lane(context)
      var output: [Report] = []
      while !waiting.isEmpty {
        let horizon = ReportText.start + .seconds(Int(draw() % 2000))
        let due = waiting.filter { $0.emitted <= horizon }
        waiting.removeAll { $0.emitted <= horizon }
        for report in due where report.emitted > lane.watermark { lane.receive(report) }
        lane.setWatermark(horizon, of: child)
        output += lane.process()
        if draw() % 3 == 0 {
          let bytes = try lane.state()
          lane = try self.lane(context)
          try lane.restore(bytes)
        }
        waiting.removeAll { $0.emitted <= lane.watermark }
      }
      lane.setWatermark(.distantFuture, of: child)
      output += lane.process()
      #expect(output == undisturbed, "seed \(seed)")
    }
  }

  // MARK: Who is who

  /// Two on one jump host at once, and nobody's name on the way: nobody is named.
  @Test func twoOnOneJumpHostAreNotGlued() throws {
    let story = """
      00:10 hq-dmz login ssh 10.10.2.7 > 10.10.1.30 until 30:00
      00:20 hq-dmz login ssh 10.10.2.8 > 10.10.1.30 until 31:00
      01:00 hq-servers login ssh 10.10.1.30 > 10.10.3.20 until 25:00
      01:30 hq-servers login ssh 10.10.1.30 > 10.10.3.21 until 26:00
      03:00 br-servers recon.port-scan from 10.10.3.20 to 10.20.2.10-30 ports 22 until 03:20
      04:00 br-office recon.port-scan from 10.10.3.21 to 10.20.1.10-30 ports 445 until 04:20
      """
    let found = try incidents(story)
    #expect(found.map(\.kind) == [.portScan, .portScan], "\(lines(found))")
    #expect(found.compactMap { text($0, "actor") } == ["10.10.1.30", "10.10.1.30"])
    let candidates = try #require(found.first).terms.filter { $0.name.hasPrefix("perhaps") }
    #expect(candidates.count == 2)
    #expect(candidates.allSatisfy { $0.value > 0.4 && $0.value < 0.5 })
  }

  /// The same, with names: each way is told apart.
  @Test func aNameTellsTwoApart() throws {
    let story = """
      00:10 hq-dmz login telnet 10.10.2.7 > 10.10.1.30 user alice until 30:00
      00:20 hq-dmz login telnet 10.10.2.8 > 10.10.1.30 user bob until 31:00
      01:00 hq-servers login telnet 10.10.1.30 > 10.10.3.20 user bob until 25:00
      03:00 br-servers recon.port-scan from 10.10.3.20 to 10.20.2.10-30 ports 22 until 03:20
      """
    let found = try incidents(story)
    #expect(found.compactMap { text($0, "path") } == ["10.10.2.8 > 10.10.1.30 > 10.10.3.20"])
  }

  /// One leaves the inner host and at once the outer one; the other stays.
  @Test func whoLeavesBothAtOnceWasOnBoth() throws {
    let story = """
      00:10 hq-dmz login ssh 10.10.2.7 > 10.10.1.30 until 05:01 bytes 80000
      00:20 hq-dmz login ssh 10.10.2.8 > 10.10.1.30 until 50:00 bytes 2000
      01:00 hq-servers login ssh 10.10.1.30 > 10.10.3.20 until 05:00 bytes 70000
      05:02 br-servers recon.port-scan from 10.10.3.20 to 10.20.2.10-30 ports 22 until 05:20
      """
    let book = try book(story)
    let actor = book.actor(
      at: try #require(IPAddress("10.10.3.20")), ReportText.start + .seconds(200))
    #expect(actor.path.map(\.description) == ["10.10.2.7", "10.10.1.30", "10.10.3.20"])
  }

  private func book(_ text: String) throws -> ActorBook {
    var book = ActorBook(try context(.domain, "hq"))
    for report in try ActorText(text, schema: Self.schema).reports { _ = book.note(report) }
    return book
  }

  /// A host was broken into by another while an administrator was on it.
  @Test func anIntruderIsNoAdministrator() throws {
    let found = try incidents(
      """
      00:10 hq-dmz login ssh 10.10.2.7 > 10.10.1.30 until 30:00
      01:00 hq-dmz access.web-attack from 203.0.113.66 to 10.10.1.30 ports 80 until 01:10
      03:00 hq-servers recon.port-scan from 10.10.1.30 to 10.10.3.10-30 ports 22 until 03:20
      """)
    #expect(found.map { text($0, "actor") } == [nil], "\(lines(found))")
    #expect(found.first.map { text($0, "root") } == "203.0.113.66")
  }

  /// A job that runs with nobody there is the host's own, whoever is there today.
  @Test func aJobIsNotWhoeverIsThere() throws {
    let book = try book(
      """
      00:10 hq-servers login ssh 10.10.3.8 > 10.10.3.20 port 1 until 00:40
      10:00 hq-servers login ssh 10.10.2.7 > 10.10.3.8 until 30:00
      20:10 hq-servers login ssh 10.10.3.8 > 10.10.3.20 port 2 until 20:40
      """)
    let actor = book.actor(
      at: try #require(IPAddress("10.10.3.20")), ReportText.start + .seconds(1220))
    #expect(actor.path.map(\.description) == ["10.10.3.8", "10.10.3.20"])
  }

  @Test func nobodyActsBeforeHeCameOrLongAfterHeLeft() throws {
    for (from, until) in [("04:00", "05:00"), ("00:10", "00:50")] {
      let found = try incidents(
        """
        \(from) hq-dmz login ssh 10.10.2.7 > 10.10.1.30 until \(until)
        03:00 hq-servers recon.port-scan from 10.10.1.30 to 10.10.3.10-30 ports 22 until 03:20
        """)
      #expect(found.map { text($0, "actor") } == [nil])
    }
  }

  // MARK: Addresses

  @Test func aLeaseThatMovesKeepsTheActor() throws {
    let found = try incidents(
      """
      00:05 hq-office lease 10.10.2.9 02:00:0a:00:00:09 until 09:00 name laptop
      01:00 hq-dmz recon.port-scan from 10.10.2.9 to 10.10.1.40-60 ports 22 until 01:10
      08:00 hq-office lease 10.10.2.66 02:00:0a:00:00:09 until 60:00
      09:00 hq-servers recon.port-scan from 10.10.2.66 to 10.10.3.40-60 ports 22 until 09:10
      """)
    #expect(lines(found) == ["recon.port-scan by 10.10.2.9,10.10.2.66 on 42 ports 22"])
    #expect(text(found.first, "actor") == "02:00:0a:00:00:09 (laptop)")
    #expect(text(found.first, "addresses") == "10.10.2.9,10.10.2.66")
  }

  /// Another hardware address, and the same client's identifier.
  @Test func anIdentifierOutlivesAHardwareAddress() throws {
    let book = try book(
      """
      00:05 hq-office lease 10.10.2.9 02:00:0a:00:00:09 until 09:00 client 5
      08:00 hq-office lease 10.10.2.66 02:00:0a:00:00:aa until 60:00 client 5
      """)
    let office = try #require(IPAddress("10.10.2.66"))
    let actor = book.actor(at: office, ReportText.start + .seconds(600))
    #expect(actor.addresses.map(\.description) == ["10.10.2.9", "10.10.2.66"])
  }

  @Test func aLeasedAddressOfAnotherIsSomebodyElse() throws {
    let story = """
      00:05 hq-office lease 10.10.2.9 02:00:0a:00:00:09 until 04:00
      01:00 hq-dmz recon.port-scan from 10.10.2.9 to 10.10.1.40-60 ports 22 until 01:10
      LEASE
      06:00 hq-dmz access.brute-force from 10.10.2.9 to 10.10.1.45 ports 22 until 06:30
      """
    let same = story.replacing("LEASE", with: "03:50 hq-office lease 10.10.2.9 02:00:0a:00:00:09")
    #expect(try incidents(same).map(\.kind) == [.multiStage])
    let other = story.replacing("LEASE", with: "05:00 hq-office lease 10.10.2.9 02:00:0a:00:00:77")
    let found = try incidents(other)
    #expect(found.map(\.kind) == [.portScan, .bruteForce], "\(lines(found))")
  }

  /// Both sides of a gateway see one key exchange.
  @Test func aTranslatedSessionIsTied() throws {
    let found = try incidents(
      """
      00:10 hq-office login ssh 10.10.2.7 > 10.20.2.20 port 4001 mark 77
      00:10 br-servers login ssh 203.0.113.1 > 10.20.2.20 port 61001 mark 77
      03:00 br-servers recon.port-scan from 10.20.2.20 to 10.20.2.30-60 ports 22 until 03:20
      """)
    #expect(text(found.first, "path") == "10.10.2.7 > 10.20.2.20", "\(lines(found))")
    #expect(
      found.first?.terms.contains { $0.name.hasPrefix("hop 10.10.2.7 (as 203.0.113.1) →") } ?? false
    )
  }

  /// What was done through a gateway is the inside host's when all that came through to the same
  /// service was his; of another's sessions nothing follows.
  @Test func anAttackThroughAGatewayIsWhoseSessionsItCarries() throws {
    let story = """
      00:10 hq-office refused ssh 10.10.2.7 > 10.20.2.20 port 4001 mark 77
      00:10 br-servers refused ssh 203.0.113.1 > 10.20.2.20 port 61001 mark 77
      00:10 br-servers access.brute-force from 203.0.113.1 to 10.20.2.20 ports 22 until 00:30
      """
    func told(_ text: String) throws -> [String?] {
      try incidents(text).map { self.text($0, "actor") }
    }
    #expect(try told(story) == ["10.10.2.7"])
    #expect(
      try told(story + "\n00:20 br-servers refused ssh 203.0.113.1 > 10.20.2.20 port 7 mark 5")
        == ["uncertain"])
  }

  // MARK: Silence

  /// An administrator goes from host to host all day, and laptops come and go.
  @Test func whoOnlyLogsInMakesNoIncident() throws {
    var story: [String] = []
    for hour in 0..<8 {
      story.append("\(hour * 5):05 hq-office lease 10.10.2.\(9 + hour) 02:00:0a:00:00:09")
      for host in 20..<30 {
        story.append(
          "\(hour * 5 + 1):\(host) hq-dmz login ssh 10.10.2.\(9 + hour) > 10.10.1.\(host)"
            + " user root until \(hour * 5 + 2):\(host)")
        story.append(
          "\(hour * 5 + 1):\(host + 10) hq-servers login ssh 10.10.1.\(host) > 10.10.3.\(host)"
            + " user root until \(hour * 5 + 2):\(host)")
      }
    }
    let sent = try upward(story.joined(separator: "\n"))
    #expect(sent.allSatisfy { $0.reportClass == .evidence })
    #expect(
      try run(sent, context(.enterprise, "acme")).filter { $0.reportClass == .incident } == [])
  }

  // MARK: Bounds

  @Test func aFloodOfLoginsIsBoundedAndCounted() throws {
    var context = try context(.domain, "hq")
    context.limits.overrides = ["actors.sessions": 64, "actors.clients": 32]
    var book = ActorBook(context)
    var lines = [
      "00:05 hq-office lease 10.10.2.9 02:00:0a:00:00:09 until 01:00",
      "00:30 hq-office lease 10.10.2.10 02:00:0a:00:00:09 until 90:00",
      "00:10 hq-dmz login ssh 10.10.2.7 > 10.10.1.30",
    ]
    for number in 0..<300 {
      let host = "198.18.\(number / 250).\(number % 250)"
      lines.append("01:00 hq-dmz refused ssh \(host) > 10.10.1.30")
      lines.append("01:00 hq-office lease \(host) 02:00:0b:00:\(number / 250):\(number % 250 % 90)")
    }
    for report in try ActorText(lines.joined(separator: "\n"), schema: Self.schema).reports {
      _ = book.note(report)
    }
    #expect(book.sessions.count <= 64)
    #expect(book.losses > 0)
    let target = try #require(IPAddress("10.10.1.30"))
    let actor = book.actor(at: target, ReportText.start + .seconds(100))
    #expect(actor.path.first?.description == "10.10.2.7")
    let moved = try #require(IPAddress("10.10.2.10"))
    #expect(book.actor(at: moved, ReportText.start + .seconds(100)).addresses.count == 2)
  }
}
