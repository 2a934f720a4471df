import Links
import Monitoring
import Reports
import Terms

/// What the link machines want, carried out.
extension MonitorNode {
  /// - Parameter peer: whose link it is; nil for the parents'.
  mutating func obey(
    _ wanted: [UplinkMachine.Directive], peer: MonitorName? = nil, _ now: HostTime
  ) {
    for directive in wanted {
      switch directive {
      case .dial(let parent): add(.dial(parent))
      case .send(let message, let parent):
        if case .batch(let batch) = message { countSent(batch, to: peer) }
        add(.sendUp(message, to: parent))
      case .close(let parent, let reason): add(.closeUp(parent, reason: reason))
      case .load(let lane, let after, let limit):
        add(.load(lane, after: after, limit: limit, peer: peer))
      case .acknowledged(let lane, _): acknowledge(lane)
      case .ended: break
      case .linked(let parent): log(.info, "linked to parent", ["parent": parent.text])
      case .unlinked(let parent, let reason):
        log(.warning, "link to parent lost", ["parent": parent.text, "reason": reason])
      case .refused(let parent, let refusal):
        log(.warning, "parent refused", ["parent": parent.text, "reason": "\(refusal)"])
      }
    }
  }

  mutating func obey(_ wanted: [DownlinkTable.Directive], _ now: HostTime) {
    for directive in wanted {
      let connection = directive.connection
      switch directive.action {
      case .send(let message): add(.sendDown(message, to: connection))
      case .close(let reason): add(.closeDown(connection, reason: reason))
      case .admit(let hello):
        let known = positions[hello.monitor] ?? [:]
        obey(downlinks.admit(connection, positions: known, now), now)
      case .linked(let child):
        log(.info, "child linked", ["child": child.text])
        // One that fails over to here must not come late: time waits for it from now on.
        if !configuration.peersHeard.contains(child) {
          lanes[.live]?.correlation?.expect(child)
        }
        heard(child, now)
      case .left(let child, let reason):
        intake.forget(connection)
        log(.warning, "child left", ["child": child.text, "reason": reason])
        if !configuration.expectedChildren.contains(child),
          !configuration.peersHeard.contains(child)
        {
          release(child, now)
        }
      case .store(let child, let lane, let entries, let through, let watermark):
        take(entries, child, lane, through: through, watermark: watermark, connection, now)
      case .heartbeat(let child, let heartbeat): heard(heartbeat, child, now)
      case .rejected(let child, let lane, let sequence, let why):
        reject(sequence, of: child, lane, why)
        // One that sends nothing else must not fill the log: the first, second, fourth, eighth…
        guard counters["reports.rejected", default: 0].nonzeroBitCount == 1 else { continue }
        log(
          .warning, "report rejected",
          [
            "child": child.text, "lane": lane.description, "sequence": "\(sequence)",
            "reason": "\(why)",
          ])
      case .refused(let identity, let refusal):
        counters["links.refused", default: 0] += 1
        log(.warning, "peer refused", ["peer": "\(identity)", "reason": "\(refusal)"])
      case .control(let name, let message): control(message, name, connection, now)
      }
    }
  }

  mutating func store(
    _ received: [SequencedReport], _ child: MonitorName, _ lane: LaneName, through: UInt64,
    watermark: CaptureTime, _ connection: ConnectionID, _ now: HostTime
  ) {
    heard(child, now)
    if lanes[lane] == nil {
      // A drill that is over, or was never begun here: nothing of it is kept.
      counters["drill.discarded", default: 0] += UInt64(received.count)
      obey(downlinks.stored(connection, lane, through: through), now)
      return
    }
    var entries = received
    shed(&entries, of: child, lane)
    positions[child, default: [:]][lane] = through
    let isPeer = configuration.peersHeard.contains(child)
    let reached = lanes[lane]?.reached(isOfPeer: isPeer) ?? .distantPast
    add(
      .storeReceived(
        entries, from: child, lane, through: through, watermark: watermark, reached: reached))
    for entry in entries { lanes[lane]?.receive(entry.report, isOfPeer: isPeer) }
    setWatermark(watermark, of: child, lane)
    obey(downlinks.stored(connection, lane, through: through), now)
    advance(lane, child, now)
  }

  /// What a child's or peer's word makes possible.
  private mutating func advance(_ lane: LaneName, _ child: MonitorName, _ now: HostTime) {
    if configuration.peersHeard.contains(child) {
      deliberate(lane)
    } else {
      process(lane, now)
    }
  }

  private mutating func heard(
    _ heartbeat: Heartbeat, _ child: MonitorName, _ now: HostTime
  ) {
    heard(child, now)
    if let lease = leases[child], lease.isBlind != heartbeat.isBlind {
      leases[child]?.isBlind = heartbeat.isBlind
      declare([child], alive: !heartbeat.isBlind, now)
    }
    childLosses[child] = heartbeat.losses
    for (lane, watermark) in heartbeat.watermarks.sorted(by: { $0.key < $1.key })
    where lanes[lane] != nil && !(lane == .live && intake.isHolding(child)) {
      // While batches wait, a promise that speaks of them must too; the next heartbeat repeats it.
      setWatermark(watermark, of: child, lane)
      advance(lane, child, now)
    }
    releaseHeld(now)
  }

  /// Renews a child's lease; a dead child is back.
  mutating func heard(_ child: MonitorName, _ now: HostTime) {
    let wasDead = leases[child].map { !$0.isAlive && !$0.isBlind } ?? false
    leases[child, default: Lease(lastHeard: now)].lastHeard = now
    if wasDead { declare([child], alive: true, now) }
  }

  /// Whether every child of this monitor is dead or blind: what it correlates stands still.
  public var isBlind: Bool {
    let children = leases.filter { !configuration.peersHeard.contains($0.key) }
    return !children.isEmpty && children.values.allSatisfy { !$0.isAlive }
  }

  /// Dead and blind children no longer hold time back, and are named in every verdict's coverage.
  mutating func declare(_ children: [MonitorName], alive: Bool, _ now: HostTime) {
    for child in children {
      leases[child]?.isAlive = alive
      let isBlind = leases[child]?.isBlind ?? false
      log(
        alive ? .info : .warning,
        alive ? "child is back" : isBlind ? "child is blind" : "child declared dead",
        ["child": child.text])
    }
    for lane in lanes.keys.sorted() {
      for child in children {
        let isWaitedFor = alive && !(lane == .live && stalls.stalled.contains(child))
        let silence: Silence = leases[child]?.isBlind == true ? .blind : .lease
        setAlive(isWaitedFor, child, lane, because: silence)
      }
      process(lane, now)
      deliberate(lane)
    }
  }

  /// Dead or back, in the lane that listens to it.
  mutating func setAlive(
    _ isAlive: Bool, _ child: MonitorName, _ lane: LaneName, because silence: Silence
  ) {
    if configuration.peersHeard.contains(child) {
      lanes[lane]?.council?.setAlive(isAlive, child, because: silence)
    } else {
      lanes[lane]?.correlation?.setAlive(isAlive, child: child, because: silence)
    }
  }

  /// A child of another parent that was here meanwhile has gone home: it holds nothing up any more.
  private mutating func release(_ child: MonitorName, _ now: HostTime) {
    leases[child] = nil
    stalls.forget(child)
    for lane in lanes.keys.sorted() {
      lanes[lane]?.correlation?.remove(child: child)
      process(lane, now)
    }
  }

  /// Whether every lane has come to its end and whoever can hear of it has it.
  /// - Parameter unheard: whether nobody may be there to hear it.
  public func isThrough(unheard: Bool) -> Bool {
    let isUnheard = unheard && uplink.parentInUse == nil
    return lanes.allSatisfy { name, lane in
      (isUnheard || spooled(name) == 0) && (lane.reached == .distantFuture || isBlind)
    }
  }

  private mutating func countSent(_ batch: Batch, to peer: MonitorName?) {
    let bytes = UInt64(
      max(0, batch.entries.reduce(0) { $0 + ReportCoding.sizeEstimate($1.report) }))
    if let peer {
      lanes[batch.lane]?.sentToPeers[peer, default: 0] += bytes
    } else {
      lanes[batch.lane]?.sentBytes += bytes
    }
  }
}
