import Hierarchy
import Monitoring
import Replay
import Terms

/// One monitor in `beryl status`: what `--json` writes.
struct StatusRow: Codable {
  struct Lane: Codable {
    var name: String
    /// UTC epoch seconds; nil before the first and after the last report.
    var watermark: Double?
    var isEnded: Bool
    var received: UInt64
    var produced: UInt64
    /// Produced and not for the parent, by its subscription or budget.
    var kept: UInt64
    /// Passed up to the parent, sent again ones included.
    var sent: UInt64
    /// Reports passed up for each one received; nil at the local tier and at roots.
    var passedUp: Double?
    var acknowledged: UInt64
    var spooled: UInt64
  }

  struct Peer: Codable {
    var name: String
    var linked: Bool
    var lane: String
    var sent: UInt64
  }

  struct Child: Codable {
    var name: String
    var connected: Bool
    var alive: Bool
  }

  var monitor: String
  var tier: String
  /// Why there is no answer; nil when there is one.
  var problem: String?
  var parent: String?
  var lanes: [Lane] = []
  var children: [Child] = []
  var peers: [Peer] = []
  var losses: [String: UInt64] = [:]
  var packets: UInt64 = 0
  /// Packets and own reports per second since the start.
  var packetRate = 0.0
  var reportRate = 0.0
  var uptime = 0.0
  var processID: Int32 = 0
  /// It answers, and has its parent unless it is a root.
  var isReady = false

  init(_ name: MonitorName, _ answer: TreeControl.Answer, topology: Topology) {
    monitor = name.text
    tier = topology.monitor(name)?.tier.rawValue ?? ""
    switch answer {
    case .unreachable(let why): problem = why
    case .silent: problem = "no 'listen' in the topology"
    case .status(let status): fill(status, isRoot: topology.monitor(name)?.parents.isEmpty ?? true)
    }
  }

  private mutating func fill(_ status: MonitorStatus, isRoot: Bool) {
    parent = status.parentInUse?.text
    lanes = status.lanes.map { lane in
      let isInside = lane.watermark > .distantPast && lane.watermark < .distantFuture
      return Lane(
        name: lane.name.description, watermark: isInside ? lane.watermark.seconds : nil,
        isEnded: lane.watermark == .distantFuture, received: lane.received,
        produced: lane.produced, kept: isRoot ? lane.produced : lane.kept, sent: lane.sent,
        passedUp: isRoot || lane.received == 0 ? nil : Double(lane.sent) / Double(lane.received),
        acknowledged: lane.acknowledged, spooled: lane.spooled)
    }
    peers = status.peers.map {
      Peer(name: $0.name.text, linked: $0.isLinked, lane: $0.lane.description, sent: $0.sent)
    }
    children = status.children.map {
      Child(name: $0.name.text, connected: $0.isConnected, alive: $0.isAlive)
    }
    losses = status.losses
    packets = status.packets
    uptime = status.uptime
    processID = status.processID
    if uptime > 0 {
      packetRate = Double(packets) / uptime
      reportRate = Double(lanes.reduce(0) { $0 + $1.produced }) / uptime
    }
    isReady = isRoot || parent != nil
  }
}
