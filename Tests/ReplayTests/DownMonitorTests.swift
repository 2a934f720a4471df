import Foundation
import Hierarchy
import Reports
import Scenarios
import Terms
import Testing
import Tiers

@testable import Replay

private func replay(down: String) throws -> ReplayResult {
  let path = repository.appending(path: "Examples/tcp-worm/scenario.yaml").path
  let loaded = try Scenario.load(path: path, knownLimits: EngineLimits.all)
  let outcome = try InProcessReplay.run(
    loaded.scenario, topology: loaded.topology, down: [try #require(MonitorName(down))]
  ) { _, _ in }
  return ReplayResult(outcome, scenario: loaded.scenario, topology: loaded.topology)
}

@Suite struct DownMonitorTests {
  /// Its segments report to the other domain: nothing is late, and the enterprise names the hole.
  @Test func theWormIsFoundWhileADomainIsDown() throws {
    let result = try replay(down: "hq")
    let worm = try #require(
      result.incidents.first { $0.tier == "enterprise" && $0.kind == "worm.outbreak" })
    #expect(worm.coverage.silent.contains("hq"))
    #expect(worm.sources.contains("10.10.1.30"))
    #expect(result.losses.values.allSatisfy { $0["reports.late"] == nil })
  }

  /// `edge` has one child: without it, it lives but sees nothing, and must not hold up the
  /// enterprise's time.
  @Test func aBlindDomainHoldsNobodyUp() throws {
    let result = try replay(down: "internet")
    #expect(result.incidents.contains { $0.tier == "enterprise" && $0.kind == "worm.outbreak" })
    let silent = result.incidents + result.detections
    #expect(
      silent.contains { $0.kind == "health.monitor-silent" && $0.monitor == "edge" })
    #expect(
      silent.contains { $0.kind == "health.monitor-silent" && $0.monitor == "acme" })
  }
}

@Suite struct ComparisonTests {
  @Test func aComparisonLooksForAttacksAtAnyTier() throws {
    let path = repository.appending(path: "Examples/distributed-scan/scenario.yaml").path
    let loaded = try Scenario.load(path: path, knownLimits: EngineLimits.all)
    var comparison = Comparison(loaded.scenario)
    for name in ["acme", "centralised"] {
      let topology = try Topology.load(
        path: repository.appending(path: "topology/\(name).yaml").path,
        knownLimits: EngineLimits.all)
      let outcome = try InProcessReplay.run(loaded.scenario, topology: topology) { _, _ in }
      let result = ReplayResult(outcome, scenario: loaded.scenario, topology: topology)
      comparison.add(result, topology: topology, name: name, without: ["hq": 0, "branch": 1])
    }
    #expect(comparison.rows.map(\.found) == [1, 1])
    #expect(comparison.rows.map(\.firstTier) == ["domain", "enterprise"])
    #expect(comparison.rows.map(\.topIncidents) == [1, 1])
    // Without domains everything the segments say goes to the top.
    #expect(comparison.rows[1].topReports == comparison.rows[1].reports)
    #expect(comparison.rows[0].topReports < comparison.rows[0].reports)
    #expect("\(comparison)".contains("0 without hq"))
  }
}
