import Analysis
import Reports
import Terms
import Testing

@testable import Correlation

/// What a report is held against, whatever was reported before.
@Suite struct AttackIndexTests {
  private func report(_ number: Int, _ sources: [IPPrefix]) throws -> Report {
    let monitor = try #require(MonitorName("hq-dmz"))
    let time = CaptureTime(seconds: 1_700_000_000 + Double(number))
    var report = Report(
      id: ReportID(monitor: monitor, kind: .portScan, subject: "\(number)", opened: time),
      kind: .portScan, reportClass: .detection, monitor: monitor, tier: .local, first: time,
      last: time, raised: time, emitted: time, severity: 5, confidence: 0.8)
    for source in sources { report.sources.insert(source) }
    report.targets.insert(IPAddress(v4: 0x0a0a_0000 + UInt32(number)))
    report.ports = [UInt16(number % 50_000 + 1)]
    return report
  }

  private func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

  private func looks(_ index: AttackIndex, at report: Report) -> Int {
    var count = 0
    index.visit(report, kind: 0, anchor: .sources) { _ in
      count += 1
      return count < AttackIndex.lookLimit
    }
    return count
  }

  /// Thousands of attacks by prefixes, by nobody, by everybody: none makes another's report dear.
  @Test func aFloodOfReportsWithoutALeadIsHeldAgainstNobody() throws {
    var index = AttackIndex()
    for number in 0..<3000 {
      let sources: [IPPrefix] =
        switch number % 4 {
        case 0: [IPPrefix(IPAddress(v4: 0x0b00_0000 + UInt32(number) << 8), length: 24)]
        case 1: []
        case 2: [try prefix("203.0.113.9")]
        default: [IPPrefix(host: IPAddress(v4: 0x0c00_0000 + UInt32(number)))]
        }
      var attack = try attack(number, sources)
      index.add(&attack, Int32(number), anchor: .sources)
    }
    let stranger = try report(9000, [try prefix("198.51.100.7")])
    #expect(looks(index, at: stranger) == AttackIndex.recentLimit)
    #expect(looks(index, at: try report(9001, [])) <= 2 * AttackIndex.recentLimit)
    #expect(
      looks(index, at: try report(9002, [try prefix("0.0.0.0/0")])) <= 2 * AttackIndex.recentLimit)
    let popular = looks(index, at: try report(9003, [try prefix("203.0.113.9")]))
    #expect(popular <= AttackIndex.recentLimit + AddressIndex<UInt16, Int32>.listLimit)
  }

  private func attack(_ number: Int, _ sources: [IPPrefix]) throws -> FusedAttack {
    let report = try report(number, sources)
    return FusedAttack(report: report, kind: 0, by: report)
  }

  @Test func whatIsForgottenIsNotFound() throws {
    var index = AttackIndex()
    var attacks: [FusedAttack] = []
    for number in 0..<300 {
      var attack = try attack(number, [try prefix("203.0.113.9"), try prefix("10.0.0.0/8")])
      index.add(&attack, Int32(number), anchor: .sources)
      attacks.append(attack)
    }
    for number in attacks.indices { index.remove(&attacks[number], Int32(number)) }
    #expect(looks(index, at: try report(1, [try prefix("203.0.113.9")])) == 0)
    #expect(looks(index, at: try report(2, [try prefix("10.1.2.3")])) == 0)
    #expect(looks(index, at: try report(3, [])) == 0)
  }

  @Test func aHostIsFoundByThePrefixThatContainsIt() throws {
    var index = AttackIndex()
    for (number, text) in ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"].enumerated() {
      var attack = try attack(number, [try prefix(text)])
      index.add(&attack, Int32(number), anchor: .sources)
    }
    #expect(looks(index, at: try report(9, [try prefix("10.1.2.3")])) == 2)
    #expect(looks(index, at: try report(9, [try prefix("11.1.2.3")])) == 0)
  }
}
