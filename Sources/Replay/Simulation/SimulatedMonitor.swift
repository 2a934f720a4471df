import Links
import Monitoring
import Reports
import Terms
import Tiers

/// One monitor of a simulated tree: its node while it runs, its store always.
struct SimulatedMonitor {
  let configuration: NodeConfiguration
  /// Starts the analysis of a local monitor's capture from its beginning; nil above the local tier.
  let makeSource: (() throws -> any LocalSource)?
  var store = MemoryStore()
  var node: MonitorNode?
  var source: (any LocalSource)?
  /// The source has given everything.
  var isSourceDone = false
  /// Crash after the next commit, before anything that should follow it.
  var crashesAfterCommit = false
  /// Open connections by parent, as the child knows them.
  var uplinks: [MonitorName: ConnectionID] = [:]

  init(configuration: NodeConfiguration, makeSource: (() throws -> any LocalSource)?) {
    self.configuration = configuration
    self.makeSource = makeSource
  }

  /// Starts, or starts again, from what the store holds.
  mutating func start(_ now: HostTime) throws {
    node = try MonitorNode(configuration, from: store, now)
    source = try makeSource?()
    isSourceDone = false
    uplinks = [:]
  }

  /// Gives the node the next piece of its source.
  mutating func produce(_ now: HostTime) throws {
    guard node != nil, source != nil, !isSourceDone else { return }
    let piece = try source?.next()
    for (name, count) in source?.losses ?? [:] { node?.setCounter(name, count) }
    if let piece {
      node?.produced(piece.reports, lane: .live, watermark: piece.watermark, now)
    } else {
      isSourceDone = true
      node?.produced([], lane: .live, watermark: .distantFuture, now)
    }
  }
}
