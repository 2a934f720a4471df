import Analysis
import Flows
import Reports
import Terms

/// Finds servers whose connections are held open by clients that send a trickle and never let the
/// server answer (slowloris, slow bodies, idle connections), or that do not take the answer: they
/// close their receive window (slow read, sockstress).
///
/// Only connections in which the server has said nothing yet are followed (under TLS: nothing since
/// the handshake; where servers speak first: no more than their greeting, to a client that is silent), and those whose client stalled. A long poll, an upload and a log shipper are mute too, a film player stalls now and
/// then, so it takes many at once, most of them of a few sources (or at a web port), each fed or
/// read drop by drop, or simply held for long.
struct SlowConnections: FlowReader {
  static let connections = EngineLimit(
    "slow-http.connections", 40, .count, "Slow connections to one server at once that are reported."
  )
  static let fedConnections = EngineLimit(
    "slow-http.fed-connections", 20, .count,
    "The same at a web port when few sources feed them all drop by drop, again and again.")
  static let share = EngineLimit(
    "slow-http.per-source", 4, .count,
    "Least slow connections per source, at ports that are not the web's.")
  static let age = EngineLimit(
    "slow-http.age", 8, .duration, "Age at which a connection that is fed drop by drop is slow.")
  static let idle = EngineLimit(
    "slow-http.idle", 60, .duration, "Age at which a connection held by its source is slow.")
  static let crowdedIdle = EngineLimit(
    "slow-http.crowded-idle", 20, .duration,
    "The same for a web port's connections of which each source holds 32 or more.")
  static let rate = EngineLimit(
    "slow-http.rate", 500, .count,
    "Payload bytes per second up to which a connection is fed slowly.")
  static let capacity = EngineLimit(
    "slow-http.capacity", 8192, .count, "Mute connections followed at once.")
  static let servers = EngineLimit(
    "slow-http.servers", 1024, .count, "Server ports followed at once.")
  static let quiet = EngineLimit(
    "slow-http.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "slow-http.spacing", 10, .duration, "Least time between two revisions of one report.")
  static let limits = [
    connections, fedConnections, share, age, idle, crowdedIdle, rate, capacity, servers, quiet,
    spacing,
  ]

  /// A connection whose server is still mute, or whose client has stalled.
  struct Mute: Sendable {
    var source = IPAddress.unspecified
    var opened = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var payload: UInt64 = 0
    var packet: UInt64 = 0
    /// Times that the client fed it.
    var drops: UInt8 = 0
    var port: UInt16 = 0
    /// What the server had said, in bytes, when it last spoke: under TLS, its handshake.
    var heard: UInt64 = 0
    /// The client closed its window, after it had read this much; `opened` is when.
    var isStalled = false
    var received: UInt64 = 0
    /// The server let go of it, at `last`: that spares it nothing when the next is opened at once.
    var isEnded = false
  }

  struct Server: Sendable {
    /// Connections followed, and when one was last made or fed.
    var held = 0
    var active = CaptureTime.distantPast
    var peak = 0
    /// How many it took.
    var limit = 0
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var longest = TimeSpan.zero
    var idle = 0
    var stalled = 0
    var perSource = 0.0
    var sources = AddressSet()
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  /// Ports at which a web server is expected.
  static let webPorts: Set<UInt16> = [
    80, 81, 443, 591, 3000, 5000, 8000, 8008, 8080, 8081, 8088, 8443, 8888,
  ]
  /// What a web server may say before it has the request: `HTTP/1.1 100 Continue`, in bytes.
  private static let continueLength: UInt64 = 32
  /// What it says to a request that took too long (408, with a page), in bytes at most.
  private static let errorLength: UInt64 = 1024
  /// Where TLS is expected, and what a server says in it at most before it has the request: its
  /// certificates.
  private static let veiledPorts: Set<UInt16> = [443, 8443]
  private static let handshakeLength: UInt64 = 8192
  /// What a server that speaks first says before it has heard its client, at most.
  private static let greetingLength: UInt64 = 1024
  /// How long a connection under TLS is followed after its server spoke.
  private static let veiledSpan = TimeSpan.seconds(20)
  /// How often a server that holds many mute connections is judged.
  private static let judgeSpan = TimeSpan.seconds(2)
  /// How long it is judged after its last connection was made or fed.
  private static let judgedSpan = TimeSpan.minutes(6)
  /// Connections that are held but not fed count only when each source holds this many; so do fewer
  /// connections than usual that are fed at least so often.
  static let heldPerSource = 8.0
  static let crowdedPerSource = 32.0
  /// How long a slow connection counts after the server gave it up, as careful servers do.
  static let endedSpan = TimeSpan.seconds(30)
  static let dropsOfFew: UInt8 = 3

  let connectionLimit: Int
  let fedLimit: Int
  let shareLimit: Double
  let ageSpan: TimeSpan
  let idleSpan: TimeSpan
  let crowdedSpan: TimeSpan
  private let rateLimit: Double
  private let quietSpan: TimeSpan
  var mute: BoundedTable<Mute>
  var servers: BoundedTable<Server>
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    connectionLimit = max(limits.count(Self.connections), 2)
    fedLimit = min(max(limits.count(Self.fedConnections), 2), connectionLimit)
    shareLimit = limits[Self.share]
    ageSpan = limits.span(Self.age)
    idleSpan = limits.span(Self.idle)
    crowdedSpan = min(limits.span(Self.crowdedIdle), idleSpan)
    rateLimit = limits[Self.rate]
    quietSpan = limits.span(Self.quiet)
    mute = BoundedTable(capacity: limits.count(Self.capacity), empty: Mute())
    servers = BoundedTable(
      capacity: limits.count(Self.servers),
      empty: Server(thread: ReportThread(spacing: limits.span(Self.spacing))))
  }

  var interest: EventClasses {
    .flow(.established, .progress, .closed, .stalled, over: .tcp)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == .tcp else { return }
    switch event.pointee.kind {
    case .established:
      if event.pointee.payloadIn == 0 { open(event) }
    case .stalled: stall(event)
    case .progress:
      // A connection of many packets was heard of before.
      guard event.pointee.isEstablished, event.pointee.totalPacketsOut < 4096, mute.count > 0 else {
        return
      }
      feed(event)
    case .closed:
      guard mute.count > 0 else { return }
      let slot = mute.find(Self.key(event))
      if slot >= 0 { end(slot, event) }
    default: return
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in servers.slots {
      // Connections of which nothing more is heard are left alone in the end.
      if servers[slot].held >= fedLimit, now - servers[slot].active <= Self.judgedSpan {
        judge(slot, at: now, into: &sink)
        next = min(next, now + Self.judgeSpan)
      }
      guard servers[slot].thread.isStale(count: UInt64(servers[slot].peak)) else { continue }
      let due = servers[slot].thread.lastDue(after: servers[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

// MARK: - Connections

extension SlowConnections {
  /// A flow's first packet names it.
  private static func key(_ event: UnsafePointer<FlowEvent>) -> TableKey {
    TableKey(event.pointee.target, detail: event.pointee.firstPacket)
  }

  private static func serverKey(_ address: IPAddress, _ port: UInt16) -> TableKey {
    TableKey(address, detail: UInt64(port))
  }

  /// Follows a connection from the moment its client takes no more.
  private mutating func stall(_ event: UnsafePointer<FlowEvent>) {
    var slot = mute.find(Self.key(event))
    if slot < 0 {
      open(event)
      slot = mute.find(Self.key(event))
      guard slot >= 0 else { return }
    }
    mute[slot].isStalled = true
    mute[slot].received = event.pointee.payloadIn
    mute[slot].opened = event.pointee.time
    mute[slot].drops = max(mute[slot].drops, 1)
  }

  private mutating func open(_ event: UnsafePointer<FlowEvent>) {
    let server = servers.admit(
      Self.serverKey(event.pointee.target, event.pointee.targetPort), asOf: event.pointee.time,
      until: event.pointee.time + .seconds(5))
    guard server >= 0 else { return }
    // What is displaced was held by nobody any more.
    let slot = mute.vacancy(for: Self.key(event), asOf: event.pointee.time)
    guard slot >= 0 else { return }
    if mute.isOccupied(slot) { release(slot) }
    mute.occupy(slot, with: Self.key(event), until: event.pointee.time + .seconds(5))
    mute[slot] = Mute(
      source: event.pointee.source, opened: event.pointee.opened, last: event.pointee.time,
      payload: event.pointee.payloadOut,
      packet: event.pointee.packet, drops: event.pointee.payloadOut > 0 ? 1 : 0,
      port: event.pointee.targetPort)
    servers[server].held += 1
    servers[server].active = event.pointee.time
    guard servers[server].held >= fedLimit else { return }
    servers.keep(server, until: event.pointee.time + .seconds(60))
    nextDeadline = min(nextDeadline, event.pointee.time + Self.judgeSpan)
  }

  private mutating func feed(_ event: UnsafePointer<FlowEvent>) {
    let slot = mute.find(Self.key(event))
    guard slot >= 0, !mute[slot].isEnded else { return }
    guard isSlow(event, mute[slot]) else { return end(slot, event) }
    if !mute[slot].isStalled, !Self.isGreeted(event, mute[slot]),
      event.pointee.payloadIn > Self.continueLength,
      event.pointee.payloadIn > mute[slot].heard
    {
      return restart(slot, event)
    }
    if event.pointee.payloadOut > mute[slot].payload || mute[slot].isStalled {
      mute[slot].payload = event.pointee.payloadOut
      mute[slot].drops = min(mute[slot].drops + 1, 250)
    }
    mute[slot].last = event.pointee.time
    mute.keep(slot, until: event.pointee.time + .minutes(5))
    let server = servers.find(Self.serverKey(event.pointee.target, event.pointee.targetPort))
    guard server >= 0, servers[server].held >= fedLimit else { return }
    servers[server].active = event.pointee.time
    nextDeadline = min(nextDeadline, event.pointee.time + Self.judgeSpan)
  }

  /// The server spoke under TLS: what it was fed before counts no more.
  private mutating func restart(_ slot: Int, _ event: UnsafePointer<FlowEvent>) {
    mute[slot].heard = event.pointee.payloadIn
    mute[slot].payload = event.pointee.payloadOut
    mute[slot].opened = event.pointee.time
    mute[slot].last = event.pointee.time
    mute[slot].drops = 0
    mute.keep(slot, until: event.pointee.time + Self.veiledSpan)
  }

  /// Whether the connection is still fed, or read, drop by drop. Mutating: to lend the engine would be
  /// to copy it.
  private mutating func isSlow(_ event: UnsafePointer<FlowEvent>, _ known: Mute) -> Bool {
    let age = max((event.pointee.time - known.opened).seconds, 1)
    if known.isStalled {
      return Double(event.pointee.payloadIn &- min(known.received, event.pointee.payloadIn))
        <= 4096 + rateLimit * age
    }
    if Self.isGreeted(event, known) { return true }
    let allowance =
      Self.veiledPorts.contains(known.port)
      ? Self.handshakeLength : Self.webPorts.contains(known.port) ? Self.continueLength : 0
    return event.pointee.payloadIn <= allowance
      && Double(event.pointee.payloadOut) <= 4096 + rateLimit * age
  }

  /// Whether the server greeted (SSH, mail, FTP), and the client said nothing.
  private static func isGreeted(_ event: UnsafePointer<FlowEvent>, _ known: Mute) -> Bool {
    event.pointee.payloadOut == 0 && event.pointee.payloadIn <= greetingLength
      && !webPorts.contains(known.port)
  }

  /// Forgets a connection that was answered or closed; for a while not where it was fed drop by drop
  /// and got at most an error for it.
  private mutating func end(_ slot: Int, _ event: UnsafePointer<FlowEvent>) {
    guard !mute[slot].isEnded else { return }
    let known = mute[slot]
    guard !known.isStalled, known.heard == 0, known.drops >= Self.dropsOfFew,
      event.pointee.time - known.opened >= ageSpan, event.pointee.payloadIn <= Self.errorLength,
      event.pointee.ending != .captureEnded, event.pointee.ending != .evicted
    else { return forget(slot) }
    mute[slot].isEnded = true
    mute[slot].last = event.pointee.time
    mute.keep(slot, until: event.pointee.time + Self.endedSpan)
  }

  mutating func forget(_ slot: Int) {
    release(slot)
    mute.remove(slot)
  }

  private mutating func release(_ slot: Int) {
    let server = servers.find(Self.serverKey(mute.key(slot).address, mute[slot].port))
    if server >= 0 { servers[server].held = max(servers[server].held - 1, 0) }
  }
}

extension SlowConnections: LossCounting {
  var losses: UInt64 { mute.refusedCount &+ servers.refusedCount }
}
