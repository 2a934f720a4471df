import Foundation
import Hierarchy
import Links
import Monitoring
import Reports
import Scenarios
import Terms
import Tiers

/// `beryl replay --attach`: a scenario across monitors that are already running, apart from their
/// live traffic.
public struct Drill: Sendable {
  static let pollMilliseconds = 100
  static let stallSeconds = 120.0

  public let scenario: Scenario
  public let topology: Topology
  public let pkiDirectory: String
  /// The exercise's id, which every report of the drill carries.
  public let lane: LaneName

  public init(_ scenario: Scenario, topology: Topology, pkiDirectory: String, id: String) {
    self.scenario = scenario
    self.topology = topology
    self.pkiDirectory = pkiDirectory
    lane = LaneName(id)
  }

  public func run(progress: @escaping ReplayProgress) async throws -> ReplayOutcome {
    let began = Date()
    let span = try CaptureSpan(scenario)
    let control = try TreeControl(topology: topology, pkiDirectory: pkiDirectory)
    try await requireTree(control)
    do {
      try await begin(control)
      try await feed(control, span, progress)
      let statuses = try await finish(control, progress)
      let outcome = try await collect(control, statuses, span, began)
      await end(control)
      return outcome
    } catch {
      await end(control)
      throw error
    }
  }

  /// Every monitor must answer before anything is begun.
  private func requireTree(_ control: TreeControl) async throws {
    let missing = await control.statuses().compactMap { entry -> String? in
      switch entry.answer {
      case .status: nil
      case .unreachable(let why): "'\(entry.monitor)': \(why)"
      case .silent: "'\(entry.monitor)' listens nowhere: give it 'listen' in the topology"
      }
    }
    guard missing.isEmpty else {
      throw StartRefusal(
        "a drill needs every monitor of \(topology.path):\n  " + missing.joined(separator: "\n  "))
    }
  }

  /// Parents first, so that no child's report finds a parent that knows nothing of the drill.
  private func begin(_ control: TreeControl) async throws {
    for definition in topology.monitors.sorted(by: { $0.tier > $1.tier }) {
      let capture = scenario.capture(of: definition.name)
      let begin = DrillBegin(
        lane: lane, capture: capture.map { CaptureName.of($0.path) }, speed: scenario.speed.factor,
        offset: capture?.offset ?? .zero)
      try await demand(.drillBegin(begin), of: definition.name, control)
    }
  }

  private func feed(
    _ control: TreeControl, _ span: CaptureSpan, _ progress: @escaping ReplayProgress
  ) async throws {
    for (index, capture) in scenario.captures.enumerated() {
      progress(Double(index) / Double(scenario.captures.count) / 2, "\(capture.monitor)")
      guard let file = FileHandle(forReadingAtPath: capture.path) else {
        throw StartRefusal("\(capture.path): cannot be read")
      }
      defer { try? file.close() }
      var sequence: UInt64 = 0
      while let bytes = try file.read(upToCount: LinkLimit.drillBytes), !bytes.isEmpty {
        let data = DrillData(lane: lane, sequence: sequence, bytes: Array(bytes))
        try await demand(.drillData(data), of: capture.monitor, control)
        sequence += 1
      }
    }
    // Started together, so that a drill at a speed of its own keeps the segments in step.
    for capture in scenario.captures {
      try await demand(.drillDataEnd(lane), of: capture.monitor, control)
    }
  }

  private func demand(
    _ message: LinkMessage, of monitor: MonitorName, _ control: TreeControl
  ) async throws {
    guard case .controlReply(let reply) = try await control.request(message, to: monitor) else {
      throw StartRefusal("'\(monitor)' gave no proper reply")
    }
    guard reply.isOK else { throw StartRefusal("'\(monitor)': \(reply.text)") }
  }

  private func finish(
    _ control: TreeControl, _ progress: ReplayProgress
  ) async throws -> [MonitorStatus] {
    var last: [[MonitorStatus.Lane]] = []
    var lastChange = Date()
    while true {
      try await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
      let statuses = await control.statuses().compactMap { entry -> MonitorStatus? in
        if case .status(let status) = entry.answer { status } else { nil }
      }
      let through = statuses.count { $0.isThrough(lane) }
      progress(0.5 + Double(through) / Double(topology.monitors.count) / 2, "correlating")
      if through == topology.monitors.count { return statuses }
      let lanes = statuses.map { $0.lanes.filter { $0.name == lane } }
      if lanes != last { lastChange = Date() }
      last = lanes
      guard Date().timeIntervalSince(lastChange) < Self.stallSeconds else {
        throw StartRefusal("the drill makes no progress for \(Int(Self.stallSeconds)) s")
      }
    }
  }

  private func collect(
    _ control: TreeControl, _ statuses: [MonitorStatus], _ span: CaptureSpan, _ began: Date
  ) async throws -> ReplayOutcome {
    var reports: [Report] = []
    for definition in topology.monitors {
      reports += try await control.reports(of: definition.name, lane: lane)
    }
    let timing = ReplayTiming(
      mode: ReplayMode.attach.rawValue, first: span.first, last: span.last,
      wall: Date().timeIntervalSince(began), packets: span.packets, bytes: span.bytes)
    var losses: [String: [String: UInt64]] = [:]
    if let fault = span.fault { losses["capture", default: [:]]["\(fault)"] = 1 }
    return ReplayOutcome(
      reports: reports,
      links: statuses.flatMap { LinkResult.rows($0, lane: lane, topology: topology) },
      losses: losses, timing: timing)
  }

  /// Releases the drill everywhere, the lowest tier first; a monitor that is gone releases it by
  /// itself.
  private func end(_ control: TreeControl) async {
    for definition in topology.monitors.sorted(by: { $0.tier < $1.tier }) {
      _ = try? await control.request(.drillEnd(lane), to: definition.name)
    }
    await control.close()
  }
}
