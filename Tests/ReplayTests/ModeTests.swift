import Foundation
import Hierarchy
import Links
import Monitoring
import Reports
import Scenarios
import Terms
import Testing
import Tiers

@testable import Replay

/// Tells `ProcessTree` where the built programs are: the test's own program is the test runner's.
private let programs: Void = {
  guard ProcessInfo.processInfo.environment["BERYL_PROGRAMS"] == nil else { return }
  setenv("BERYL_PROGRAMS", repository.appending(path: ".build/debug").path, 1)
}()

private struct Bench {
  let scenario: Scenario
  let topology: Topology
  let directory: String

  init(_ example: String) throws {
    _ = programs
    let path = repository.appending(path: "Examples/\(example)/scenario.yaml").path
    let loaded = try Scenario.load(path: path, knownLimits: EngineLimits.all)
    scenario = loaded.scenario
    topology = loaded.topology
    directory = NSTemporaryDirectory() + "beryl-test-\(UUID().uuidString)"
  }

  func result(_ outcome: ReplayOutcome) -> ReplayResult {
    ReplayResult(outcome, scenario: scenario, topology: topology)
  }

  func inProcess() throws -> ReplayResult {
    result(try InProcessReplay.run(scenario, topology: topology) { _, _ in })
  }

  func processes(onStart: (@Sendable (ProcessTree) -> Void)? = nil) async throws -> ReplayResult {
    var replay = ProcessReplay(scenario, topology: topology, directory: directory)
    replay.onStart = onStart
    return result(try await replay.run { _, _ in })
  }

  /// A drill over a tree that is running on its own, blind to live traffic.
  func drill() async throws -> ReplayResult {
    let placed = try Endpoints.onLoopback(topology)
    let pki = directory + "/pki"
    let state = directory + "/state"
    try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
    try PKI.issue(
      placed.monitors.map { .init(name: $0.name, tier: $0.tier, hosts: ["127.0.0.1"]) }, into: pki)
    let endpoints = Endpoints.text(placed)
    let tree = ProcessTree(
      topology: placed,
      layout: .init(
        topologyPath: topology.path, stateDirectory: state, pkiDirectory: pki,
        logDirectory: directory + "/logs"),
      arguments: { definition in
        ["--endpoints", endpoints] + (definition.tier == .local ? ["--no-capture"] : [])
      })
    try tree.start()
    do {
      try await waitUntilReady(placed, pki)
      let outcome = try await Drill(scenario, topology: placed, pkiDirectory: pki, id: "drill-1")
        .run { _, _ in }
      try await expectReleased(placed, pki)
      await tree.stop()
      return result(outcome)
    } catch {
      await tree.stop()
      throw error
    }
  }

  private func waitUntilReady(_ topology: Topology, _ pki: String) async throws {
    let control = try TreeControl(topology: topology, pkiDirectory: pki)
    for _ in 0..<200 {
      let ready = await control.statuses().count { entry in
        guard case .status(let status) = entry.answer else { return false }
        return status.parentInUse != nil || topology.monitor(entry.monitor)?.parents.isEmpty == true
      }
      if ready == topology.monitors.count { return await control.close() }
      try await Task.sleep(for: .milliseconds(100))
    }
    Issue.record("the tree is not ready after 20 s")
  }

  private func expectReleased(_ topology: Topology, _ pki: String) async throws {
    let control = try TreeControl(topology: topology, pkiDirectory: pki)
    for entry in await control.statuses() {
      guard case .status(let status) = entry.answer else {
        Issue.record("\(entry.monitor) does not answer")
        continue
      }
      #expect(status.lanes.map(\.name) == [.live], "\(entry.monitor) still has the drill")
    }
    await control.close()
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory) }
}

/// What must be the same in every mode: everything but ids, which a drill's id enters.
private func verdicts(_ result: ReplayResult, withIDs: Bool = false) -> [String] {
  (result.incidents + result.detections).map { row in
    let parts: [String] = [
      withIDs ? row.id : "", row.kind, row.tier, row.monitor, "\(row.revision)", "\(row.first)",
      "\(row.last)", "\(row.raised)", "\(row.sources)", "\(row.targets)", "\(row.ports)",
      "\(row.severity)", "\(row.confidence)", "\(row.evidence)",
    ]
    return parts.joined(separator: " ")
  }.sorted()
}

@Suite(.serialized) struct ModeTests {
  /// One process, many processes and a drill, at any speed, run after run.
  @Test(arguments: ["distributed-scan", "tcp-worm", "ddos-website"])
  func everyModeGivesTheSameIncidents(example: String) async throws {
    let bench = try Bench(example)
    defer { bench.remove() }
    let inProcess = try bench.inProcess()
    #expect(inProcess.passed)
    #expect(verdicts(try bench.inProcess(), withIDs: true) == verdicts(inProcess, withIDs: true))
    let processes = try await bench.processes()
    #expect(verdicts(processes, withIDs: true) == verdicts(inProcess, withIDs: true))
    bench.remove()
    let drill = try await bench.drill()
    #expect(verdicts(drill) == verdicts(inProcess))
  }

  /// Who asks the monitors hears what their archives hold, down to packets.
  @Test func aRunningTreeTellsItsIncidentsAndWhatIsBehindThem() async throws {
    let bench = try Bench("distributed-scan")
    defer { bench.remove() }
    let state = bench.directory + "/state"
    var replay = ProcessReplay(
      bench.scenario, topology: bench.topology, directory: bench.directory)
    replay.onEnd = { control in
      do {
        let told = await control.reports([.incident])
        let kept = try ReportLookup.rows(paths: [state]).filter { $0.class == "incident" }
        #expect(told.isAnswered && told.unreachable.isEmpty && !kept.isEmpty)
        #expect(Set(told.reports.map { ReportRow($0) }) == Set(kept))
        for incident in told.reports {
          let grounds = await control.grounds(of: incident.id)
          var asked = ReportLookup(rows: grounds.reports.map { ReportRow($0) })
          var read = try ReportLookup(paths: [state])
          #expect(grounds.unreachable.isEmpty)
          #expect(
            try Derivation(of: incident.id.description, in: &asked)
              == Derivation(of: incident.id.description, in: &read))
        }
        let nothing = await control.grounds(of: ReportID(high: 1, low: 2))
        #expect(nothing.reports.isEmpty && nothing.isAnswered)
      } catch {
        Issue.record(error)
      }
    }
    _ = try await replay.run { _, _ in }
  }

  @Test func speedDoesNotShow() async throws {
    let bench = try Bench("port-scan")
    defer { bench.remove() }
    let fast = try bench.inProcess()
    var slow = Scenario(
      name: bench.scenario.name, topologyPath: bench.scenario.topologyPath,
      captures: bench.scenario.captures, speed: .times(20))
    slow.expectations = bench.scenario.expectations
    let outcome = try await ProcessReplay(
      slow, topology: bench.topology, directory: bench.directory
    ).run { _, _ in }
    #expect(verdicts(bench.result(outcome), withIDs: true) == verdicts(fast, withIDs: true))
  }

  /// A domain monitor killed twice in the middle of a replay is started again and loses nothing.
  @Test func aKilledDomainMonitorChangesNothing() async throws {
    let bench = try Bench("tcp-worm")
    defer { bench.remove() }
    let undisturbed = try bench.inProcess()
    let killed = try await bench.processes { tree in
      guard let hq = bench.topology.monitors.first(where: { $0.name.text == "hq" })?.name else {
        return
      }
      Task {
        for milliseconds in [350, 900] {
          try await Task.sleep(for: .milliseconds(milliseconds))
          if let id = tree.processID(of: hq) { kill(id, SIGKILL) }
        }
      }
    }
    #expect(verdicts(killed, withIDs: true) == verdicts(undisturbed, withIDs: true))
  }

  @Test(arguments: [
    "port-scan", "arp-spoofing", "ssh-brute-force", "distributed-scan", "tcp-worm", "ddos-website",
    "benign-day", "ssh-intrusion", "stepping-stones", "spread-guessing",
  ])
  func everyExampleMeetsItsExpectations(example: String) throws {
    let result = try Bench(example).inProcess()
    #expect(result.passed, "\(result.expectations.filter { !$0.held })")
  }

  /// From the first ping to what is carried off, by four addresses: one incident at every tier that
  /// saw more than a step, with and without the perimeter's view.
  @Test(arguments: [true, false]) func anIntrusionIsOneIncident(perimeter: Bool) throws {
    let bench = try Bench("ssh-intrusion")
    let scenario = Scenario(
      name: "intrusion", topologyPath: bench.scenario.topologyPath,
      captures: bench.scenario.captures.filter { perimeter || $0.monitor.text != "internet" })
    let outcome = try InProcessReplay.run(scenario, topology: bench.topology) { _, _ in }
    let result = ReplayResult(outcome, scenario: scenario, topology: bench.topology)
    let top = result.incidents.filter { $0.tier == "enterprise" }
    #expect(top.map(\.kind) == ["campaign.multi-stage"])
    let campaign = try #require(top.first)
    #expect(campaign.attributes["stages"] == .text("recon,access,lateral,exfil"))
    #expect(campaign.sources.contains("203.0.113.94") && campaign.sources.contains("10.10.1.30"))
    #expect(campaign.targets.contains("203.0.113.92") && campaign.targets.contains("10.10.3.30"))
  }

  /// Whoever came over two hosts is named with his way, down to the packets of each login.
  @Test func whoWasBehindAScanIsNamed() throws {
    let result = try Bench("stepping-stones").inProcess()
    let top = result.incidents.filter { $0.tier == "enterprise" }
    #expect(top.map(\.kind) == ["recon.port-scan"])
    let scan = try #require(top.first)
    #expect(scan.sources == ["10.10.3.20"])
    #expect(scan.attributes["actor"] == .text("10.10.2.107"))
    #expect(scan.attributes["path"] == .text("10.10.2.107 > 10.10.1.30 > 10.10.3.20"))
    var lookup = ReportLookup(result)
    let why = try Derivation(of: scan.id, in: &lookup).description
    #expect(why.contains("hop 10.10.2.107 → 10.10.1.30 ssh"))
    #expect(
      why.contains("10.10.1.30 → 10.10.3.20 ssh, accepted; hq-servers.pcap.zst packets 0, "))
    // Of a host over which nobody went nothing is said.
    let guessing = try Bench("ssh-brute-force").inProcess()
    #expect(guessing.incidents.allSatisfy { $0.attributes["actor"] == nil })
  }

  /// From the first ping to the last, the intruder who guessed his way in is behind what came after.
  @Test func whoGuessedHisWayInIsBehindWhatFollows() throws {
    let result = try Bench("ssh-intrusion").inProcess()
    let top = try #require(result.incidents.first { $0.tier == "enterprise" })
    #expect(top.attributes["path"] == .text("203.0.113.66 > 10.10.1.30"))
  }

  /// With the perimeter blind the tree still finds what no segment can.
  @Test(arguments: [("distributed-scan", "recon.distributed-scan"), ("tcp-worm", "worm.")])
  func theTreeSeesWithoutThePerimeter(example: String, kind: String) throws {
    let bench = try Bench(example)
    let blind = Scenario(
      name: "blind", topologyPath: bench.scenario.topologyPath,
      captures: bench.scenario.captures.filter { $0.monitor.text != "internet" })
    let outcome = try InProcessReplay.run(blind, topology: bench.topology) { _, _ in }
    let result = ReplayResult(outcome, scenario: blind, topology: bench.topology)
    #expect(result.incidents.contains { $0.kind.hasPrefix(kind) && $0.tier != "local" })
  }
}
