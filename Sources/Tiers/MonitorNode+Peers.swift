import Links
import Monitoring
import Reports
import Terms

/// Monitors without parents: each tells its peers what it concludes, and joins what they tell.
extension MonitorNode {
  /// Gives every link to a peer its turn, in order of their names.
  mutating func eachPeerLink(
    _ now: HostTime, _ body: (inout UplinkMachine) -> [UplinkMachine.Directive]
  ) {
    for peer in peerLinks.keys.sorted() {
      guard var link = peerLinks[peer] else { continue }
      let wanted = body(&link)
      peerLinks[peer] = link
      obey(wanted, peer: peer, now)
    }
  }

  /// Runs `body` on the link to a peer of that name, else on the link to the parents.
  mutating func onLink(
    to name: MonitorName, _ now: HostTime,
    _ body: (inout UplinkMachine) -> [UplinkMachine.Directive]
  ) {
    guard var link = peerLinks[name] else { return obey(body(&uplink), now) }
    let wanted = body(&link)
    peerLinks[name] = link
    obey(wanted, peer: name, now)
  }

  /// Tells the store what parents and peers all have; a peer that is too far behind does not count.
  mutating func acknowledge(_ lane: LaneName) {
    let newest = lanes[lane]?.output.newest ?? 0
    let patience = newest - min(newest, NodeConfiguration.peerSpoolLimit)
    let parents = configuration.parents.isEmpty ? newest : uplink.acknowledged(lane)
    let through = peerLinks.values.reduce(parents) {
      min($0, max(patience, $1.acknowledged(lane)))
    }
    guard through > acknowledged[lane] ?? 0 else { return }
    acknowledged[lane] = through
    add(.storeAcknowledged(lane, through: through))
  }

  /// Reports of a lane that wait for whoever is furthest behind.
  func spooled(_ lane: LaneName) -> UInt64 {
    let parents = configuration.parents.isEmpty ? 0 : uplink.spoolDepths[lane] ?? 0
    return peerLinks.values.reduce(parents) { max($0, $1.spoolDepths[lane] ?? 0) }
  }

  /// A child or peer promises that nothing at or before `time` will follow.
  mutating func setWatermark(_ time: CaptureTime, of child: MonitorName, _ lane: LaneName) {
    if configuration.peersHeard.contains(child) {
      lanes[lane]?.council?.setWatermark(time, of: child)
    } else {
      lanes[lane]?.correlation?.setWatermark(time, of: child)
    }
    if lane == .live { recognise(child) }
  }

  /// What this monitor concludes is its own word in the council.
  mutating func tellCouncil(_ reports: [Report], _ watermark: CaptureTime, _ lane: LaneName) {
    guard lanes[lane]?.council != nil else { return }
    for report in reports { lanes[lane]?.council?.receive(report) }
    lanes[lane]?.council?.setWatermark(watermark, of: configuration.name)
    deliberate(lane)
  }

  /// Keeps what the council has to say by now; it goes to nobody.
  mutating func deliberate(_ lane: LaneName) {
    guard let reports = lanes[lane]?.council?.process(), !reports.isEmpty else { return }
    let kept = lanes[lane]?.output.keep(reports) ?? []
    if !kept.isEmpty { add(.storeProduced(kept, lane)) }
  }

  /// How each lane's links to peers fare, for `status`.
  var peerStatus: [MonitorStatus.Peer] {
    peerLinks.sorted { $0.key < $1.key }.flatMap { peer, link in
      lanes.sorted { $0.key < $1.key }.map { name, lane in
        MonitorStatus.Peer(
          name: peer, isLinked: link.parentInUse == peer, lane: name, sent: link.sent(name),
          sentBytes: lane.sentToPeers[peer] ?? 0)
      }
    }
  }
}

extension NodeLane {
  /// Takes a report of a child, or of a peer.
  /// - Parameter reached: the event time reached when it came first, where it is taken again.
  mutating func receive(
    _ report: Report, isOfPeer: Bool, reached: CaptureTime = .distantPast
  ) {
    received += 1
    if isOfPeer {
      council?.receive(report, reached: reached)
    } else {
      correlation?.receive(report, reached: reached)
    }
  }

  /// The event time that a report of a child, or of a peer, comes to.
  func reached(isOfPeer: Bool) -> CaptureTime {
    (isOfPeer ? council?.watermark : correlation?.watermark) ?? .distantPast
  }

  /// The event time that everything here has reached.
  var reached: CaptureTime { council.map { min(watermark, $0.watermark) } ?? watermark }
}
