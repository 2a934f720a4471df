import Foundation
import Hierarchy
import Monitoring
import Reports
import Scenarios
import Terms
import Testing
import Tiers

@testable import Replay

/// What the highest monitors say of an example, without ids and names.
private struct Verdict: Hashable, CustomStringConvertible {
  let kind: String
  let sources: [String]
  let targets: [String]
  let ports: [UInt16]
  let raised: Double

  init(_ row: ReportRow) {
    kind = row.kind
    sources = row.sources
    targets = row.targets
    ports = row.ports
    raised = row.raised
  }

  var description: String { "\(kind) by \(sources) on \(targets) \(ports) at \(raised)" }
}

/// The enterprise's incidents of an example over another topology, by monitor.
private func verdicts(_ example: String, over topology: String) throws -> [String: Set<Verdict>] {
  let path = repository.appending(path: "Examples/\(example)/scenario.yaml").path
  let loaded = try Scenario.load(path: path, knownLimits: EngineLimits.all)
  let other = try Topology.load(
    path: repository.appending(path: "topology/\(topology).yaml").path,
    knownLimits: EngineLimits.all)
  let outcome = try InProcessReplay.run(loaded.scenario, topology: other) { _, _ in }
  let result = ReplayResult(outcome, scenario: loaded.scenario, topology: other)
  let top = result.incidents.filter { $0.tier == "enterprise" }
  return Dictionary(grouping: top, by: \.monitor).mapValues { Set($0.map { Verdict($0) }) }
}

@Suite struct PeerTests {
  /// Three sites without a root: each says what the enterprise would, word for word.
  @Test(arguments: ["tcp-worm", "distributed-scan", "ddos-website", "port-scan"])
  func everyPeerReachesTheVerdictOfAnEnterprise(example: String) throws {
    let tree = try verdicts(example, over: "acme")
    let peers = try verdicts(example, over: "distributed")
    let enterprise = try #require(tree["acme"])
    #expect(!enterprise.isEmpty)
    for site in ["hq", "branch", "edge"] {
      #expect(peers[site] == enterprise, "\(site)")
    }
  }

  @Test func aQuietDayIsQuietAmongPeersToo() throws {
    #expect(try verdicts("benign-day", over: "distributed").isEmpty)
  }

  /// A monitor with a parent leaves the joint verdict to it: its peers are told nothing.
  @Test func monitorsWithParentsHoldNoCouncil() throws {
    let topology = try Topology.load(
      path: repository.appending(path: "topology/acme.yaml").path, knownLimits: EngineLimits.all)
    let hq = try #require(MonitorName("hq"))
    #expect(!topology.peers(of: hq).isEmpty)
    let configuration = try #require(NodeConfiguration(topology: topology, monitor: hq))
    #expect(configuration.peersTold.isEmpty)
    #expect(configuration.peersHeard.isEmpty)
  }

  /// One that reports to a root as its child is no peer of it as well: its reports would come twice,
  /// and time would wait for it twice.
  @Test func aChildIsNoPeerOfItsParent() throws {
    let topology = try peers(branchParents: "[hq]")
    let (hq, branch) = (try #require(MonitorName("hq")), try #require(MonitorName("branch")))
    #expect(topology.peers(of: hq).contains(branch))
    #expect(!topology.peersHeard(by: hq).contains(branch))
    #expect(!topology.peersTold(by: branch).contains(hq))
    _ = try run(topology, .none)
  }

  /// `edge` asks its peers for evidence only: it cannot repeat what `hq` alone has seen of a single
  /// source, and `hq` and `branch` still can.
  @Test func whatAPeerDoesNotSubscribeToIsNotTold() throws {
    let topology = try peers(subscriptions: "edge: { kinds: [evidence.*] }")
    let tree = try run(topology, .none)
    func told(_ site: String) throws -> Set<String> {
      let name = try #require(MonitorName(site))
      return Set(tree.received(by: name).map { "\($0.child) \($0.report.kind)" })
    }
    #expect(try told("edge").contains("hq evidence.first-contacts"))
    #expect(try !told("edge").contains { $0.hasPrefix("hq recon") })
    #expect(try told("branch").contains { $0.hasPrefix("hq recon") })
  }

  /// Delays, broken connections, partitions and crashes that heal change no peer's verdict.
  @Test func faultsThatHealLeaveNoTraceAmongPeers() throws {
    let topology = try peers()
    let calm = try run(topology, .none)
    let undisturbed = topology.monitors.map { Set(calm.produced(by: $0.name).map(\.report)) }
    #expect(undisturbed.joined().contains { $0.tier == .enterprise })
    for seed in UInt64(1)...40 {
      let plan = FaultPlan(seed: seed, monitors: topology.monitors.map(\.name))
      let tree = try run(topology, plan)
      let disturbed = topology.monitors.map { Set(tree.produced(by: $0.name).map(\.report)) }
      #expect(disturbed == undisturbed, "seed \(seed)")
      if disturbed != undisturbed { return }
    }
  }
}

private func peers(subscriptions: String = "", branchParents: String = "[]") throws -> Topology {
  let text = """
    beryl: 1
    enterprise: acme
    schema: \(repository.appending(path: "topology/schema.yaml").path)
    network:
      dmz: { prefixes: [10.1.1.0/24], gateway: 10.1.1.1 }
      shop: { prefixes: [10.2.1.0/24], gateway: 10.2.1.1 }
      store: { prefixes: [10.2.2.0/24], gateway: 10.2.2.1 }
    monitors:
      hq: { tier: domain, peers: [branch, edge], listen: "127.0.0.1:1" }
      branch: { tier: domain, peers: [edge], parents: \(branchParents), listen: "127.0.0.1:2" }
      edge: { tier: domain, listen: "127.0.0.1:3" }
      dmz: { tier: local, segment: dmz, parents: [hq] }
      shop: { tier: local, segment: shop, parents: [branch] }
      store: { tier: local, segment: store, parents: [edge] }
    subscriptions: { \(subscriptions) }
    """
  return try Topology.parse(
    Array(text.utf8), path: "test.yaml", knownLimits: EngineLimits.all)
}
