import Hierarchy
import Monitoring
import Reports
import Scenarios
import Terms

/// How a scenario is run; the incidents are the same.
public enum ReplayMode: String, Sendable {
  /// One process per monitor, real links on loopback.
  case processes
  /// The same cores in this process.
  case inProcess = "in-process"
  /// Monitors that are already running: a drill.
  case attach
}

/// What the drivers tell while they run: a share of the work (0–1) and a few words.
public typealias ReplayProgress = (Double, String) -> Void

extension LinkResult {
  /// What a monitor's live or drill lane sent to its parent and its peers.
  static func rows(
    _ status: MonitorStatus, lane: LaneName, topology: Topology
  ) -> [LinkResult] {
    let child = status.monitor.text
    var rows = status.peers.filter { $0.lane == lane }.map {
      LinkResult(child: child, parent: $0.name.text, reports: $0.sent, bytes: $0.sentBytes)
    }
    if let parent = status.parentInUse ?? topology.monitor(status.monitor)?.parents.first,
      let sent = status.lanes.first(where: { $0.name == lane })
    {
      rows.append(
        LinkResult(
          child: child, parent: parent.text, reports: sent.acknowledged, bytes: sent.sentBytes))
    }
    return rows
  }
}
