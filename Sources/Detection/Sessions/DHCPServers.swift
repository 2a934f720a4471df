import Analysis
import Flows
import Reports
import Terms

/// Finds DHCP servers that do not belong to the segment: not in the topology's list, or, where
/// nobody gave one, one that hands out routers which the topology does not know there, or a second
/// server that hands out other routers or name servers than the first while that is alive (RFC 2131
/// lets clients take any offer).
///
/// Relay agents speak for the servers behind them, and failover pairs hand out the same options. Of
/// DHCPv6 servers (RFC 8415) the topology names at most the host: one that is known by other
/// addresses, is none of the listed ones and no router has no business to answer.
struct DHCPServers: AnalysisEngine {
  static let messages = EngineLimit(
    "dhcp-servers.messages", 1, .count,
    "Messages of a server that is not in the topology's list that are reported.")
  static let conflicts = EngineLimit(
    "dhcp-servers.conflicts", 2, .count,
    "Offers that conflict with another live server's that are reported without such a list.")
  static let detours = EngineLimit(
    "dhcp-servers.detours", 2, .count,
    "Offers of none but unknown routers that are reported where the topology names the gateway.")
  static let memory = EngineLimit(
    "dhcp-servers.memory", 86_400, .duration, "How long a silent server counts as alive.")
  static let servers = EngineLimit(
    "dhcp-servers.servers", 256, .count, "DHCP servers remembered at once.")
  static let quiet = EngineLimit(
    "dhcp-servers.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "dhcp-servers.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [messages, conflicts, detours, memory, servers, quiet, spacing]

  /// Answers over IPv6 of a host that is no listed server before it is reported.
  static let version6Messages: UInt64 = 2
  /// How long a server must have been known before another that being first speaks for it.
  static let seniority = TimeSpan.seconds(30)

  struct Server: Sendable {
    var mac = MACAddress.unknown
    /// What it sends from.
    var sender = IPAddress.unspecified
    var isListed = false
    var routers: [IPAddress] = []
    var resolvers: [IPAddress] = []
    var messages: UInt64 = 0
    var conflicts: UInt64 = 0
    var isVersion6 = false
    /// Offers of routers that the topology does not know.
    var detours: UInt64 = 0
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var clients = AddressSet()
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  private let messageLimit: UInt64
  private let conflictLimit: UInt64
  private let detourLimit: UInt64
  private let span: TimeSpan
  private let quietSpan: TimeSpan
  private let listed: [IPAddress]
  private let elsewhere: [IPAddress]
  private let gateways: [IPAddress]
  private var owners = HardwareOwners()
  private var servers: BoundedTable<Server>
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    messageLimit = UInt64(max(limits.count(Self.messages), 1))
    conflictLimit = UInt64(max(limits.count(Self.conflicts), 1))
    detourLimit = UInt64(max(limits.count(Self.detours), 1))
    span = limits.span(Self.memory)
    quietSpan = limits.span(Self.quiet)
    listed = context.dhcp
    elsewhere = context.siteDHCP
    gateways = context.gateways
    servers = BoundedTable(
      capacity: limits.count(Self.servers),
      empty: Server(thread: ReportThread(spacing: limits.span(Self.spacing))))
  }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<SessionEvent>) {
    owners.foresee(event)
  }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dhcp(let message) = event.what else {
      owners.learn(event)
      return
    }
    owners.learn(event)
    guard message.operation == 2, !event.sender.isUnspecified else { return }
    let receiver = event.isFromClient ? event.server : event.client
    // On its way to a relay agent, no client hears it.
    if !message.relay.isUnspecified, receiver == message.relay { return }
    take(event, message, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in servers.slots
    where servers[slot].thread.isStale(
      count: servers[slot].messages, facts: facts(servers[slot]))
    {
      let due = servers[slot].thread.lastDue(after: servers[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

// MARK: - Servers

extension DHCPServers {
  private func facts(_ server: Server) -> UInt64 { UInt64(server.clients.count) }

  private mutating func take(
    _ event: SessionEvent, _ message: DHCPMessage, into sink: inout ReportSink
  ) {
    let now = event.time
    let identifier =
      message.serverIdentifier.isUnspecified ? event.sender : message.serverIdentifier
    let key = TableKey(
      identifier, detail: event.sourceMAC.bits << 16 | UInt64(event.vlan))
    let slot = servers.admit(key, asOf: now, until: now + .hours(1))
    guard slot >= 0 else { return }
    if servers[slot].messages == 0 {
      servers[slot].first = now
      servers[slot].mac = event.sourceMAC
      servers[slot].sender = event.sender
      servers[slot].isListed = isListed(event, identifier)
      servers[slot].isVersion6 = message.isVersion6
    }
    // The interface of a DHCPv6 server may tell who it is only later.
    if message.isVersion6 {
      servers[slot].isListed = isListed(event, identifier)
    }
    servers[slot].last = now
    servers[slot].messages &+= 1
    servers[slot].packets.add(event.packet)
    if !message.routers.isEmpty { servers[slot].routers = message.routers }
    if !message.nameServers.isEmpty { servers[slot].resolvers = message.nameServers }
    noteClient(slot, event, message)
    servers.keep(slot, until: now + .hours(1))
    if message.kind == .offer || message.kind == .ack {
      if !servers[slot].isListed, Self.disagree(message.routers, gateways) {
        servers[slot].detours &+= 1
      }
      compare(slot, at: now, into: &sink)
    }
    judge(slot, at: now, into: &sink)
  }

  /// The client by its own address where that is known, otherwise by the offered one.
  private mutating func noteClient(_ slot: Int, _ event: SessionEvent, _ message: DHCPMessage) {
    let own = owners.addresses(of: message.hardware)
    if !own.isEmpty {
      for address in own { servers[slot].clients.insert(address) }
    } else if message.kind != .nak, !message.offeredAddress.isUnspecified {
      servers[slot].clients.insert(message.offeredAddress)
    }
  }

  /// Whether the topology knows the server: by itself, or behind a relay agent. Servers of other
  /// segments renew their clients' leases through the routers.
  private func isListed(_ event: SessionEvent, _ identifier: IPAddress) -> Bool {
    if listed.contains(event.sender) { return true }
    if !event.sender.isIPv4 { return mayAnswer(event.sourceMAC) }
    let isRelayed = gateways.isEmpty || gateways.contains(event.sender)
    if listed.contains(identifier), isRelayed { return true }
    return elsewhere.contains(event.sender) && event.sender == identifier
  }

  /// Whether an interface is a listed server's or the gateway's, as far as it is known by an address of
  /// the kind that they are listed by.
  private func mayAnswer(_ mac: MACAddress) -> Bool {
    let known = listed + gateways
    let own = owners.addresses(of: mac).filter { address in
      address.high >> 54 != 0x3fa && known.contains { $0.isIPv4 == address.isIPv4 }
    }
    return own.isEmpty || own.contains { known.contains($0) }
  }

  /// Holds a server against the other live ones of its network.
  private mutating func compare(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let vlan = servers.key(slot).detail & 0xffff
    for other in servers.slots
    where other != slot && servers.key(other).detail & 0xffff == vlan
      && servers[other].isVersion6 == servers[slot].isVersion6
      && now - servers[other].last <= span
    {
      guard conflict(servers[slot], servers[other]) else { continue }
      let junior = isSenior(slot, to: other) ? other : slot
      servers[junior].conflicts &+= 1
      if junior == other { judge(other, at: now, into: &sink) }
    }
  }

  private func conflict(_ one: Server, _ other: Server) -> Bool {
    Self.disagree(one.routers, other.routers) || Self.disagree(one.resolvers, other.resolvers)
  }

  private static func disagree(_ one: [IPAddress], _ other: [IPAddress]) -> Bool {
    !one.isEmpty && !other.isEmpty && !one.contains { other.contains($0) }
  }

  private func isSenior(_ slot: Int, to other: Int) -> Bool {
    let (one, two) = (servers[slot], servers[other])
    if one.isListed != two.isListed { return one.isListed }
    if one.thread.isOpen != two.thread.isOpen { return two.thread.isOpen }
    let lead = two.first - one.first
    let isRecent = lead.nanoseconds.magnitude < Self.seniority.nanoseconds.magnitude
    if isRecent, routesItself(slot) != routesItself(other) {
      // Both are new here: who makes itself the router is the likelier intruder.
      return routesItself(other)
    }
    return lead > .zero || lead == .zero && slot < other
  }

  private func routesItself(_ slot: Int) -> Bool {
    let server = servers[slot]
    return server.routers.contains(server.sender)
      || server.routers.contains(servers.key(slot).address)
  }
}

// MARK: - Judging

extension DHCPServers {
  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let server = servers[slot]
    if server.thread.isOpen {
      if server.thread.isDue(count: server.messages, facts: facts(server), at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
      return
    }
    let least = server.isVersion6 ? max(messageLimit, Self.version6Messages) : messageLimit
    let isStranger = !listed.isEmpty && !server.isListed && server.messages >= least
    if isStranger || server.conflicts >= conflictLimit || server.detours >= detourLimit {
      emit(slot, at: now, into: &sink)
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let server = servers[slot]
    let identifier = servers.key(slot).address
    let isStranger = !listed.isEmpty && !server.isListed
    var report = sink.opening(
      .dhcpServerSpoof, subject: "\(identifier) \(server.mac)", first: server.first,
      last: server.last, at: now, severity: 8,
      confidence: isStranger ? (server.conflicts > 0 ? 0.98 : 0.9) : 0.75)
    // A stranger may bear the known server's address; its interface tells who it is.
    let isNamedElse = server.isVersion6 || listed.contains(server.sender)
    let own = isNamedElse ? owners.addresses(of: server.mac) : []
    report.sources = AddressSet(own.isEmpty ? [server.sender] : own)
    report.targets = server.clients
    report.ports = [server.isVersion6 ? 547 : 67]
    report.transport = .udp
    report.attributes = [
      "server": .address(identifier), "mac": .mac(server.mac),
      "offers": .count(server.messages),
    ]
    if let router = server.routers.first { report.attributes["router"] = .address(router) }
    if let resolver = server.resolvers.first { report.attributes["resolver"] = .address(resolver) }
    report.evidence = [sink.evidence(server.packets.indices)]
    report.terms = [
      Term(
        "messages of a server not in the topology", isStranger ? Double(server.messages) : 0,
        threshold: Double(messageLimit), unit: "messages"),
      Term(
        "offers that conflict with another server's", Double(server.conflicts),
        threshold: Double(conflictLimit), unit: "offers"),
      Term(
        "offers of unknown routers", Double(server.detours), threshold: Double(detourLimit),
        unit: "offers"),
    ]
    servers[slot].thread.emit(
      report, count: server.messages, facts: facts(server), at: now, into: &sink)
    servers.keep(slot, until: now + span)
  }
}

extension DHCPServers: LossCounting {
  var losses: UInt64 { servers.refusedCount &+ owners.losses }
}
