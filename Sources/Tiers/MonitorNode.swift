import Hierarchy
import Links
import Monitoring
import Reports
import Terms

/// A whole monitor as one pure state machine: lanes, the link up, the links down, leases.
///
/// Every input queues directives; the caller takes them with `takeDirectives()` and obeys them (see
/// `NodeDirective`). `MonitorProcess` does so with sockets and SQLite, `SimulatedTree` in memory.
public struct MonitorNode: Sendable {
  /// Drills that one monitor takes part in at the same time.
  public static let drillLimit = 16

  public let configuration: NodeConfiguration
  var uplink: UplinkMachine
  var downlinks: DownlinkTable
  var lanes: [LaneName: NodeLane] = [:]
  var leases: [MonitorName: Lease] = [:]
  /// The newest durable sequence of each child's lane.
  var positions: [MonitorName: [LaneName: UInt64]] = [:]
  /// Own counters; those of lanes are added by `losses`.
  var counters: [String: UInt64] = [:]
  /// Loss counters that children told, the newest of each.
  var childLosses: [MonitorName: [String: UInt64]] = [:]
  private var directives: [NodeDirective] = []

  /// Whether a child has been heard of lately, on the host's clock.
  struct Lease: Sendable {
    var lastHeard: HostTime
    var isAlive = true
  }

  public init(_ configuration: NodeConfiguration, resuming resumption: Resumption = Resumption()) {
    self.configuration = configuration
    let schema = configuration.schema
    let hello = Hello(
      monitor: configuration.name, tier: configuration.tier, schemaDigest: schema.digest,
      kindDigests: schema.kindDigests)
    var live = Resumption.Outbox(
      lane: .live, newest: configuration.sequenceBase, acknowledged: configuration.sequenceBase)
    if let stored = resumption.outboxes.first(where: { $0.lane == .live }), stored.newest > 0 {
      live = stored
    }
    uplink = UplinkMachine(
      configuration: .init(hello: hello, parents: configuration.parents), outboxes: [live])
    downlinks = DownlinkTable(
      configuration: .init(
        monitor: configuration.name, children: configuration.allowedChildren,
        monitors: configuration.allMonitors, schema: schema))
    lanes[.live] = makeLane(
      .live, newest: live.newest, known: resumption.produced[.live] ?? [])
    for position in resumption.children where position.lane == .live {
      positions[position.child, default: [:]][.live] = position.sequence
    }
  }

  // MARK: Resuming

  /// Feeds a stored report of a child through fresh engines; before `start`.
  public mutating func resume(_ report: Report) {
    lanes[.live]?.correlation?.receive(report)
    lanes[.live]?.received += 1
  }

  /// Begins: `resumption` is the one given to `init`.
  public mutating func start(_ now: HostTime, resuming resumption: Resumption = Resumption()) {
    for child in configuration.expectedChildren { leases[child] = Lease(lastHeard: now) }
    for position in resumption.children where position.lane == .live {
      lanes[.live]?.correlation?.setWatermark(position.watermark, of: position.child)
    }
    process(.live, now)
    obey(uplink.start(now), now)
  }

  // MARK: Local tier

  /// What a lane's own engines found, and the event time up to which they are through.
  public mutating func produced(
    _ reports: [Report], lane: LaneName, watermark: CaptureTime, _ now: HostTime
  ) {
    guard let reached = lanes[lane]?.watermark else { return }
    lanes[lane]?.watermark = max(reached, watermark)
    publish(reports, lane, now)
  }

  // MARK: The link up

  public mutating func parentOpened(_ parent: MonitorName, _ now: HostTime) {
    obey(uplink.connected(parent, now), now)
  }

  public mutating func parentSaid(
    _ message: LinkMessage, _ parent: MonitorName, _ now: HostTime
  ) {
    obey(uplink.received(message, from: parent, now), now)
  }

  public mutating func parentClosed(_ parent: MonitorName, reason: String, _ now: HostTime) {
    obey(uplink.disconnected(parent, reason: reason, now), now)
  }

  public mutating func loaded(_ entries: [SequencedReport], lane: LaneName, _ now: HostTime) {
    obey(uplink.loaded(entries, lane: lane, now), now)
  }

  // MARK: The links down

  public mutating func childOpened(
    _ connection: ConnectionID, _ identity: PeerIdentity, _ now: HostTime
  ) {
    obey(downlinks.opened(connection, identity, now), now)
  }

  public mutating func childSaid(
    _ message: LinkMessage, _ connection: ConnectionID, _ now: HostTime
  ) {
    obey(downlinks.received(connection, message, now), now)
  }

  public mutating func childClosed(_ connection: ConnectionID, reason: String, _ now: HostTime) {
    obey(downlinks.closed(connection, reason: reason), now)
    for (lane, state) in lanes where state.owner == connection { endDrill(lane, now) }
  }

  // MARK: The clock

  /// When `tick` is due at the latest.
  public var nextTick: HostTime { uplink.nextTick }

  /// Obeys the host's clock: leases, heartbeats, redials.
  public mutating func tick(_ now: HostTime) {
    let silent = leases.filter { _, lease in
      lease.isAlive
        && now >= lease.lastHeard.adding(milliseconds: configuration.leaseMilliseconds)
    }
    if !silent.isEmpty { declare(silent.keys.sorted(), alive: false, now) }
    uplink.setLosses(losses)
    obey(uplink.tick(now), now)
    obey(downlinks.tick(now), now)
  }

  /// The process ends: says goodbye. What is stored goes on where it stopped.
  public mutating func stop(_ now: HostTime) {
    obey(uplink.stop(reason: "'\(configuration.name)' stops", now), now)
    obey(downlinks.stop(reason: "'\(configuration.name)' stops"), now)
  }

  // MARK: Directives

  /// What is to be done since the last call.
  public mutating func takeDirectives() -> [NodeDirective] {
    defer { directives = [] }
    return directives
  }

  mutating func add(_ directive: NodeDirective) { directives.append(directive) }

  mutating func log(
    _ level: NodeLogEntry.Level, _ text: String, _ fields: [String: String] = [:]
  ) {
    directives.append(.log(NodeLogEntry(level, text, fields)))
  }

  // MARK: Lanes

  func makeLane(
    _ name: LaneName, newest: UInt64 = 0, known: Set<ReportRevision> = []
  ) -> NodeLane {
    let subscription = configuration.subscription
    let isRoot = configuration.parents.isEmpty
    return NodeLane(
      correlation: configuration.tier == .local ? nil : configuration.makeLane(name),
      output: LaneOutput(
        budget: isRoot ? nil : subscription.budget,
        wants: {
          isRoot || subscription.wants($0.kind, $0.reportClass, severity: $0.severity)
        },
        newest: newest, known: known))
  }

  /// Lets a lane correlate what its children's watermarks allow.
  mutating func process(_ lane: LaneName, _ now: HostTime) {
    guard let reports = lanes[lane]?.process(), configuration.tier != .local else { return }
    publish(reports, lane, now)
  }

  private mutating func publish(_ reports: [Report], _ lane: LaneName, _ now: HostTime) {
    guard let watermark = lanes[lane]?.watermark else { return }
    let accepted =
      lanes[lane]?.output.accept(reports, laneEnded: watermark == .distantFuture) ?? []
    if !accepted.isEmpty { add(.storeProduced(accepted, lane)) }
    if configuration.parents.isEmpty {
      if let newest = accepted.compactMap(\.sequence).last {
        add(.storeAcknowledged(lane, through: newest))
      }
      return
    }
    let entries = accepted.compactMap { entry in
      entry.sequence.map { SequencedReport(sequence: $0, report: entry.report) }
    }
    if !entries.isEmpty { obey(uplink.append(entries, lane: lane, now), now) }
    obey(uplink.setWatermark(watermark, lane: lane, now), now)
  }
}
