import Reports
import Response
import Terms
import Testing

@testable import Correlation

/// Valdes & Skinner, "Probabilistic Alert Correlation" (RAID 2001).
@Suite struct SimilarityTests {
  private static func report(
    _ kind: ReportKind, from sources: Range<UInt32>, to targets: Range<UInt32>,
    ports: [UInt16] = [80], over transport: TransportProtocol = .tcp
  ) throws -> Report {
    let time = TextScenario.start
    var report = Report(
      id: ReportID(high: 1, low: 2), kind: kind, reportClass: .detection,
      monitor: try #require(MonitorName("hq-dmz")), tier: .local, first: time, last: time,
      raised: time, emitted: time, severity: 5, confidence: 0.8)
    report.sources = AddressSet(sources.map { IPAddress(v4: 0xcb00_7100 + $0) })
    report.targets = AddressSet(targets.map { IPAddress(v4: 0x0a0a_0100 + $0) })
    report.ports = ports
    report.transport = transport
    return report
  }

  @Test(arguments: [
    (UInt32(0), UInt32(10), 1.0), (5, 10, 0.25), (0, 40, 0.25), (10, 10, 0), (9, 1, 0.1),
  ])
  func listsAreAsAlikeAsTheirProbabilitiesAre(first: UInt32, count: UInt32, like: Double) throws {
    let one = try Self.report(.portScan, from: 0..<1, to: 0..<10)
    let other = try Self.report(.portScan, from: 0..<1, to: first..<first + count)
    let found = try #require(SetLikeness.of(one.targets, other.targets, .vector))
    #expect(abs(found - like) < 1e-9)
    #expect(SetLikeness.of(other.targets, one.targets, .vector) == found)
  }

  /// 400 and 400 sources, of which 200 are the same; the count is 6.5 % off as a rule.
  @Test func crowdsAreComparedByTheirCounts() throws {
    let one = try Self.report(.synFlood, from: 0..<400, to: 0..<1)
    let other = try Self.report(.synFlood, from: 200..<600, to: 0..<1)
    let found = try #require(SetLikeness.of(one.sources, other.sources, .vector))
    #expect((0.1...0.45).contains(found))
  }

  @Test func portsAreAListToo() {
    #expect(SetLikeness.of([22, 80] as [UInt16], [80, 443], .vector) == 0.25)
    #expect(SetLikeness.of([80] as [UInt16], [80], .vector) == 1)
    #expect(SetLikeness.of([80] as [UInt16], [], .vector) == nil)
  }

  private static let floods = Schema(
    attackVersion: "17.1",
    kinds: [
      .httpFlood: KindDefinition(
        reportClass: .detection, severity: 7,
        correlation: [
          FeatureComparison(
            feature: "sources", measure: .vector, expected: 0.9, situations: [.spoofable: 0.1],
            least: 0),
          FeatureComparison(feature: "targets", measure: .overlap, expected: 0.1, least: 0.5),
        ])
    ])

  /// Nobody expects forged sources to be the same again.
  @Test func forgedSourcesCountForLittle() throws {
    let measure = Similarity(.httpFlood, schema: Self.floods)
    func alike(_ transport: TransportProtocol, spoofed: Double? = nil) throws -> Double {
      var one = try Self.report(.httpFlood, from: 0..<4, to: 0..<1, over: transport)
      if let spoofed { one.attributes["spoofed"] = .ratio(spoofed) }
      return measure.compare(
        one, try Self.report(.httpFlood, from: 4..<8, to: 0..<1, over: transport))
    }
    #expect(abs(try alike(.tcp) - 0.1) < 1e-9)
    #expect(abs(try alike(.udp) - 0.5) < 1e-9)
    #expect(abs(try alike(.tcp, spoofed: 1) - 0.5) < 1e-9)
    #expect(abs(try alike(.tcp, spoofed: 0.5) - 0.1 / 0.6) < 1e-9)
  }

  @Test func aSweepIsNotKnownByItsTargets() throws {
    let measure = Similarity(.portScan, schema: TestSchema.schema)
    func weight(_ targets: Range<UInt32>, _ ports: [UInt16]) throws -> Double? {
      let one = try Self.report(.portScan, from: 0..<1, to: targets, ports: ports)
      return measure.parts(one, one).first { $0.feature == "targets" }?.weight
    }
    #expect(try weight(0..<1, [22]) == 0.2)
    #expect(try weight(0..<3, [22, 23, 25, 80]) == 0.2)
    #expect(try weight(0..<3, [22]) == 0.1)
  }

  @Test func aFusedAttackSaysHowAlikeItsReportsWere() throws {
    let tree = try TestTree(
      """
      00:05 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.5-8 ports 22
      00:06 internet recon.port-scan from 203.0.113.9 to 10.10.1.5-6 ports 22
      """)
    let incident = try #require(tree.enterpriseIncidents.first)
    let told = Dictionary(
      incident.terms.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    #expect(told["sources alike (weight 0.9)"]?.value == 1)
    #expect(told["sources alike (weight 0.9)"]?.threshold == 0.5)
    #expect(told["targets alike (weight 0.1)"]?.value == 0.5)
    #expect(told["ports alike (weight 0.1)"]?.value == 1)
    #expect(told["similarity"].map { $0.value < 1 && $0.value >= $0.threshold ?? 1 } == true)
  }
}
