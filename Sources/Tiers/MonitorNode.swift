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
  /// One link to each peer that is told; all read the one outbox.
  var peerLinks: [MonitorName: UplinkMachine] = [:]
  /// What the store was told that everybody has.
  var acknowledged: [LaneName: UInt64] = [:]
  var downlinks: DownlinkTable
  var lanes: [LaneName: NodeLane] = [:]
  var leases: [MonitorName: Lease] = [:]
  /// The newest durable sequence of each child's lane.
  var positions: [MonitorName: [LaneName: UInt64]] = [:]
  /// Own counters; those of lanes are added by `losses`.
  var counters: [String: UInt64] = [:]
  /// Loss counters that children told, the newest of each.
  var childLosses: [MonitorName: [String: UInt64]] = [:]
  var intake: Intake
  var stalls = StallWatch()
  /// Where the newest checkpoint stands.
  var checkpointed = CheckpointMark()
  private var directives: [NodeDirective] = []

  /// Whether a child has been heard of lately, on the host's clock.
  struct Lease: Sendable {
    var lastHeard: HostTime
    var isAlive = true
    /// It lives, but none of its own children does.
    var isBlind = false
  }

  public init(_ configuration: NodeConfiguration, resuming resumption: Resumption = Resumption()) {
    self.configuration = configuration
    intake = Intake(rates: configuration.childBudgets)
    let schema = configuration.schema
    let hello = Hello(
      monitor: configuration.name, tier: configuration.tier,
      schemaDigest: configuration.schemaDigest, kindDigests: configuration.kindDigests)
    var live = Resumption.Outbox(
      lane: .live, newest: configuration.sequenceBase, acknowledged: configuration.sequenceBase)
    if let stored = resumption.outboxes.first(where: { $0.lane == .live }), stored.newest > 0 {
      live = stored
    }
    uplink = UplinkMachine(
      configuration: .init(hello: hello, parents: configuration.parents), outboxes: [live])
    for (peer, subscription) in configuration.peersTold {
      peerLinks[peer] = UplinkMachine(
        configuration: .init(
          hello: hello, parents: [peer],
          wants: { subscription.wants($0.kind, $0.reportClass, severity: $0.severity) }),
        outboxes: [live])
    }
    acknowledged[.live] = live.acknowledged
    downlinks = DownlinkTable(
      configuration: .init(
        monitor: configuration.name, children: configuration.allowedChildren,
        monitors: configuration.allMonitors, schema: schema,
        digests: (configuration.schemaDigest, configuration.kindDigests)))
    lanes[.live] = makeLane(
      .live, newest: live.newest, known: resumption.produced[.live] ?? [])
    for position in resumption.children where position.lane == .live {
      positions[position.child, default: [:]][.live] = position.sequence
    }
  }

  // MARK: Resuming

  /// Takes a stored report of a child again; before `start`.
  /// - Parameter reached: the event time that the lane had reached when it came.
  public mutating func resume(_ report: Report, of child: MonitorName, reached: CaptureTime) {
    lanes[.live]?.receive(
      report, isOfPeer: configuration.peersHeard.contains(child), reached: reached)
  }

  /// Begins: `resumption` is the one given to `init`.
  public mutating func start(_ now: HostTime, resuming resumption: Resumption = Resumption()) {
    for child in configuration.expectedChildren + configuration.peersHeard.sorted() {
      leases[child] = Lease(lastHeard: now)
    }
    for position in resumption.children where position.lane == .live {
      setWatermark(position.watermark, of: position.child, .live)
    }
    process(.live, now)
    obey(uplink.start(now), now)
    eachPeerLink(now) { $0.start(now) }
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

  // MARK: The links up: parents and peers

  public mutating func parentOpened(_ parent: MonitorName, _ now: HostTime) {
    onLink(to: parent, now) { $0.connected(parent, now) }
  }

  public mutating func parentSaid(
    _ message: LinkMessage, _ parent: MonitorName, _ now: HostTime
  ) {
    onLink(to: parent, now) { $0.received(message, from: parent, now) }
  }

  public mutating func parentClosed(_ parent: MonitorName, reason: String, _ now: HostTime) {
    onLink(to: parent, now) { $0.disconnected(parent, reason: reason, now) }
  }

  /// The answer to `load`.
  public mutating func loaded(
    _ entries: [SequencedReport], lane: LaneName, peer: MonitorName? = nil, _ now: HostTime
  ) {
    if let peer {
      onLink(to: peer, now) { $0.loaded(entries, lane: lane, now) }
    } else {
      obey(uplink.loaded(entries, lane: lane, now), now)
    }
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
    intake.forget(connection)
    obey(downlinks.closed(connection, reason: reason), now)
    for (lane, state) in lanes where state.owner == connection { endDrill(lane, now) }
  }

  // MARK: The clock

  /// When `tick` is due at the latest.
  public var nextTick: HostTime {
    peerLinks.values.reduce(uplink.nextTick) { min($0, $1.nextTick) }
  }

  /// Obeys the host's clock: leases, heartbeats, redials.
  public mutating func tick(_ now: HostTime) {
    let silent = leases.filter { _, lease in
      lease.isAlive
        && now >= lease.lastHeard.adding(milliseconds: configuration.leaseMilliseconds)
    }
    if !silent.isEmpty { declare(silent.keys.sorted(), alive: false, now) }
    watchStalls(now)
    uplink.setLosses(losses)
    uplink.setBlind(isBlind)
    obey(uplink.tick(now), now)
    let own = losses
    let isBlind = isBlind
    eachPeerLink(now) {
      $0.setLosses(own)
      $0.setBlind(isBlind)
      return $0.tick(now)
    }
    obey(downlinks.tick(now), now)
    releaseHeld(now)
  }

  /// The process ends: says goodbye. What is stored goes on where it stopped.
  public mutating func stop(_ now: HostTime) {
    if lanes[.live]?.received ?? 0 > checkpointed.received { checkpoint() }
    let reason = "'\(configuration.name)' stops"
    obey(uplink.stop(reason: reason, now), now)
    eachPeerLink(now) { $0.stop(reason: reason, now) }
    obey(downlinks.stop(reason: reason), now)
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
    let told = configuration.subscriptions
    return NodeLane(
      correlation: configuration.tier == .local ? nil : configuration.makeLane(name),
      council: configuration.makeCouncil?(name),
      output: LaneOutput(
        budget: configuration.budget,
        wants: { report in
          told.isEmpty
            || told.contains {
              $0.wants(report.kind, report.reportClass, severity: report.severity)
            }
        },
        schema: configuration.schema, newest: newest, known: known))
  }

  /// Lets a lane correlate what its children's watermarks allow.
  mutating func process(_ lane: LaneName, _ now: HostTime) {
    guard let reports = lanes[lane]?.process() else { return }
    guard configuration.tier != .local else { return deliberate(lane) }
    publish(reports, lane, now)
    if lane == .live, isCheckpointDue { checkpoint() }
  }

  private mutating func publish(_ reports: [Report], _ lane: LaneName, _ now: HostTime) {
    guard let watermark = lanes[lane]?.watermark else { return }
    let accepted =
      lanes[lane]?.output.accept(reports, laneEnded: watermark == .distantFuture) ?? []
    if !accepted.isEmpty { add(.storeProduced(accepted, lane)) }
    tellCouncil(reports, watermark, lane)
    if configuration.subscriptions.isEmpty {
      if let newest = accepted.compactMap(\.sequence).last {
        add(.storeAcknowledged(lane, through: newest))
      }
      return
    }
    let entries = accepted.compactMap { entry in
      entry.sequence.map { SequencedReport(sequence: $0, report: entry.report) }
    }
    if !configuration.parents.isEmpty {
      if !entries.isEmpty { obey(uplink.append(entries, lane: lane, now), now) }
      obey(uplink.setWatermark(watermark, lane: lane, now), now)
    }
    eachPeerLink(now) {
      (entries.isEmpty ? [] : $0.append(entries, lane: lane, now))
        + $0.setWatermark(watermark, lane: lane, now)
    }
  }
}
