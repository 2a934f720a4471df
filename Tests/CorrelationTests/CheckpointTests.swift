import Analysis
import Foundation
import Hierarchy
import Monitoring
import Reports
import Response
import Terms
import Testing

@testable import Correlation

/// A lane with every correlator, or all but the one that chains without a directive, and the shipped
/// directives.
private func makeLane(
  _ tier: Tier = .domain, chains: Bool = true
) throws -> CorrelationLane {
  let monitor = try #require(MonitorName("hq"))
  let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "topology")
  let schema = try Schema.load(path: folder.appending(path: "schema.yaml").path)
  let context = CorrelationContext(
    monitor: monitor, tier: tier, schema: schema,
    home: TestMonitor.segments.values.flatMap { $0 }.sorted(), segments: TestMonitor.segments,
    directives: try Directive.load(path: folder.appending(path: "directives").path, schema: schema))
  return CorrelationLane(
    name: .live, monitor: monitor, tier: tier, expecting: [],
    engines: CorrelatorCatalog.engines(context).filter { chains || !($0 is AttackChains) },
    resolver: Resolver(monitor: monitor, tier: tier, schema: schema),
    facts: [.correlationContext: context, .caseFields: CaseFields(schema: schema)])
}

/// Scans, floods, worms and an intrusion in stages, at once.
private func story() throws -> [Report] {
  let intrusion = """
    00:02 hq-dmz recon.port-scan from 203.0.113.9 to 10.10.1.5 ports 22
    00:40 hq-dmz access.brute-force from 203.0.113.9 to 10.10.1.5 ports 22
    01:10 hq-dmz access.login-after-guessing from 203.0.113.9 to 10.10.1.5 ports 22
    02:10 hq-servers recon.port-scan from 10.10.1.5 to 10.10.3.5-9 ports 445
    03:00 hq-servers lateral.movement from 10.10.1.5 to 10.10.3.5 ports 445
    04:30 internet exfil.bulk-transfer from 10.10.3.5 to 203.0.113.9 ports 443
    """
  return try TextScenario(
    [
      intrusion, DistributedScanTests.scan, DistributedFloodTests.flood, WormPropagationTests.worm,
    ].joined(separator: "\n")
  ).reports.sorted { ($0.emitted, $0.id) < ($1.emitted, $1.id) }
}

/// Runs the story with a new watermark after each report; `before` may change the lane.
private func run(
  _ reports: [Report], _ tier: Tier, chains: Bool,
  before: (Int, inout CorrelationLane) throws -> Void
) throws -> [Report] {
  var lane = try makeLane(tier, chains: chains)
  let child = try #require(MonitorName("tap"))
  lane.expect(child)
  var output: [Report] = []
  for (number, report) in reports.enumerated() {
    try before(number, &lane)
    lane.receive(report)
    // Every third is still waiting when the next comes.
    if number % 3 != 0 { lane.setWatermark(report.emitted, of: child) }
    output += lane.process()
  }
  try before(reports.count, &lane)
  lane.setWatermark(.distantFuture, of: child)
  return output + lane.process()
}

@Suite struct CheckpointTests {
  @Test func everyCorrelatorHasAState() throws {
    #expect(try !makeLane().state().isEmpty)
  }

  /// A lane put away and taken up again at random points says word for word what an undisturbed one
  /// says. Where chains lead, no incident is a directive's: so once without them.
  @Test(arguments: [Tier.domain, .enterprise], [true, false])
  func aLaneGoesOnFromItsState(tier: Tier, chains: Bool) throws {
    let reports = try story()
    let undisturbed = try run(reports, tier, chains: chains) { _, _ in }
    #expect(undisturbed.contains { $0.reportClass == .incident })
    #expect(
      undisturbed.contains {
        chains ? $0.kind == .multiStage : $0.attributes[Directive.attribute] != nil
      })
    for seed in 0..<20 as Range<UInt64> {
      var state = seed
      let disturbed = try run(reports, tier, chains: chains) { _, lane in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        guard state >> 33 % 8 == 0 else { return }
        let bytes = try lane.state()
        lane = try makeLane(tier, chains: chains)
        try lane.restore(bytes)
      }
      #expect(disturbed == undisturbed, "seed \(seed)")
    }
  }

  @Test func aStateOfOtherEnginesIsRefusedAndLeavesTheLaneAlone() throws {
    var lane = try makeLane()
    let bytes = try lane.state()
    #expect(throws: (any Error).self) { try lane.restore(Array(bytes.dropLast())) }
    #expect(throws: (any Error).self) { try lane.restore(bytes + [0]) }
    var damaged = bytes
    damaged[6] ^= 1
    #expect(throws: (any Error).self) { try lane.restore(damaged) }
    #expect(lane.watermark == .distantPast)
  }
}
