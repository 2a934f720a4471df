import Links
import Monitoring
import Terms

/// What an operator may ask of a monitor.
extension MonitorNode {
  mutating func control(
    _ message: LinkMessage, _ name: MonitorName, _ connection: ConnectionID, _ now: HostTime
  ) {
    switch message {
    case .statusRequest: add(.sendDown(.statusReply(status), to: connection))
    case .reportsRequest(let request): add(.fetch(request, for: connection))
    case .lookupRequest(let ids): add(.lookUp(ids, for: connection))
    case .drillBegin(let begin): beginDrill(begin, name, connection, now)
    case .drillData(let data) where lanes[data.lane]?.owner == connection:
      add(.drill(message, for: connection))
    case .drillDataEnd(let lane) where lanes[lane]?.owner == connection:
      add(.drill(message, for: connection))
    case .drillEnd(let lane):
      endDrill(lane, now)
      reply(connection, isOK: true, "drill \(lane) is over")
    default: reply(connection, isOK: false, "'\(message.name)' names a drill that is not yours")
    }
  }

  private mutating func beginDrill(
    _ begin: DrillBegin, _ name: MonitorName, _ connection: ConnectionID, _ now: HostTime
  ) {
    guard begin.lane != .live, lanes[begin.lane] == nil else {
      return reply(connection, isOK: false, "drill '\(begin.lane)' is already running here")
    }
    guard lanes.count <= Self.drillLimit else {
      return reply(connection, isOK: false, "\(Self.drillLimit) drills are already running here")
    }
    var lane = makeLane(begin.lane)
    lane.owner = connection
    for (child, lease) in leases where !lease.isAlive {
      if configuration.peersHeard.contains(child) {
        lane.council?.setAlive(false, child)
      } else {
        lane.correlation?.setAlive(false, child: child)
      }
    }
    lanes[begin.lane] = lane
    log(.info, "drill begins", ["drill": begin.lane.text, "operator": name.text])
    if configuration.tier == .local {
      add(.drill(.drillBegin(begin), for: connection))
    } else {
      reply(connection, isOK: true, "drill \(begin.lane) begins")
    }
  }

  /// Releases everything that belongs to a drill.
  mutating func endDrill(_ lane: LaneName, _ now: HostTime) {
    guard lane != .live, lanes.removeValue(forKey: lane) != nil else { return }
    uplink.dropLane(lane)
    for peer in peerLinks.keys { peerLinks[peer]?.dropLane(lane) }
    acknowledged[lane] = nil
    intake.forget(lane)
    for child in positions.keys { positions[child]?[lane] = nil }
    add(.release(lane))
    if configuration.tier == .local { add(.drillOver(lane)) }
    log(.info, "drill ends", ["drill": lane.text])
  }

  private mutating func reply(_ connection: ConnectionID, isOK: Bool, _ text: String) {
    add(.sendDown(.controlReply(ControlReply(isOK: isOK, text: text)), to: connection))
  }

  /// Loss counters of this monitor, and the sums of its children's under `below.`.
  public var losses: [String: UInt64] {
    var sums = counters
    for lane in lanes.values {
      sums["budget.coarsened", default: 0] += lane.output.coarsened
      sums["budget.shed", default: 0] += lane.output.shed
      sums["reports.unspoken", default: 0] += lane.output.unspoken
      sums["reports.late", default: 0] += lane.correlation?.lateCount ?? 0
      sums["reports.late", default: 0] += lane.council?.lateCount ?? 0
    }
    for told in childLosses.values {
      for (name, count) in told {
        let key = name.hasPrefix("below.") ? name : "below." + name
        sums[key] = (sums[key] ?? 0).addingReportingOverflow(count).partialValue
      }
    }
    return sums.filter { $0.value > 0 }
  }

  /// Adds to a loss counter, such as the kernel's drops.
  public mutating func setCounter(_ name: String, _ value: UInt64) { counters[name] = value }

  /// What `beryl status` shows; the process adds packets, uptime and its id.
  public var status: MonitorStatus {
    let lanes = lanes.sorted { $0.key < $1.key }.map { name, lane in
      let spooled = spooled(name)
      return MonitorStatus.Lane(
        name: name, watermark: lane.reached, received: lane.received,
        produced: lane.output.producedCount,
        acknowledged: lane.output.sentCount - min(lane.output.sentCount, spooled),
        spooled: spooled, sentBytes: lane.sentBytes,
        sent: configuration.parents.isEmpty ? 0 : uplink.sent(name))
    }
    let linked = downlinks.children
    let children = Set(leases.keys).union(linked).sorted().map { child in
      MonitorStatus.Child(
        name: child, isConnected: linked.contains(child),
        isAlive: (leases[child]?.isAlive ?? true) && !stalls.stalled.contains(child),
        watermark: self.lanes[.live]?.correlation?.watermark(of: child)
          ?? self.lanes[.live]?.council?.watermark(of: child) ?? .distantPast)
    }
    return MonitorStatus(
      monitor: configuration.name, tier: configuration.tier, parentInUse: uplink.parentInUse,
      lanes: lanes, children: children, peers: peerStatus, losses: losses)
  }
}
