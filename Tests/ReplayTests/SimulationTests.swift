import Foundation
import Hierarchy
import Monitoring
import Reports
import Terms
import Testing
import Tiers

@testable import Replay

/// Two domains of two segments each; every monitor has one parent, so that each parent's archive
/// can be reckoned.
func smallTree(spare: Bool = false) throws -> Topology {
  let parents = spare ? "hq, branch" : "hq"
  let text = """
    beryl: 1
    enterprise: acme
    schema: \(repository.appending(path: "topology/schema.yaml").path)
    network:
      dmz: { prefixes: [10.1.1.0/24], gateway: 10.1.1.1 }
      office: { prefixes: [10.1.2.0/24], gateway: 10.1.2.1 }
      shop: { prefixes: [10.2.1.0/24], gateway: 10.2.1.1 }
      store: { prefixes: [10.2.2.0/24], gateway: 10.2.2.1 }
    monitors:
      acme: { tier: enterprise, listen: "127.0.0.1:1" }
      hq: { tier: domain, parents: [acme], listen: "127.0.0.1:2" }
      branch: { tier: domain, parents: [acme], listen: "127.0.0.1:3" }
      dmz: { tier: local, segment: dmz, parents: [\(parents)] }
      office: { tier: local, segment: office, parents: [\(parents)] }
      shop: { tier: local, segment: shop, parents: [branch] }
      store: { tier: local, segment: store, parents: [branch] }
    """
  return try Topology.parse(
    Array(text.utf8), path: "test.yaml", knownLimits: EngineLimits.all)
}

let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

/// Reports that a seed makes: evidence of scans that only the tree can join, and a few detections.
struct ScriptedSource: LocalSource {
  private let monitor: MonitorName
  private var generator: SeededGenerator
  private var second = 0

  init(monitor: MonitorName) {
    self.monitor = monitor
    generator = SeededGenerator(seed: UInt64(monitor.text.utf8.reduce(7) { $0 &* 31 &+ Int($1) }))
  }

  mutating func next() -> LocalPiece? {
    guard second < 60 else { return nil }
    second += 1
    let time = CaptureTime(seconds: 1_000_000 + Double(second))
    let reports = second.isMultiple(of: 10) ? [contacts(at: time)] : scan(at: time)
    return LocalPiece(reports: reports, watermark: time)
  }

  /// Ten outside sources, each with a few failed first contacts on the same ports.
  private mutating func contacts(at time: CaptureTime) -> Report {
    var report = makeReport(.firstContacts, .evidence, time, severity: 0)
    let segment = monitor.text < "p" ? UInt32(1) : 2
    report.summary = .contacts(
      (0..<10).map { index in
        let source = IPAddress(v4: 0xcb00_7100 + UInt32(index))
        let target = IPAddress(
          v4: 0x0a00_0000 + segment << 16 + 0x100 + UInt32.random(in: 20...250, using: &generator))
        return ContactRow(
          source: IPPrefix(host: source), transport: .tcp,
          port: index.isMultiple(of: 2) ? 445 : 3389,
          attempts: 1, failures: 1, targets: AddressSet([target]),
          failedTargets: AddressSet([target]), first: time - .seconds(5), last: time,
          packets: [UInt64(second)])
      })
    return report
  }

  private mutating func scan(at time: CaptureTime) -> [Report] {
    guard generator.chance(0.1) else { return [] }
    var report = makeReport(.portScan, .detection, time, severity: 5)
    report.sources.insert(IPAddress(v4: 0xc633_6401))
    report.targets.insert(IPAddress(v4: 0x0a01_0110))
    report.ports = [22, 80]
    return [report]
  }

  private func makeReport(
    _ kind: ReportKind, _ reportClass: ReportClass, _ time: CaptureTime, severity: Double
  ) -> Report {
    Report(
      id: ReportID(monitor: monitor, kind: kind, subject: "\(second)", opened: time), kind: kind,
      reportClass: reportClass, monitor: monitor, tier: .local, first: time, last: time,
      raised: time, emitted: time, severity: severity, confidence: 0.9)
  }
}

func run(
  _ topology: Topology, _ faults: FaultPlan, checkpointReports: UInt64? = nil
) throws -> SimulatedTree {
  var sources: [MonitorName: () throws -> any LocalSource] = [:]
  for monitor in topology.monitors where monitor.tier == .local {
    sources[monitor.name] = { ScriptedSource(monitor: monitor.name) }
  }
  let tree = SimulatedTree(
    topology: topology, faults: faults, checkpointReports: checkpointReports, sources: sources)
  try tree.run()
  return tree
}

private func incidents(_ tree: SimulatedTree, _ topology: Topology) -> [Report] {
  topology.monitors.filter { $0.tier > .local }.flatMap { monitor in
    tree.produced(by: monitor.name).map(\.report)
  }
}

/// How many seeds `make test` runs; any number by hand with BERYL_SEEDS.
private let seeds = UInt64(ProcessInfo.processInfo.environment["BERYL_SEEDS"] ?? "") ?? 200

@Suite struct SimulationTests {
  private let topology: Topology
  private let undisturbed: [Report]

  init() throws {
    topology = try smallTree()
    undisturbed = incidents(try run(topology, .none), topology)
  }

  @Test func theUndisturbedTreeHasIncidentsAtTheTop() {
    #expect(undisturbed.contains { $0.tier == .enterprise && $0.reportClass == .incident })
  }

  /// Delays, broken connections, partitions and crashes that heal: every report that a child
  /// produced is in its parent's archive exactly once, and the incidents are those of the
  /// undisturbed run; with few checkpoints or many.
  @Test func faultsThatHealLeaveNoTrace() throws {
    for seed in 1...seeds {
      let plan = FaultPlan(seed: seed, monitors: topology.monitors.map(\.name))
      let tree = try run(topology, plan, checkpointReports: seed % 4 == 0 ? nil : seed % 4 * 2)
      expectEveryReportOnce(tree, seed)
      let disturbed = incidents(tree, topology)
      #expect(disturbed == undisturbed, "seed \(seed)")
      if disturbed != undisturbed { return }
    }
  }

  /// A parent that is down for long: its children report to the next one, return, and nothing is
  /// lost or held up.
  @Test func childrenFailOverAndReturn() throws {
    let topology = try smallTree(spare: true)
    var plan = FaultPlan(seed: 1)
    plan.horizon = 20_000
    plan.crashes = [
      FaultPlan.Outage(monitor: try #require(MonitorName("hq")), start: 100, length: 9000)
    ]
    let tree = try run(topology, plan)
    let branch = try #require(MonitorName("branch"))
    for monitor in topology.monitors where monitor.parents.first?.text == "hq" {
      let sent = Set(
        tree.produced(by: monitor.name).filter { $0.sequence != nil }.map {
          ReportRevision($0.report)
        })
      let held = monitor.parents.map { parent in
        Set(
          tree.received(by: parent).filter { $0.child == monitor.name }.map {
            ReportRevision($0.report)
          })
      }
      #expect(held.reduce(into: Set()) { $0.formUnion($1) } == sent, "\(monitor.name)")
      #expect(!held[1].isEmpty, "\(monitor.name) never failed over")
      #expect(tree.status(of: monitor.name)?.parentInUse?.text == "hq")
    }
    #expect(tree.status(of: branch)?.children.map(\.name.text) == ["shop", "store"])
  }

  private func expectEveryReportOnce(_ tree: SimulatedTree, _ seed: UInt64) {
    for monitor in topology.monitors {
      guard let parent = monitor.parents.first else { continue }
      let sent = tree.produced(by: monitor.name).filter { $0.sequence != nil }.map {
        ReportRevision($0.report)
      }
      let held = tree.received(by: parent).filter { $0.child == monitor.name }.map {
        ReportRevision($0.report)
      }
      #expect(Set(held).count == held.count, "seed \(seed): a report of \(monitor.name) twice")
      #expect(Set(held) == Set(sent), "seed \(seed): \(monitor.name) to \(parent)")
    }
  }
}
