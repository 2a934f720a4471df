import Foundation
import Hierarchy
import Monitoring
import Reports
import Terms
import Testing

@testable import Replay
@testable import Tiers

/// The outcome is a function of the reports: not of the order in which they come, and not of who
/// died on the way.
@Suite struct DeterminismTests {
  /// Reports of the children in any order that their watermarks allow, with any cuts.
  private func lane(
    _ monitor: MonitorName, _ site: SiteFacts, _ heard: [MonitorName: [Report]],
    _ generator: inout SeededGenerator, shuffled: Bool
  ) throws -> [Report] {
    let configuration = try #require(NodeConfiguration(site: site, monitor: monitor))
    var lane = configuration.makeLane(.live)
    let children = configuration.expectedChildren
    var rest = children.flatMap { heard[$0] ?? [] }
    var output: [Report] = []
    var reached = rest.map(\.emitted).min() ?? .distantPast
    if shuffled { rest.shuffle(using: &generator) }
    while !rest.isEmpty {
      reached = reached + .seconds(shuffled ? Double.random(in: 0...8, using: &generator) : 5)
      let early = shuffled ? 3 : Int.max
      var later: [Report] = []
      for report in rest {
        let comes =
          report.emitted <= reached || Int.random(in: 0...early, using: &generator) == 0
        if comes { lane.receive(report) } else { later.append(report) }
      }
      rest = later
      for child in children.shuffled(using: &generator) {
        lane.setWatermark(reached, of: child)
        output += lane.process()
      }
    }
    for child in children { lane.setWatermark(.distantFuture, of: child) }
    output += lane.process()
    #expect(lane.lateCount == 0)
    return output
  }

  /// What every monitor above the local tier says, domains first.
  private func verdicts(
    _ recording: Recording, _ site: SiteFacts, seed: UInt64, shuffled: Bool
  ) throws -> [MonitorName: [Report]] {
    var generator = SeededGenerator(seed: seed)
    var told = recording.reports
    for tier in [Tier.domain, .enterprise] {
      for monitor in site.topology.monitors where monitor.tier == tier {
        let output = try lane(monitor.name, site, told, &generator, shuffled: shuffled)
        told[monitor.name] = output
      }
    }
    return told.filter { recording.reports[$0.key] == nil }
  }

  @Test(arguments: Recording.names) func theOrderOfArrivalDoesNotShow(name: String) throws {
    let site = SiteFacts(try Recording.topology())
    let recording = try Recording(name)
    let straight = try verdicts(recording, site, seed: 0, shuffled: false)
    for tier in [Tier.domain, .enterprise] {
      #expect(straight.values.joined().contains { $0.reportClass == .incident && $0.tier == tier })
    }
    for seed in 1...20 as ClosedRange<UInt64> {
      let shuffled = try verdicts(recording, site, seed: seed, shuffled: true)
      #expect(shuffled == straight, "seed \(seed)")
    }
  }

  /// Monitors above the local tier die at random points, some between their commit and what should
  /// follow it, and go on from their checkpoints.
  @Test(arguments: Recording.names) func restartsDoNotShow(name: String) throws {
    let topology = try Recording.topology()
    let recording = try Recording(name)
    let site = SiteFacts(topology)
    let upper = topology.monitors.filter { $0.tier > .local }.map(\.name)
    func verdicts(_ plan: FaultPlan, _ checkpoint: UInt64?) throws -> [[Report]] {
      let tree = SimulatedTree(
        topology: topology, faults: plan, checkpointReports: checkpoint, site: site,
        sources: recording.sources)
      try tree.run()
      return upper.map { tree.produced(by: $0).map(\.report) }
    }
    let undisturbed = try verdicts(.none, nil)
    #expect(undisturbed.joined().contains { $0.tier == .enterprise })
    for seed in 1...12 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var plan = FaultPlan(seed: seed)
      plan.horizon = 1000
      plan.longestDelay = 15
      plan.crashes = (0..<4).map { _ in
        FaultPlan.Outage(
          monitor: upper.randomElement(using: &generator) ?? upper[0],
          start: UInt64.random(in: 20..<600, using: &generator),
          length: UInt64.random(in: 1...200, using: &generator),
          isAfterCommit: Bool.random(using: &generator))
      }
      #expect(try verdicts(plan, seed % 3 * 6 + 1) == undisturbed, "seed \(seed)")
    }
  }
}

@Suite struct TreeTests {
  /// A share of what `beryl-bench tree` runs: every report of a local arrives, the one scan that only
  /// the top can join is there once, and the domains pass on less than they get.
  @Test func aTreeOfAHundredSegmentsRunsToItsEnd() throws {
    let folder = repository.appending(path: "topology").path
    let topology = try TreeTopology(domains: 10, locals: 10).parsed(folder: folder)
    var sources: [MonitorName: () throws -> any LocalSource] = [:]
    for monitor in topology.monitors where monitor.tier == .local {
      sources[monitor.name] = { BusySegment(monitor.name, topology) }
    }
    let tree = SimulatedTree(topology: topology, sources: sources)
    try tree.run()
    func sent(_ tier: Tier) -> Int {
      topology.monitors.filter { $0.tier == tier }.reduce(0) {
        $0 + tree.produced(by: $1.name).count { $0.sequence != nil }
      }
    }
    let top = try #require(topology.roots.first?.name)
    #expect(tree.received(by: top).count == sent(.domain))
    #expect(sent(.domain) < sent(.local) / 2)
    let scans = tree.produced(by: top).map(\.report).filter {
      $0.kind == .distributedScan && $0.reportClass == .incident
    }
    #expect(Set(scans.map(\.id)).count == 1)
    #expect(scans.last?.sources.count ?? 0 >= 90)
  }
}
