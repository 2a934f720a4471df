import Analysis
import Flows
import Reports
import Terms

/// Finds floods of DHCP clients that do not exist, which empty a server's pool: hardware addresses
/// that differ from the frames', that never go on from DISCOVER, or that are never heard of again
/// once they hold a lease.
///
/// A morning's crowd goes on to talk; a host without an answer asks again. DHCPv6 clients (RFC 8415)
/// have an identifier that need not be of the interface they ask by, so only those count that never
/// go on.
struct DHCPStarvation: AnalysisEngine {
  static let phantoms = EngineLimit(
    "dhcp-starvation.phantoms", 20, .count,
    "Clients that do not seem to exist: 1 each, 0.5 for one that holds a lease in silence.")
  static let share = EngineLimit(
    "dhcp-starvation.share", 0.7, .ratio, "Least share of them among new clients.")
  static let patience = EngineLimit(
    "dhcp-starvation.patience", 10, .duration,
    "How long a client may take from its first DISCOVER to its REQUEST.")
  static let silence = EngineLimit(
    "dhcp-starvation.silence", 60, .duration,
    "How long a client with a lease may be silent before it counts.")
  static let halfLife = EngineLimit(
    "dhcp-starvation.half-life", 3600, .duration, "Time after which idle sums have halved.")
  static let clients = EngineLimit(
    "dhcp-starvation.clients", 4096, .count, "DHCP clients remembered at once.")
  static let quiet = EngineLimit(
    "dhcp-starvation.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "dhcp-starvation.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [phantoms, share, patience, silence, halfLife, clients, quiet, spacing]

  /// Hosts of each kind named in a report.
  static let nameLimit = 8
  /// What a client counts that holds a lease in silence: it may only be hard to see.
  static let silentWeight = 0.25

  struct Client: Sendable {
    var first = CaptureTime.distantPast
    var packet: UInt64 = 0
    var sender = MACAddress.unknown
    var discovers = 0
    var hasRequested = false
    var isAlive = false
    var isPhantom = false
    var isVersion6 = false
  }

  private struct Waiting: Sendable {
    var due: CaptureTime
    var key: TableKey
  }

  private let phantomLimit: Double
  private let shareLimit: Double
  private let patience: TimeSpan
  private let silence: TimeSpan
  private let decay: TimeSpan
  private let quietSpan: TimeSpan
  private let spacing: TimeSpan
  private let waitingLimit: Int
  private var owners = HardwareOwners()
  private var clients: BoundedTable<Client>
  /// Clients to be judged after their first DISCOVER, and after their first REQUEST, by time.
  private var discovering: [Waiting] = []
  private var requesting: [Waiting] = []
  private var phantoms = FadingScore()
  private var sound = FadingScore()
  private var servers: [IPAddress]
  private var macs: UInt64 = 0
  private var requests: UInt64 = 0
  /// Hardware addresses of the phantoms' frames, as long as they are few.
  private var senders: [MACAddress] = []
  private var hasManySenders = false
  /// Whether the newest phantom asked by DHCPv6.
  private var isVersion6 = false
  private var first = CaptureTime.distantFuture
  private var last = CaptureTime.distantPast
  private var packets = PacketSample()
  private var thread: ReportThread
  private var dropped: UInt64 = 0
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    phantomLimit = max(limits[Self.phantoms], 1)
    shareLimit = min(max(limits[Self.share], 0), 1)
    patience = limits.span(Self.patience)
    silence = limits.span(Self.silence)
    decay = limits.span(Self.halfLife)
    quietSpan = limits.span(Self.quiet)
    waitingLimit = max(limits.count(Self.clients), 16)
    servers = Array(context.dhcp.prefix(Self.nameLimit))
    clients = BoundedTable(capacity: waitingLimit, empty: Client())
    spacing = limits.span(Self.spacing)
    thread = ReportThread(spacing: spacing)
  }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<SessionEvent>) {
    owners.foresee(event)
  }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    owners.learn(event)
    guard case .dhcp(let message) = event.what else {
      let slot = clients.find(key(event.sourceMAC, event))
      if slot >= 0 { clients[slot].isAlive = true }
      return
    }
    if message.operation == 2 {
      let server = event.sender
      if servers.count < Self.nameLimit, !server.isUnspecified, !servers.contains(server) {
        servers.append(server)
      }
      if message.isVersion6, message.kind == .ack { acknowledge(event, message) }
      return
    }
    // A relay agent's frames bear its own address, and its clients are heard elsewhere.
    guard message.operation == 1, message.relay.isUnspecified, Self.client(message) != .unknown
    else { return }
    switch message.kind {
    case .discover, .none: discover(event, message, into: &sink)
    case .request: request(event, message)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    judgeDiscovers(at: now, into: &sink)
    judgeRequests(at: now, into: &sink)
    if thread.isStale(count: macs),
      thread.lastDue(after: last, quiet: quietSpan) <= now
    {
      emit(at: now, into: &sink)
    }
    schedule()
  }
}

// MARK: - Clients

extension DHCPStarvation {
  private func key(_ mac: MACAddress, _ event: SessionEvent) -> TableKey {
    TableKey(.unspecified, detail: mac.bits << 16 | UInt64(event.vlan))
  }

  /// What a client is told by.
  private static func client(_ message: DHCPMessage) -> MACAddress {
    message.isVersion6
      ? MACAddress(bits: message.clientIdentifier & 0xfcff_ffff_ffff) : message.hardware
  }

  /// An answer to who need not ask again (RFC 8415, 18.2.1: rapid commit).
  private mutating func acknowledge(_ event: SessionEvent, _ message: DHCPMessage) {
    let slot = clients.find(key(Self.client(message), event))
    guard slot >= 0, !clients[slot].hasRequested, !clients[slot].isPhantom else { return }
    clients[slot].hasRequested = true
    sound.add(1, at: event.time, span: decay)
  }

  private mutating func schedule() {
    var next = CaptureTime.distantFuture
    if let due = discovering.first?.due { next = min(next, due) }
    if let due = requesting.first?.due { next = min(next, due) }
    if thread.isStale(count: macs) {
      next = min(next, thread.lastDue(after: last, quiet: quietSpan))
    }
    nextDeadline = next
  }

  private mutating func admit(_ event: SessionEvent, _ message: DHCPMessage) -> Int {
    let slot = clients.admit(
      key(Self.client(message), event), asOf: event.time, until: event.time + silence)
    guard slot >= 0 else { return -1 }
    if clients[slot].first == .distantPast {
      clients[slot].first = event.time
      clients[slot].packet = event.packet
      clients[slot].sender = event.sourceMAC
      clients[slot].isVersion6 = message.isVersion6
    }
    return slot
  }

  private mutating func discover(
    _ event: SessionEvent, _ message: DHCPMessage, into sink: inout ReportSink
  ) {
    let slot = admit(event, message)
    guard slot >= 0 else { return }
    clients[slot].discovers += 1
    if clients[slot].isPhantom { requests &+= 1 }
    guard clients[slot].discovers == 1 else { return }
    let isForged =
      !message.isVersion6
      && (event.sourceMAC != .unknown && event.sourceMAC != message.hardware
        || message.hardware.isGroup)
    if isForged {
      note(slot, weight: 1)
      judge(at: event.time, into: &sink)
    } else if discovering.count < waitingLimit {
      discovering.append(Waiting(due: event.time + patience, key: clients.key(slot)))
    } else {
      dropped &+= 1
    }
    schedule()
  }

  private mutating func request(_ event: SessionEvent, _ message: DHCPMessage) {
    let slot = admit(event, message)
    guard slot >= 0, !clients[slot].hasRequested else { return }
    clients[slot].hasRequested = true
    guard !clients[slot].isPhantom else { return }
    clients.keep(slot, until: event.time + silence)
    if message.isVersion6 {
      sound.add(1, at: event.time, span: decay)
    } else if requesting.count < waitingLimit {
      requesting.append(Waiting(due: event.time + silence, key: clients.key(slot)))
    } else {
      dropped &+= 1
    }
    schedule()
  }

  /// Those that asked once and never again.
  private mutating func judgeDiscovers(at now: CaptureTime, into sink: inout ReportSink) {
    let due = discovering.prefix { $0.due <= now }.count
    for waiting in discovering.prefix(due) {
      let slot = clients.find(waiting.key)
      guard slot >= 0, !clients[slot].hasRequested, !clients[slot].isAlive,
        clients[slot].discovers == 1
      else { continue }
      note(slot, weight: 1)
    }
    discovering.removeFirst(due)
    if due > 0 { judge(at: now, into: &sink) }
  }

  /// Those that took a lease: a host talks, a phantom does not.
  private mutating func judgeRequests(at now: CaptureTime, into sink: inout ReportSink) {
    let due = requesting.prefix { $0.due <= now }.count
    for waiting in requesting.prefix(due) {
      let slot = clients.find(waiting.key)
      guard slot >= 0, !clients[slot].isPhantom else { continue }
      if clients[slot].isAlive {
        sound.add(1, at: now, span: decay)
      } else {
        note(slot, weight: Self.silentWeight)
      }
    }
    requesting.removeFirst(due)
    if due > 0 { judge(at: now, into: &sink) }
  }

  private mutating func note(_ slot: Int, weight: Double) {
    let client = clients[slot]
    clients[slot].isPhantom = true
    if thread.isOpen, last > .distantPast, client.first - last > decay {
      // That flood is over; this may be another.
      thread = ReportThread(spacing: spacing)
      forget()
    }
    macs &+= 1
    requests &+= UInt64(max(client.discovers, 1))
    first = min(first, client.first)
    last = max(last, client.first)
    packets.add(client.packet)
    isVersion6 = client.isVersion6
    phantoms.add(weight, at: client.first, span: decay)
    if !senders.contains(client.sender) {
      if senders.count < Self.nameLimit {
        senders.append(client.sender)
      } else {
        hasManySenders = true
      }
    }
  }
}

// MARK: - Judging

extension DHCPStarvation {
  private mutating func judge(at now: CaptureTime, into sink: inout ReportSink) {
    sound.fade(to: now, span: decay)
    if thread.isOpen {
      if thread.isDue(count: macs, at: now) { emit(at: now, into: &sink) }
      return
    }
    guard phantoms.value >= phantomLimit else {
      if phantoms.value < 1 { forget() }
      return
    }
    if share >= shareLimit { emit(at: now, into: &sink) }
  }

  private var share: Double {
    phantoms.value > 0 ? phantoms.value / (phantoms.value + sound.value) : 0
  }

  /// Old phantoms are none of the next flood's.
  private mutating func forget() {
    macs = 0
    requests = 0
    senders = []
    hasManySenders = false
    first = .distantFuture
    packets = PacketSample()
  }

  private mutating func emit(at now: CaptureTime, into sink: inout ReportSink) {
    let lasted = max((last - first).seconds, 1)
    var report = sink.opening(
      .dhcpStarvation, subject: "dhcp", first: first, last: last, at: now, severity: 6,
      confidence: min(0.95, 1 - 0.4 / max(1, phantoms.value / phantomLimit)))
    if !hasManySenders {
      for mac in senders { report.sources.formUnion(AddressSet(owners.addresses(of: mac))) }
    }
    // To everybody, or all servers and relay agents (ff02::1:2).
    let everybody =
      isVersion6
      ? IPAddress(high: 0xff02 << 48, low: 0x1_0002) : IPAddress(v4: 0xffff_ffff)
    let asked = servers.filter { $0.isIPv4 != isVersion6 }
    report.targets = AddressSet(asked.isEmpty ? [everybody] : asked)
    report.ports = [isVersion6 ? 547 : 67]
    report.transport = .udp
    report.attributes = [
      "requests": .count(requests), "macs": .count(macs),
      "rate": .ratio(Double(macs) / lasted),
    ]
    report.evidence = [sink.evidence(packets.indices)]
    report.terms = [
      Term(
        "clients that do not exist", phantoms.value, threshold: phantomLimit, unit: "clients"),
      Term("their share among new clients", share, threshold: shareLimit),
    ]
    thread.emit(report, count: macs, at: now, into: &sink)
  }
}

extension DHCPStarvation: LossCounting {
  var losses: UInt64 { clients.refusedCount &+ dropped &+ owners.losses }
}
