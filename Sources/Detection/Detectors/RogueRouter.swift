import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds hosts that make themselves the segment's IPv6 router (RFC 6104), speak for its router, or
/// flood it with invented ones.
///
/// A router is known by having advertised before, by being one of the topology's gateways, or by
/// forwarding other networks' packets. A second router of the same network is no intruder; a host
/// that has an address of its own, forwards nothing and advertises all the same is one, and so is
/// whoever speaks in a known router's name from another interface.
struct RogueRouter: FlowReader {
  static let advertisements = EngineLimit(
    "rogue-router.advertisements", 2, .count,
    "Advertisements of a host that is no router that are reported.")
  static let flood = EngineLimit(
    "rogue-router.flood", 12, .count, "New routers within a minute that are a flood of them.")
  static let routers = EngineLimit(
    "rogue-router.routers", 256, .count, "Advertising interfaces remembered at once.")
  static let memory = EngineLimit(
    "rogue-router.memory", 7200, .duration, "How long a silent router is remembered.")
  static let quiet = EngineLimit(
    "rogue-router.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "rogue-router.spacing", 10, .duration, "Least time between two revisions of one report.")
  static let limits = [advertisements, flood, routers, memory, quiet, spacing]

  /// How much longer than another a router must be known to be the elder.
  static let seniority = TimeSpan.seconds(5)
  /// What stands for all the interfaces of a flood.
  private static let everybody = MACAddress(bits: 0xffff_ffff_ffff)

  enum Technique: String {
    case advertisement = "router-advertisement"
    case impersonation = "router-impersonation"
    case flood = "router-advertisement-flood"
  }

  struct Detail: Sendable {
    var address = IPAddress.unspecified
    var prefix = IPAddress.unspecified
    /// The router whose place or name it takes.
    var rival = MACAddress.unknown
    var technique = Technique.advertisement
  }

  private let advertisementLimit: UInt64
  private let floodLimit: Double
  private let gateways: [IPAddress]
  private var routers: Routers
  /// Addresses that hardware addresses own by their own word in ARP.
  private var hosts: BoundedTable<IPAddress>
  /// Interfaces that advertise, and the one that did so first for each address.
  private var seen: SightingTable<Detail>
  private var firstBearer: BoundedTable<MACAddress>

  init(_ context: DetectionContext) {
    let limits = context.limits
    advertisementLimit = UInt64(max(limits.count(Self.advertisements), 1))
    floodLimit = max(limits[Self.flood], 2)
    gateways = context.gateways
    routers = Routers(gateways: context.gateways)
    hosts = BoundedTable(capacity: 1024, empty: .unspecified)
    firstBearer = BoundedTable(capacity: limits.count(Self.routers), empty: .unknown)
    seen = SightingTable(
      capacity: limits.count(Self.routers), empty: Detail(), halfLife: .seconds(60),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  var interest: EventClasses {
    .flow(.opened, .arp, .neighbour)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .opened:
      routers.note(event.pointee.sourceMAC, carries: event.pointee.source, at: event.pointee.time)
      routers.note(event.pointee.targetMAC, carries: event.pointee.target, at: event.pointee.time)
    case .arp:
      guard !event.pointee.source.isUnspecified, event.pointee.sourceMAC != .unknown else { return }
      let slot = hosts.admit(
        key(event.pointee.sourceMAC, 0), asOf: event.pointee.time,
        until: event.pointee.time + .minutes(5))
      if slot >= 0 { hosts[slot] = event.pointee.source }
    case .neighbour where event.pointee.arpOperation == NeighbourNotice.routerAdvertisement:
      take(event, into: &sink)
    default: return
    }
  }
}

// MARK: - Advertisements

extension RogueRouter {
  private func key(_ mac: MACAddress, _ vlan: UInt16) -> TableKey {
    TableKey(.unspecified, detail: mac.bits << 16 | UInt64(vlan))
  }

  /// The interface that sent an advertisement.
  private func sender(_ event: UnsafePointer<FlowEvent>) -> MACAddress {
    event.pointee.frameMAC == .unknown ? event.pointee.sourceMAC : event.pointee.frameMAC
  }

  private mutating func take(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let mac = sender(event)
    let isNew = seen.find(key(mac, event.pointee.vlan)) < 0
    if isNew { countFlood(event, into: &sink) }
    let slot = seen.note(
      key(mac, event.pointee.vlan), count: 1, packet: event.pointee.packet, at: event.pointee.time)
    guard slot >= 0 else { return }
    seen[slot].detail.address = event.pointee.source
    seen[slot].detail.prefix = event.pointee.subject
    let verdict = verdict(event, mac, at: slot)
    if let verdict {
      seen[slot].detail.technique = verdict.technique
      seen[slot].detail.rival = verdict.rival
      seen[slot].sources.insert(event.pointee.source)
    }
    let isTold = verdict != nil && seen[slot].count >= advertisementLimit
    if seen.isDue(slot, isTold: isTold, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
  }

  /// New interfaces that advertise, fading within a minute.
  private mutating func countFlood(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let slot = seen.note(
      key(Self.everybody, event.pointee.vlan), count: 1, packet: event.pointee.packet,
      at: event.pointee.time)
    guard slot >= 0 else { return }
    seen[slot].detail.technique = .flood
    seen[slot].detail.address = event.pointee.source
    seen[slot].detail.prefix = event.pointee.subject
    seen[slot].sources.insert(event.pointee.source)
    if seen.isDue(slot, isTold: seen[slot].score >= floodLimit, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
  }

  private func isRouter(_ mac: MACAddress) -> Bool {
    let slot = hosts.find(key(mac, 0))
    guard slot >= 0 else { return routers.forwards(mac) }
    let own = hosts[slot]
    return gateways.contains(own) || routers.contains(own, mac)
  }

  private mutating func verdict(
    _ event: UnsafePointer<FlowEvent>, _ mac: MACAddress, at slot: Int
  ) -> (technique: Technique, rival: MACAddress)? {
    // Virtual routers share an address between interfaces by design.
    guard !mac.isVirtualRouter, !gateways.contains(event.pointee.source) else { return nil }
    let bearer = firstBearer.admit(
      TableKey(event.pointee.source, detail: UInt64(event.pointee.vlan)), asOf: event.pointee.time,
      until: event.pointee.time + .minutes(30))
    if bearer >= 0 {
      if firstBearer[bearer] == .unknown { firstBearer[bearer] = mac }
      if firstBearer[bearer] != mac { return (.impersonation, firstBearer[bearer]) }
    }
    guard !isRouter(mac) else { return nil }
    // Somebody else is the router here: by having advertised before, or by what he forwards.
    let elder = elder(than: slot, vlan: event.pointee.vlan)
    if let elder, isRouter(elder) || isHost(mac) || prefixDiffers(slot, elder, event.pointee.vlan) {
      return (.advertisement, elder)
    }
    return isHost(mac) && routers.knowsAny ? (.advertisement, .unknown) : nil
  }

  /// A host that has shown an address of its own and carries nobody else's.
  private func isHost(_ mac: MACAddress) -> Bool { hosts.find(key(mac, 0)) >= 0 && !isRouter(mac) }

  /// The interface that has advertised for longest, if clearly longer.
  private func elder(than slot: Int, vlan: UInt16) -> MACAddress? {
    let own = seen.key(slot)
    let others = seen.table.slots.filter {
      let key = seen.key($0)
      return $0 != slot && key.detail & 0xffff == UInt64(vlan)
        && key.detail >> 16 != Self.everybody.bits && key != own
        && seen[slot].first - seen[$0].first >= Self.seniority
    }
    let first = others.min { (seen[$0].first, $0) < (seen[$1].first, $1) }
    return first.map { MACAddress(bits: seen.key($0).detail >> 16) }
  }

  private func prefixDiffers(_ slot: Int, _ elder: MACAddress, _ vlan: UInt16) -> Bool {
    let other = seen.find(key(elder, vlan))
    guard other >= 0 else { return false }
    let prefixes = (seen[slot].detail.prefix, seen[other].detail.prefix)
    return !prefixes.0.isUnspecified && !prefixes.1.isUnspecified && prefixes.0 != prefixes.1
  }
}

// MARK: - Judging

extension RogueRouter {
  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let detail = sighting.detail
    let isFlood = detail.technique == .flood
    let mac = MACAddress(bits: seen.key(slot).detail >> 16)
    let limit = isFlood ? floodLimit : Double(advertisementLimit)
    var report = sink.opening(
      .arpSpoof, subject: "router \(mac)", first: sighting.first, last: sighting.last, at: now,
      severity: 8, confidence: detail.technique == .advertisement ? 0.8 : 0.95)
    report.sources = sighting.sources
    let host = hosts.find(key(mac, 0))
    if host >= 0 { report.sources.insert(hosts[host]) }
    report.targets.insert(detail.prefix.isUnspecified ? detail.address : detail.prefix)
    report.attributes = [
      "technique": .text(detail.technique.rawValue), "claimed": .address(detail.address),
      "claims": .count(sighting.count),
    ]
    if !isFlood { report.attributes["mac"] = .mac(mac) }
    if detail.rival != .unknown { report.attributes["previous"] = .mac(detail.rival) }
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        isFlood ? "new routers within a minute" : "advertisements",
        isFlood ? sighting.score : Double(sighting.count), threshold: limit)
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension RogueRouter: LossCounting {
  var losses: UInt64 { seen.losses }
}

extension MACAddress {
  /// VRRP and CARP (RFC 9568), HSRP and GLBP: hardware addresses that move between routers.
  var isVirtualRouter: Bool {
    switch bits >> 8 {
    // 00:00:5e:00:01 and 02; 00:00:0c:07:ac; 00:05:73:a0:00 and up.
    case 0x5e_0001, 0x5e_0002, 0x0c_07ac, 0x05_73a0_00...0x05_73a0_0f: return true
    // 00:00:0c:9f:f; 00:07:b4:00.
    default: return bits >> 12 == 0xc9ff || bits >> 16 == 0x07b4_00
    }
  }
}
