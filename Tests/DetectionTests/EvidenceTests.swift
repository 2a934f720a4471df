import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct EvidenceTests {
  private func rows(_ reports: [Report]) -> [ContactRow] {
    reports.flatMap { report -> [ContactRow] in
      guard case .contacts(let rows) = report.summary else { return [] }
      return rows
    }
  }

  private func rates(_ reports: [Report]) -> [RateRow] {
    reports.flatMap { report -> [RateRow] in
      guard case .rates(let rows) = report.summary else { return [] }
      return rows
    }
  }

  @Test func oneProbeLeavesARow() throws {
    var story = try Story(FirstContacts(DetectionContext(segment: "dmz")))
    try story.contact(.established, "203.0.113.9", "10.1.1.8", 22)
    try story.contact(.refused, "203.0.113.9", "10.1.1.9", 22)
    try story.contact(.refused, "203.0.113.9", "10.1.1.9", 22)
    try story.contact(.established, "10.1.1.5", "10.1.1.9", 80)
    let reports = story.finish()
    #expect(reports.map(\.kind) == [.firstContacts])
    #expect(reports.first?.emitted == CaptureTime(seconds: 1010))
    #expect(reports.first?.coverage.segments == ["dmz"])
    let row = try #require(rows(reports).first)
    #expect(rows(reports).count == 1)
    #expect(row.source.description == "203.0.113.9")
    #expect((row.attempts, row.failures) == (2, 1))
    #expect((row.targets.count, row.failedTargets.count) == (2, 1))
  }

  /// Whom somebody reached shortly before he failed goes with it; whom he reached long ago does not.
  @Test(arguments: [(12.0, 2), (90, 1)])
  func whatWasAnsweredBeforeGoesWithAFailure(pause: Double, targets: Int) throws {
    var story = try Story(FirstContacts(DetectionContext()))
    try story.contact(.established, "10.1.1.5", "10.1.2.8", 7700)
    story.wait(pause)
    try story.contact(.refused, "10.1.1.5", "10.1.2.9", 7700)
    let row = try #require(rows(story.finish()).first)
    #expect(row.targets.count == targets)
    #expect((row.attempts, row.failures) == (UInt64(targets), 1))
  }

  @Test func everyKindOfProbeIsEvidence() throws {
    var story = try Story(FirstContacts(DetectionContext()))
    try story.contact(.unanswered, "10.1.1.5", "10.1.2.1", 1, probe: .fin)
    try story.contact(.unanswered, "10.1.1.5", "10.1.2.1", 2, probe: .null)
    try story.contact(.unanswered, "10.1.1.5", "10.1.2.1", 3, probe: .udp, transport: .udp)
    try story.contact(.unanswered, "10.1.1.5", "10.1.2.1", 2048, probe: .icmpEcho, transport: .icmp)
    try story.contact(.unanswered, "10.1.1.5", "10.1.2.1", 9, probe: .otherTCP)
    let told = story.finish()
    #expect(rows(told).map(\.port).sorted() == [1, 2, 3, 2048])
  }

  @Test func aSpoofedFloodIsMergedIntoPrefixesAndARealSourceStaysNamed() throws {
    var story = try Story(FirstContacts(DetectionContext()))
    for host in 1...9 { try story.contact(.refused, "10.1.1.5", "10.1.2.\(host)", 22) }
    var event = try story.event(.unanswered, "10.0.0.1", "10.1.1.80", 80)
    for number in 0..<50_000 as Range<UInt32> {
      event.source = IPAddress(v4: number &* 2_654_435_761)
      story.tell(event)
    }
    let rows = rows(story.finish())
    #expect(rows.count <= Int(FirstContacts.rows.standard))
    #expect(rows.contains { $0.source.description == "10.1.1.5" && $0.failedTargets.count == 9 })
    #expect(rows.contains { !$0.source.isHost })
    #expect(rows.reduce(0) { $0 + $1.failures } > 40_000)
  }

  @Test func ingressIsMeasuredPerTargetAndPort() throws {
    var story = try Story(IngressRates(DetectionContext(segment: "dmz")))
    for client in 0..<300 {
      try story.contact(.opened, "198.51.\(client / 100).\(client % 100)", "10.1.1.80", 80)
    }
    for client in 0..<40 { try story.contact(.refused, "198.51.0.\(client)", "10.1.1.80", 80) }
    for client in 40..<50 { try story.contact(.unanswered, "198.51.0.\(client)", "10.1.1.80", 80) }
    try story.contact(.opened, "10.1.1.5", "10.1.1.9", 22)
    let rows = rates(story.finish())
    #expect(rows.map(\.target.description) == ["10.1.1.80"])
    let row = try #require(rows.first)
    #expect((row.unfinished, row.refused) == (50, 40))
    #expect((row.contacts, row.packets, row.bytes, row.port) == (300, 300, 18_000, 80))
    #expect(row.segment == "dmz")
    #expect((270...330).contains(row.sources.count))
    #expect(row.last - row.first == .seconds(10))
  }

  /// A thousand forged sources between them come once each.
  @Test func whoInsistsIsCountedApartAmongForgedSources() throws {
    var story = try Story(IngressRates(DetectionContext(segment: "dmz")))
    for round in 0..<50 {
      for forged in 0..<20 {
        try story.contact(.opened, "9.\(round).7.\(forged)", "10.1.1.80", 80)
      }
      for bot in 1...20 { try story.contact(.opened, "203.0.113.\(bot)", "10.1.1.80", 80) }
    }
    let row = try #require(rates(story.finish()).first)
    let told = row.busiest.filter { $0.contacts >= 25 }
    #expect(told.map(\.source.description).sorted() == (1...20).map { "203.0.113.\($0)" }.sorted())
    #expect(row.busiest.allSatisfy { $0.contacts <= 50 })
  }

  @Test func aQuietEpochHasNoReport() throws {
    var story = try Story(IngressRates(DetectionContext()))
    try story.contact(.opened, "10.1.1.5", "10.1.1.9", 22)
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// A client of a dead server tries again and again; told twice is enough to know it from a scanner.
  @Test func whoTriesTheSameAgainIsToldOfOnceMore() throws {
    var story = try Story(FirstContacts(DetectionContext()))
    for _ in 0..<20 {
      try story.contact(.unanswered, "10.1.1.5", "10.1.2.9", 445)
      story.wait(4)
    }
    let told = rows(story.finish())
    #expect(told.count == 2)
    #expect(told.allSatisfy { $0.failedTargets.count == 1 && $0.failures == 1 })
    #expect(told.count < 2 || told[1].first - told[0].first >= .seconds(10))
  }
}
