import Links
import Monitoring
import Reports
import Terms

/// What the link machines want, carried out.
extension MonitorNode {
  mutating func obey(_ wanted: [UplinkMachine.Directive], _ now: HostTime) {
    for directive in wanted {
      switch directive {
      case .dial(let parent): add(.dial(parent))
      case .send(let message, let parent):
        if case .batch(let batch) = message { countSent(batch) }
        add(.sendUp(message, to: parent))
      case .close(let parent, let reason): add(.closeUp(parent, reason: reason))
      case .load(let lane, let after, let limit):
        add(.load(lane, after: after, limit: limit))
      case .acknowledged(let lane, let through):
        add(.storeAcknowledged(lane, through: through))
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
        heard(child, now)
      case .left(let child, let reason):
        log(.warning, "child left", ["child": child.text, "reason": reason])
        if !configuration.expectedChildren.contains(child) { release(child, now) }
      case .store(let child, let lane, let entries, let through, let watermark):
        store(entries, child, lane, through: through, watermark: watermark, connection, now)
      case .heartbeat(let child, let heartbeat): heard(heartbeat, child, now)
      case .rejected(let child, let lane, let sequence, let why):
        counters["reports.rejected", default: 0] += 1
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

  private mutating func store(
    _ entries: [SequencedReport], _ child: MonitorName, _ lane: LaneName, through: UInt64,
    watermark: CaptureTime, _ connection: ConnectionID, _ now: HostTime
  ) {
    heard(child, now)
    if lanes[lane] == nil {
      // A drill that is over, or was never begun here: nothing of it is kept.
      counters["drill.discarded", default: 0] += UInt64(entries.count)
      obey(downlinks.stored(connection, lane, through: through), now)
      return
    }
    positions[child, default: [:]][lane] = through
    add(.storeReceived(entries, from: child, lane, through: through, watermark: watermark))
    for entry in entries { lanes[lane]?.correlation?.receive(entry.report) }
    lanes[lane]?.received += UInt64(entries.count)
    lanes[lane]?.correlation?.setWatermark(watermark, of: child)
    obey(downlinks.stored(connection, lane, through: through), now)
    process(lane, now)
  }

  private mutating func heard(
    _ heartbeat: Heartbeat, _ child: MonitorName, _ now: HostTime
  ) {
    heard(child, now)
    childLosses[child] = heartbeat.losses
    for (lane, watermark) in heartbeat.watermarks.sorted(by: { $0.key < $1.key })
    where lanes[lane] != nil {
      lanes[lane]?.correlation?.setWatermark(watermark, of: child)
      process(lane, now)
    }
  }

  /// Renews a child's lease; a dead child is back.
  mutating func heard(_ child: MonitorName, _ now: HostTime) {
    let wasAlive = leases[child]?.isAlive ?? true
    leases[child, default: Lease(lastHeard: now)].lastHeard = now
    if !wasAlive { declare([child], alive: true, now) }
  }

  /// Dead children no longer hold time back, and are named in every verdict's coverage.
  mutating func declare(_ children: [MonitorName], alive: Bool, _ now: HostTime) {
    for child in children {
      leases[child]?.isAlive = alive
      log(
        alive ? .info : .warning, alive ? "child is back" : "child declared dead",
        ["child": child.text])
    }
    for lane in lanes.keys.sorted() {
      for child in children { lanes[lane]?.correlation?.setAlive(alive, child: child) }
      process(lane, now)
    }
  }

  /// A child of another parent that was here meanwhile has gone home: it holds nothing up any more.
  private mutating func release(_ child: MonitorName, _ now: HostTime) {
    leases[child] = nil
    for lane in lanes.keys.sorted() {
      lanes[lane]?.correlation?.remove(child: child)
      process(lane, now)
    }
  }

  private mutating func countSent(_ batch: Batch) {
    let bytes = batch.entries.reduce(0) { $0 + ReportCoding.sizeEstimate($1.report) }
    lanes[batch.lane]?.sentBytes += UInt64(max(0, bytes))
  }
}
