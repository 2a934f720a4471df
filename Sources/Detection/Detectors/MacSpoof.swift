import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds packets that one host of the segment sends in the name of another's address, from another
/// interface, and redirections that no router sent (RFC 792, RFC 4861).
///
/// Who owns an address is what it says in ARP or neighbour discovery, or shows by a handshake. An address that changes hands
/// (a new lease, a spare interface) has one speaker at a time; here both go on. Where the intruder
/// has an address of its own, that is address spoofing (`spoof.ip`); where not, he has put on
/// another's identity (`spoof.mac`). Frames that were forwarded are told by their time to live.
struct MacSpoof: FlowReader {
  static let flows = EngineLimit(
    "mac-spoof.flows", 4, .count,
    "Flows in the name of an address whose owner is alive that are reported.")
  static let redirects = EngineLimit(
    "mac-spoof.redirects", 2, .count, "Redirections by hosts that are no routers that are reported."
  )
  static let alive = EngineLimit(
    "mac-spoof.alive", 60, .duration, "Silence after which an owner may have given up his address.")
  static let bindings = EngineLimit(
    "mac-spoof.bindings", 4096, .count, "Addresses whose owner is remembered.")
  static let halfLife = EngineLimit(
    "mac-spoof.half-life", 900, .duration, "Time after which an idle count has halved.")
  static let memory = EngineLimit(
    "mac-spoof.memory", 3600, .duration, "Silence after which a new attack begins.")
  static let quiet = EngineLimit(
    "mac-spoof.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "mac-spoof.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [flows, redirects, alive, bindings, halfLife, memory, quiet, spacing]

  private struct Binding: Sendable {
    var owner = MACAddress.unknown
    var last = CaptureTime.distantPast
    /// When somebody else spoke in its name, and whether the owner has spoken since.
    var other = CaptureTime.distantPast
    var alternations = 0
  }

  private enum Role: UInt64 { case neighbour, identity, redirect }

  struct Detail: Sendable {
    var claimed = IPAddress.unspecified
    var owner = MACAddress.unknown
  }

  private let flowLimit: Double
  private let redirectLimit: Double
  private let aliveSpan: TimeSpan
  private let own: AddressRanges
  private var bindings: BoundedTable<Binding>
  /// An address that each hardware address owns.
  private var owned: BoundedTable<IPAddress>
  private var routers: Routers
  /// Interfaces that advertise themselves as routers, as long as they are few: whether they may is not
  /// decided here.
  private var advertisers: [MACAddress] = []
  private static let advertiserLimit = 16
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    flowLimit = max(limits[Self.flows], 1)
    redirectLimit = max(limits[Self.redirects], 1)
    aliveSpan = limits.span(Self.alive)
    own = AddressRanges(context.prefixes)
    bindings = BoundedTable(capacity: limits.count(Self.bindings), empty: Binding())
    owned = BoundedTable(capacity: limits.count(Self.bindings), empty: .unspecified)
    routers = Routers(gateways: context.gateways)
    seen = SightingTable(
      capacity: 512, empty: Detail(), halfLife: limits.span(Self.halfLife),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  var interest: EventClasses {
    [.flow(.opened, .arp, .neighbour), .flow(.established, over: .tcp)]
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .opened:
      routers.note(event.pointee.sourceMAC, carries: event.pointee.source, at: event.pointee.time)
      routers.note(event.pointee.targetMAC, carries: event.pointee.target, at: event.pointee.time)
      if event.pointee.packetsOut > 0, bindings.count > 1 { hold(event, into: &sink) }
    case .established:
      // Nobody completes handshakes in a neighbour's name.
      guard event.pointee.transport == .tcp, event.pointee.probe == .syn else { return }
      prove(event.pointee.source, event.pointee.sourceMAC, event)
      prove(event.pointee.target, event.pointee.targetMAC, event)
    case .arp:
      guard event.pointee.frameMAC == .unknown else { return }
      learn(event.pointee.source, event.pointee.sourceMAC, event)
    case .neighbour: discover(event, into: &sink)
    default: return
    }
  }
}

// MARK: - Owners

extension MacSpoof {
  private func key(_ address: IPAddress, _ vlan: UInt16) -> TableKey {
    TableKey(address, detail: UInt64(vlan))
  }

  private func key(_ mac: MACAddress, _ role: Role = .neighbour) -> TableKey {
    TableKey(.unspecified, detail: mac.bits << 2 | role.rawValue)
  }

  /// Takes a claim at its word, unless the owner spoke lately: who is right then is not decided
  /// here.
  private mutating func learn(
    _ address: IPAddress, _ mac: MACAddress, _ event: UnsafePointer<FlowEvent>
  ) {
    guard !address.isUnspecified, mac != .unknown, !mac.isGroup, !mac.isVirtualRouter else {
      return
    }
    let slot = bindings.admit(
      key(address, event.pointee.vlan), asOf: event.pointee.time,
      until: event.pointee.time + .minutes(1))
    guard slot >= 0 else { return }
    let isOwner = bindings[slot].owner == mac
    guard isOwner || event.pointee.time - bindings[slot].last > aliveSpan else {
      // Two that claim one address are the business of those who watch claims.
      bindings[slot].alternations = -1
      return
    }
    if !isOwner { bindings[slot] = Binding(owner: mac) }
    bindings[slot].last = event.pointee.time
    bindings.keep(slot, until: event.pointee.time + .minutes(10))
    let own = owned.admit(
      key(mac), asOf: event.pointee.time, until: event.pointee.time + .minutes(10))
    if own >= 0 { owned[own] = address }
  }

  private mutating func prove(
    _ address: IPAddress, _ mac: MACAddress, _ event: UnsafePointer<FlowEvent>
  ) {
    guard own.contains(address), !routers.forwards(mac),
      bindings.find(key(address, event.pointee.vlan)) < 0
    else { return }
    learn(address, mac, event)
  }

  /// Holds a flow's first packet against the owner of its source address.
  private mutating func hold(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let slot = bindings.find(key(event.pointee.source, event.pointee.vlan))
    guard slot >= 0, bindings[slot].alternations >= 0, event.pointee.sourceMAC != .unknown else {
      return
    }
    if bindings[slot].owner == event.pointee.sourceMAC {
      if bindings[slot].other >= bindings[slot].last { bindings[slot].alternations += 1 }
      bindings[slot].last = event.pointee.time
      return
    }
    guard event.pointee.time - bindings[slot].last <= aliveSpan,
      event.pointee.source != event.pointee.target,
      !event.pointee.sourceMAC.isVirtualRouter,
      !routers.contains(event.pointee.source, event.pointee.sourceMAC),
      Self.isFresh(event.pointee.timeToLive)
    else { return }
    bindings[slot].other = event.pointee.time
    let own = owned.find(key(event.pointee.sourceMAC))
    let isNeighbour = own >= 0 && owned[own] != event.pointee.source
    // A new owner's first packets may come before it says so: the old one must speak in between.
    guard isNeighbour || bindings[slot].alternations >= 2 else { return }
    note(
      event, by: event.pointee.sourceMAC, isNeighbour ? .neighbour : .identity,
      event.pointee.source,
      bindings[slot].owner, told: event.pointee.target, into: &sink)
  }

  /// Whether the packet comes from its sender and was not forwarded, by the times to live that
  /// systems begin with.
  private static func isFresh(_ timeToLive: UInt8) -> Bool {
    timeToLive == 64 || timeToLive == 128 || timeToLive == 255 || timeToLive == 32
  }
}

// MARK: - Redirections

extension MacSpoof {
  private mutating func discover(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.arpOperation {
    case NeighbourNotice.neighbourSolicitation:
      if event.pointee.frameMAC == .unknown {
        learn(event.pointee.source, event.pointee.sourceMAC, event)
      }
    case NeighbourNotice.routerAdvertisement:
      let mac =
        event.pointee.frameMAC == .unknown ? event.pointee.sourceMAC : event.pointee.frameMAC
      if advertisers.count < Self.advertiserLimit, !advertisers.contains(mac) {
        advertisers.append(mac)
      }
    case NeighbourNotice.redirect4: redirect(event, into: &sink)
    case NeighbourNotice.redirect6:
      redirect(event, into: &sink)
      divert(event, into: &sink)
    default: return
    }
  }

  /// A redirection in a router's very frame betrays itself by what it leads to: the link-local address
  /// of a router (RFC 4861, 8.1), but of an interface that is a host's. What leads to a neighbour's own
  /// address is sound.
  private mutating func divert(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let told = event.pointee.sourceMAC
    guard event.pointee.frameMAC != .unknown, told != .unknown, !told.isVirtualRouter,
      event.pointee.subject.high >> 54 == 0x3fa
    else { return }
    let own = owned.find(key(told))
    guard own >= 0, routers.knowsAny, !routers.contains(owned[own], told),
      !routers.forwards(told), !advertisers.contains(told)
    else { return }
    note(
      event, by: told, .redirect, event.pointee.source, event.pointee.frameMAC,
      told: event.pointee.target, into: &sink)
  }

  /// A redirection is a router's: it comes from the interface that owns the router's address and
  /// carries other networks' packets.
  private mutating func redirect(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let mac =
      event.pointee.arpOperation == NeighbourNotice.redirect4 || event.pointee.frameMAC == .unknown
      ? event.pointee.sourceMAC : event.pointee.frameMAC
    guard mac != .unknown, !mac.isVirtualRouter else { return }
    let slot = bindings.find(key(event.pointee.source, event.pointee.vlan))
    let owner = slot < 0 ? MACAddress.unknown : bindings[slot].owner
    let own = owned.find(key(mac))
    let isForged = owner != .unknown && owner != mac
    // Without a word on who owns what, a sender that was never seen to forward is none the less no
    // router, once others were.
    let isHost = own >= 0 && !routers.contains(owned[own], mac) && routers.knowsAny
    guard isForged && !routers.contains(event.pointee.source, mac) || isHost else { return }
    note(
      event, by: mac, .redirect, event.pointee.source, owner, told: event.pointee.target,
      into: &sink)
  }
}

// MARK: - Judging

extension MacSpoof {
  private mutating func note(
    _ event: UnsafePointer<FlowEvent>, by mac: MACAddress, _ role: Role, _ claimed: IPAddress,
    _ owner: MACAddress, told: IPAddress, into sink: inout ReportSink
  ) {
    let slot = seen.note(
      key(mac, role), count: 1, packet: event.pointee.packet, at: event.pointee.time)
    guard slot >= 0 else { return }
    seen[slot].detail = Detail(claimed: claimed, owner: owner)
    seen[slot].sources.insert(claimed)
    seen[slot].targets.insert(told)
    let limit = role == .redirect ? redirectLimit : flowLimit
    if seen.isDue(slot, isTold: seen[slot].score >= limit - 0.5, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let role = Role(rawValue: seen.key(slot).detail & 3) ?? .neighbour
    let mac = MACAddress(bits: seen.key(slot).detail >> 2)
    let limit = role == .redirect ? redirectLimit : flowLimit
    var report = sink.opening(
      role == .identity ? .macSpoof : .ipSpoof, subject: "\(mac) \(role)", first: sighting.first,
      last: sighting.last, at: now, severity: role == .redirect ? 7 : 5,
      confidence: min(0.95, 1 - 0.4 / max(sighting.score / limit, 1)))
    report.sources = sighting.sources
    let own = owned.find(key(mac))
    if own >= 0 { report.sources.insert(owned[own]) }
    report.targets = sighting.targets
    switch role {
    case .identity:
      report.attributes = [
        "claimed": .address(sighting.detail.claimed), "mac": .mac(mac),
        "previous": .mac(sighting.detail.owner), "claims": .count(sighting.count),
      ]
    case .neighbour, .redirect:
      report.attributes = [
        "reason": .text(role == .redirect ? "icmp-redirect" : "neighbours-source"),
        "mac": .mac(mac), "packets": .count(sighting.count),
      ]
    }
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        role == .redirect ? "redirections by no router" : "flows in another's name",
        sighting.score, threshold: limit)
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension MacSpoof: LossCounting {
  var losses: UInt64 { bindings.refusedCount &+ owned.refusedCount &+ seen.losses }
}
