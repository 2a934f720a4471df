import Capture
import Foundation
import Hierarchy
import Monitoring
import Reports
import Scenarios
import Terms
import Tiers

/// `beryl replay --in-process`: the tree as a simulation without faults, but for monitors that are
/// down all the time.
public enum InProcessReplay {
  public static func run(
    _ scenario: Scenario, topology: Topology, down: Set<MonitorName> = [],
    progress: @escaping ReplayProgress
  ) throws -> ReplayOutcome {
    let began = Date()
    let cpu = ProcessorTime.own
    let span = try CaptureSpan(scenario)
    var sources: [MonitorName: () throws -> any LocalSource] = [:]
    for capture in scenario.captures where !down.contains(capture.monitor) {
      sources[capture.monitor] = {
        try PipelineSource(
          path: capture.path, setup: PipelineSetup(topology: topology, monitor: capture.monitor),
          offset: capture.offset)
      }
    }
    let tree = SimulatedTree(topology: topology, down: down, sources: sources)
    let pieces = max(1, Double(span.packets) / Double(PipelineSource.framesPerPiece))
    tree.onPiece = { progress(Double($0) / (pieces + Double(scenario.captures.count)), "") }
    try tree.run()
    var timing = ReplayTiming(
      mode: ReplayMode.inProcess.rawValue, first: span.first, last: span.last,
      wall: Date().timeIntervalSince(began), packets: span.packets, bytes: span.bytes)
    timing.cpu = ProcessorTime.own - cpu
    timing.peakBytes = ProcessMemory.peak
    let statuses = topology.monitors.compactMap { tree.status(of: $0.name) }
    var losses: [String: [String: UInt64]] = [:]
    for status in statuses { losses[status.monitor.text] = status.ownLosses }
    if let fault = span.fault { losses["capture", default: [:]]["\(fault)"] = 1 }
    return ReplayOutcome(
      reports: topology.monitors.flatMap { tree.produced(by: $0.name).map(\.report) },
      links: statuses.flatMap { LinkResult.rows($0, lane: .live, topology: topology) },
      losses: losses, timing: timing)
  }
}

extension MonitorStatus {
  /// Losses of this monitor itself, without those that its children told.
  var ownLosses: [String: UInt64] { losses.filter { !$0.key.hasPrefix("below.") } }
}
