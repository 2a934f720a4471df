import Archive
import Foundation
import Hierarchy
import Links
import Monitoring
import Reports
import Scenarios
import Synchronization
import Terms
import Tiers

/// `beryl replay`: the shipping programs, one process per monitor, over real links on loopback.
public struct ProcessReplay: Sendable {
  /// Host milliseconds between two looks at the tree.
  static let pollMilliseconds = 100
  /// Host seconds without any progress after which a replay is given up (more when it runs at a
  /// speed of its own).
  static let stallSeconds = 120.0

  public let scenario: Scenario
  public let topology: Topology
  /// The folder for archives, certificates and logs.
  public let directory: String
  /// Told once the tree runs; tests use it to hurt processes.
  public var onStart: (@Sendable (ProcessTree) -> Void)?
  /// Told when every monitor is through, before the tree is stopped; tests use it to ask the tree.
  public var onEnd: (@Sendable (TreeControl) async -> Void)?

  public init(_ scenario: Scenario, topology: Topology, directory: String) {
    self.scenario = scenario
    self.topology = topology
    self.directory = directory
  }

  private var stateDirectory: String { directory + "/state" }
  private var pkiDirectory: String { directory + "/pki" }

  public func run(progress: @escaping ReplayProgress) async throws -> ReplayOutcome {
    let began = Date()
    let span = try CaptureSpan(scenario)
    let cpu = ProcessorTime.children
    for folder in [directory, stateDirectory] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    let placed = try Endpoints.onLoopback(topology)
    try PKI.issue(
      placed.monitors.map { .init(name: $0.name, tier: $0.tier, hosts: ["127.0.0.1"]) },
      into: pkiDirectory)
    let tree = ProcessTree(topology: placed, layout: layout, arguments: arguments(placed, span))
    try tree.start()
    let statuses: [MonitorStatus]
    do {
      onStart?(tree)
      statuses = try await finish(tree, span, progress)
    } catch {
      await tree.stop()
      throw error
    }
    await tree.stop()
    var timing = ReplayTiming(
      mode: ReplayMode.processes.rawValue, first: span.first, last: span.last,
      wall: Date().timeIntervalSince(began), packets: span.packets, bytes: span.bytes)
    timing.cpu = ProcessorTime.children - cpu
    return try outcome(statuses, span, timing)
  }

  private var layout: ProcessTree.Layout {
    ProcessTree.Layout(
      topologyPath: topology.path, stateDirectory: stateDirectory, pkiDirectory: pkiDirectory,
      logDirectory: directory + "/logs")
  }

  private func arguments(
    _ placed: Topology, _ span: CaptureSpan
  ) -> @Sendable (MonitorDefinition) -> [String] {
    let endpoints = Endpoints.text(placed)
    let scenario = scenario
    return { definition in
      var arguments = ["--endpoints", endpoints]
      guard definition.tier == .local else { return arguments }
      guard let capture = scenario.capture(of: definition.name) else {
        return arguments + ["--silent"]
      }
      arguments += ["--read", capture.path, "--speed", "\(scenario.speed)"]
      arguments += ["--offset=\(capture.offset.seconds)", "--origin=\(span.first.seconds)"]
      return arguments
    }
  }

  /// Waits until every monitor is through; returns what each says at the end.
  private func finish(
    _ tree: ProcessTree, _ span: CaptureSpan, _ progress: ReplayProgress
  ) async throws -> [MonitorStatus] {
    let control = try TreeControl(topology: tree.topology, pkiDirectory: pkiDirectory)
    var lastSeen: [MonitorStatus] = []
    var lastChange = Date()
    while true {
      try await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
      if let (name, how) = tree.failures.min(by: { $0.key < $1.key }) {
        throw StartRefusal("'\(name)' \(how): see \(directory)/logs/\(name).log")
      }
      let answers = await control.statuses()
      let statuses = answers.compactMap { entry -> MonitorStatus? in
        if case .status(let status) = entry.answer { status } else { nil }
      }
      let packets = statuses.reduce(0) { $0 + $1.packets }
      progress(Double(packets) / Double(max(1, span.packets)), "\(packets) packets")
      if statuses.count == topology.monitors.count,
        statuses.allSatisfy({ $0.isThrough(.live) })
      {
        await onEnd?(control)
        await control.close()
        return statuses
      }
      if statuses.map(\.lanes) != lastSeen.map(\.lanes) { lastChange = Date() }
      lastSeen = statuses
      guard Date().timeIntervalSince(lastChange) < Self.stallSeconds else {
        throw StartRefusal("no progress for \(Int(Self.stallSeconds)) s: see \(directory)/logs")
      }
    }
  }

  private func outcome(
    _ statuses: [MonitorStatus], _ span: CaptureSpan, _ timing: ReplayTiming
  ) throws -> ReplayOutcome {
    var reports: [Report] = []
    for definition in topology.monitors {
      let archive = try ReportArchive(reading: "\(stateDirectory)/\(definition.name).sqlite")
      reports += try archive.reports(lane: .live)
    }
    var losses: [String: [String: UInt64]] = [:]
    for status in statuses { losses[status.monitor.text] = status.ownLosses }
    if let fault = span.fault { losses["capture", default: [:]]["\(fault)"] = 1 }
    return ReplayOutcome(
      reports: reports,
      links: statuses.flatMap { LinkResult.rows($0, lane: .live, topology: topology) },
      losses: losses, timing: timing)
  }
}
