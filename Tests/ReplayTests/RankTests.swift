import Foundation
import Hierarchy
import Reports
import Scenarios
import Testing
import Tiers

@testable import Replay

/// Ranks over whole replays of real attacks.
@Suite struct RankTests {
  private func result(_ example: String, over topology: Topology? = nil) throws -> ReplayResult {
    let path = repository.appending(path: "Examples/\(example)/scenario.yaml").path
    let loaded = try Scenario.load(path: path, knownLimits: EngineLimits.all)
    let topology = topology ?? loaded.topology
    let outcome = try InProcessReplay.run(loaded.scenario, topology: topology) { _, _ in }
    return ReplayResult(outcome, scenario: loaded.scenario, topology: topology)
  }

  private func acme(_ inventory: String) throws -> Topology {
    let folder = repository.appending(path: "topology").path
    let text = try String(contentsOfFile: folder + "/acme.yaml", encoding: .utf8)
    let list = FileManager.default.temporaryDirectory.appending(
      path: "beryl-\(UUID().uuidString).csv")
    try Data(inventory.utf8).write(to: list)
    defer { try? FileManager.default.removeItem(at: list) }
    return try Topology.parse(
      Array(text.replacing("inventory: []", with: "inventory: \(list.path)").utf8),
      path: folder + "/acme.yaml", knownLimits: EngineLimits.all)
  }

  private func enterprise(_ result: ReplayResult) throws -> ReportRow {
    try #require(result.incidents.first { $0.tier == "enterprise" })
  }

  @Test func anIntrusionThatTookHostsIsUrgentAndAScanIsNot() throws {
    let intrusion = try #require(try enterprise(result("ssh-intrusion")).assessment)
    #expect(intrusion.outcome == "succeeded" && intrusion.class == "urgent")
    let scan = try #require(try enterprise(result("port-scan")).assessment)
    #expect(scan.outcome == "unknown" && scan.rank < intrusion.rank)
    #expect(scan.class != "urgent")
  }

  /// The two scans of the example are of one kind; what their targets are worth decides.
  @Test func theDearerTargetsIncidentStandsFirst() throws {
    let rows = try result("port-scan").incidents.filter { $0.tier == "enterprise" }
    let values = rows.compactMap { $0.assessment?.value }
    let classes = rows.compactMap { row in
      RankClass.allCases.first { $0.name == row.assessment?.class }
    }
    #expect(values.count == rows.count && rows.count > 1)
    #expect(classes == classes.sorted(by: >))
  }

  /// What a scan of the guessed host says moves the incident, and nothing else about it.
  @Test func anInventoryMovesOnlyTheRank() throws {
    let plain = try result("ssh-brute-force")
    let known = try result(
      "ssh-brute-force",
      over: acme("address,service,product\n10.10.1.30,tcp/22,OpenSSH\n"))
    func facts(_ result: ReplayResult) -> [ReportRow] {
      result.incidents.map { row in
        var row = row
        row.assessment = nil
        return row
      }.sorted { $0.id < $1.id }
    }
    #expect(facts(plain) == facts(known))
    let (before, after) = (
      try #require(try enterprise(plain).assessment), try #require(try enterprise(known).assessment)
    )
    #expect(before.host == after.host)
    #expect(after.relevance >= before.relevance)
  }
}
