import Analysis
import Flows
import Reports
import Terms

/// Finds sources that try many doors and find most of them shut, however slowly.
///
/// What counts is a *failed first contact*: a target and port that refused, stayed silent or was
/// left half open, and that had not answered this source before. A busy client fails now and then, a
/// scanner fails most of the time: successes weigh against, both in the count of failures and in a
/// threshold random walk over first contacts with hosts (Jung et al., "Fast Portscan Detection
/// Using Sequential Hypothesis Testing", IEEE S&P 2004), for which few failures suffice.
struct PortScan: FlowReader {
  static let failures = EngineLimit(
    "port-scan.failures", 10, .count,
    "Distinct failed first contacts of one source before it is reported.")
  static let share = EngineLimit(
    "port-scan.share", 0.7, .ratio, "Least share of a source's first contacts that failed.")
  static let persistentShare = EngineLimit(
    "port-scan.persistent-share", 0.4, .ratio,
    "Least share of failures once there are ten times `port-scan.failures` of them.")
  static let walk = EngineLimit(
    "port-scan.walk", 8, .ratio,
    "Logarithm of the odds, over first TCP contacts with hosts, from which a source scans.")
  static let memory = EngineLimit(
    "port-scan.memory", 7200, .duration, "How long a silent source and its failures are remembered."
  )
  static let quiet = EngineLimit(
    "port-scan.quiet", 30, .duration, "Silence after which a scan's last revision is sent.")
  static let spacing = EngineLimit(
    "port-scan.spacing", 3, .duration, "Least time between two revisions of one report.")
  static let sources = EngineLimit(
    "port-scan.sources", 16_384, .count, "Sources remembered at once.")
  static let suspects = EngineLimit(
    "port-scan.suspects", 1024, .count, "Sources with failures kept in detail at once.")
  static let contacts = EngineLimit(
    "port-scan.contacts", 65_536, .count, "Answered and failed contacts remembered at once (each).")
  static let limits = [
    failures, share, persistentShare, walk, memory, quiet, spacing, sources, suspects, contacts,
  ]

  /// What is kept of every source: whether it succeeds, and where its details are.
  struct Source: Sendable {
    var successes: UInt32 = 0
    var tiny: UInt32 = 0
    var suspect: Int32 = -1
    /// The random walk: natural logarithm of the odds that the source scans.
    var walk: Float = 0
  }

  /// ln(0.8 / 0.2): of first contacts with hosts four fifths succeed for a client, one fifth for a
  /// scanner (Jung's θ0 and θ1).
  static let step: Float = 1.386
  /// Where the walk of a source that succeeds comes to rest: odds of a hundred to one (α = 0.01).
  static let floor: Float = -4.6
  /// Failures that the walk needs at least.
  static let walkFailures: UInt64 = 5

  /// Least share of failures that a vertical scan of twice `port-scan.failures` ports needs.
  static let verticalShare = 0.1
  /// Payload from the source up to which an established session is only a knock, in bytes.
  static let knockPayload: UInt64 = 0
  /// Event time for which each failure or success protects a source's slot.
  static let holdPerContact = TimeSpan.seconds(8)

  let context: DetectionContext
  let failureLimit: UInt64
  let shareLimit: Double
  let persistentLimit: Double
  let walkLimit: Double
  private let span: TimeSpan
  let quietSpan: TimeSpan
  let spacingSpan: TimeSpan

  private(set) var known: BoundedTable<Source>
  private var answered: ContactMemory
  private var failed: ContactMemory
  /// Pairs of source and host that have met, and those whose host answered a failing probe.
  private var met: ContactMemory
  private var repliers: ContactMemory
  private(set) var zombies = ZombieProbes()
  private var questions = GroupQuestions()
  private var relays = MailRelays()
  private var doorkeeper: Doorkeeper
  /// Records by place; those named in `free` and beyond the end are not in use.
  var suspects: [ScanSuspect] = []
  private let suspectLimit: Int
  private var free: [Int] = []
  /// Sources with failures for which there was no record.
  private var turnedAway: UInt64 = 0
  /// Until then no suspect could be given away.
  private var fullUntil = CaptureTime.distantPast
  var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    failureLimit = UInt64(max(limits.count(Self.failures), 2))
    shareLimit = limits[Self.share]
    persistentLimit = limits[Self.persistentShare]
    walkLimit = limits[Self.walk]
    span = limits.span(Self.memory)
    quietSpan = limits.span(Self.quiet)
    spacingSpan = limits.span(Self.spacing)
    known = BoundedTable(capacity: limits.count(Self.sources), empty: Source())
    answered = ContactMemory(capacity: limits.count(Self.contacts), span: span)
    failed = ContactMemory(capacity: limits.count(Self.contacts), span: span)
    met = ContactMemory(capacity: limits.count(Self.contacts), span: span)
    repliers = ContactMemory(capacity: min(limits.count(Self.contacts), 8192), span: span)
    doorkeeper = Doorkeeper(capacity: 8192)
    suspectLimit = min(max(limits.count(Self.suspects), 8), 1 << 16)
  }

  var interest: EventClasses {
    [
      .flow(.refused, .unanswered), .flow(.established, over: .tcp, .udp),
      .flow(.closed, over: .tcp), .flow(.opened, over: .udp),
    ]
  }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<FlowEvent>) {
    if event.pointee.kind == .opened { return }
    if event.pointee.kind == .closed, event.pointee.isEstablished { return }
    let contact = event.pointee.contact
    let technique = ScanTechnique(event.pointee.probe)
    answered.foresee(contact)
    failed.foresee(Self.probe(contact, technique))
    let hash = Self.key(event.pointee.source, technique).hash
    known.foresee(hash: hash)
    doorkeeper.foresee(hash: hash)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .opened: questions.note(event)
    case .refused, .unanswered:
      if event.pointee.isAttempt { fail(event, ScanTechnique(event.pointee.probe), into: &sink) }
    case .established:
      if event.pointee.transport == .tcp || event.pointee.transport == .udp { succeed(event) }
    case .closed:
      guard event.pointee.transport == .tcp else { return }
      if ZombieProbes.isProvocation(event) { zombies.note(event) }
      if ScanTechnique.isUnasked(event) {
        probe(withAnswer: event, into: &sink)
      } else if event.pointee.isEstablished {
        knock(event)
      } else if event.pointee.totalPacketsIn > 0 || event.pointee.ending == .reset,
        event.pointee.isAttempt, !context.isLostRace(event)
      {
        fail(event, ScanTechnique(event.pointee.probe), into: &sink)
      }
    default: return
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for index in suspects.indices {
      guard suspects[index].isUsed, isStale(index) else { continue }
      let due = suspects[index].thread.lastDue(after: suspects[index].last, quiet: quietSpan)
      if due <= now { emit(index, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

// MARK: - Counting

extension PortScan {
  /// An answer that nobody asked for knocks at the port that it is sent to. Where hosts open their own
  /// connections from, it only comes of a flood in their names, unless doors were tried as well.
  private mutating func probe(
    withAnswer event: UnsafePointer<FlowEvent>, into sink: inout ReportSink
  ) {
    if event.pointee.sourcePort >= ScanSuspect.firstUserPort {
      let slot = known.find(Self.key(event.pointee.target, .synAck))
      guard slot >= 0, known[slot].suspect >= 0 else { return }
    }
    var turned = event.pointee
    swap(&turned.source, &turned.target)
    swap(&turned.sourcePort, &turned.targetPort)
    withUnsafePointer(to: turned) { fail($0, .synAck, into: &sink) }
  }

  @inline(__always) private mutating func fail(
    _ event: UnsafePointer<FlowEvent>, _ technique: ScanTechnique, into sink: inout ReportSink
  ) {
    let contact = event.pointee.contact
    guard !answered.contains(contact, asOf: event.pointee.time),
      !questions.areAnswered(by: event), !relays.delivers(event, context)
    else { return }
    let key = Self.key(event.pointee.source, technique)
    var slot = known.find(key)
    if slot < 0 || known[slot].suspect < 0 {
      guard !context.isBroadcast(event.pointee.target), !event.pointee.source.isMulticast else {
        return
      }
      let visit = Doorkeeper.Visit(
        source: event.pointee.source, target: event.pointee.target, time: event.pointee.time,
        packet: event.pointee.firstPacket,
        contact: contact, port: technique.door(event), technique: technique)
      guard let earlier = doorkeeper.earlier(than: visit, within: span) else { return }
      slot = admit(key, at: event.pointee.time)
      guard slot >= 0, open(slot, with: earlier, at: event.pointee.time) else { return }
    }
    guard failed.insert(Self.probe(contact, technique), at: event.pointee.time),
      !context.isBroadcast(event.pointee.target)
    else { return }
    count(event, at: slot, into: &sink)
  }

  private mutating func count(
    _ event: UnsafePointer<FlowEvent>, at slot: Int, into sink: inout ReportSink
  ) {
    let index = Int(known[slot].suspect)
    suspects[index].add(
      target: event.pointee.target, port: suspects[index].family.door(event),
      packet: event.pointee.firstPacket,
      at: event.pointee.time)
    if event.pointee.kind == .refused { suspects[index].refused &+= 1 }
    if suspects[index].family == .udp, event.pointee.sourcePort == event.pointee.targetPort {
      suspects[index].symmetric &+= 1
    }
    if suspects[index].family == .udp, event.pointee.isBulk { suspects[index].bulk &+= 1 }
    step(slot, event.pointee.target, up: true, at: event.pointee.time)
    if event.pointee.totalPacketsIn > 0, suspects[index].family == .syn {
      let pair = ContactMemory.hash(
        event.pointee.source, event.pointee.target, port: 0, transport: .tcp)
      if repliers.insert(pair, at: event.pointee.time) {
        suspects[index].answering &+= 1
      } else {
        suspects[index].pressed &+= 1
      }
    }
    // The target answered, and the source let go.
    if event.pointee.kind == .closed, event.pointee.totalPacketsIn > 0,
      event.pointee.ending != .refused
    {
      suspects[index].halfOpen &+= 1
    }
    weigh(index, at: slot)
    known.keep(slot, until: event.pointee.time + hold(suspects[index].failures))
    judge(index, at: event.pointee.time, into: &sink)
  }

  /// One record per source and technique; the successes of its TCP sessions stand beside its SYN
  /// probes.
  private static func key(_ source: IPAddress, _ technique: ScanTechnique) -> TableKey {
    TableKey(source, detail: UInt64(technique.rawValue))
  }

  /// One number for a contact by one technique: the same port may be probed in several ways.
  private static func probe(_ contact: UInt64, _ technique: ScanTechnique) -> UInt64 {
    contact ^ UInt64(technique.rawValue) << 59 | 1
  }

  /// A first contact moves the random walk of TCP sources: up when it fails.
  private mutating func step(_ slot: Int, _ target: IPAddress, up: Bool, at now: CaptureTime) {
    let pair = ContactMemory.hash(known.key(slot).address, target, port: 0, transport: .tcp)
    guard known.key(slot).detail == UInt64(ScanTechnique.syn.rawValue), met.insert(pair, at: now)
    else { return }
    known[slot].walk = max(Self.floor, known[slot].walk + (up ? Self.step : -Self.step))
  }

  /// Holds the source's successes against its failures, where the technique occurs in ordinary
  /// sessions.
  private mutating func weigh(_ index: Int, at slot: Int) {
    let family = suspects[index].family
    guard family.isOrdinary else { return }
    let isOwn = family == .syn || family == .udp
    let place = isOwn ? slot : known.find(Self.key(suspects[index].source, .syn))
    suspects[index].walk = Double(known[slot].walk)
    guard place >= 0 else { return }
    suspects[index].successes = UInt64(known[place].successes)
    suspects[index].tiny = UInt64(known[place].tiny)
  }

  private func hold(_ evidence: UInt64) -> TimeSpan {
    min(span, TimeSpan(nanoseconds: Self.holdPerContact.nanoseconds * Int64(min(evidence, 1024))))
  }

  private mutating func succeed(_ event: UnsafePointer<FlowEvent>) {
    let contact = event.pointee.contact
    guard answered.insert(contact, at: event.pointee.time) else { return }
    relays.note(event)
    let technique = event.pointee.transport == .udp ? ScanTechnique.udp : .syn
    failed.remove(Self.probe(contact, technique))
    let key = Self.key(event.pointee.source, technique)
    var slot = known.find(key)
    if slot < 0 {
      slot = known.vacancy(for: key, asOf: event.pointee.time)
      guard slot >= 0 else { return }
      release(slot)
      known.occupy(slot, with: key, until: event.pointee.time)
    }
    if known[slot].successes < .max { known[slot].successes += 1 }
    step(slot, event.pointee.target, up: false, at: event.pointee.time)
    // A handshake cannot be spoofed blindly; a datagram's answer can be provoked for any source.
    if event.pointee.transport == .tcp {
      known.keep(slot, until: event.pointee.time + hold(UInt64(known[slot].successes)))
    }
  }

  /// A session that carried nothing from its originator neither speaks for nor against it.
  private mutating func knock(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.payloadOut <= Self.knockPayload, event.pointee.probe == .syn else { return }
    guard failed.insert(event.pointee.contact ^ 0x6b6e_6f63_6b00_0000, at: event.pointee.time)
    else { return }
    let slot = known.find(Self.key(event.pointee.source, .syn))
    guard slot >= 0 else { return }
    if known[slot].successes > 0 { known[slot].successes -= 1 }
    if known[slot].tiny < .max { known[slot].tiny += 1 }
  }
}

// MARK: - Suspects

extension PortScan {
  private mutating func admit(_ key: TableKey, at now: CaptureTime) -> Int {
    let slot = known.find(key)
    if slot >= 0 { return slot }
    let vacancy = known.vacancy(for: key, asOf: now)
    guard vacancy >= 0 else { return -1 }
    release(vacancy)
    known.occupy(vacancy, with: key, until: now + hold(2))
    return vacancy
  }

  private mutating func release(_ slot: Int) {
    guard known.isOccupied(slot), known[slot].suspect >= 0 else { return }
    discard(Int(known[slot].suspect))
  }

  private mutating func discard(_ index: Int) {
    suspects[index] = .unused
    free.append(index)
  }

  private mutating func place(asOf now: CaptureTime) -> Int? {
    if let index = free.popLast() { return index }
    if suspects.count < suspectLimit {
      suspects.append(.unused)
      return suspects.count - 1
    }
    return evict(asOf: now)
  }

  /// Starts the detailed record of the source at `slot` with its first failure.
  private mutating func open(_ slot: Int, with visit: Doorkeeper.Visit, at now: CaptureTime) -> Bool
  {
    guard let index = place(asOf: now) else {
      turnedAway &+= 1
      return false
    }
    var suspect = ScanSuspect(
      source: visit.source, family: visit.technique, first: visit.time, spacing: spacingSpan)
    _ = failed.insert(Self.probe(visit.contact, visit.technique), at: visit.time)
    suspect.add(
      target: visit.target, port: visit.port, packet: visit.packet, at: visit.time)
    suspect.judgedAt = min(failureLimit, Self.walkFailures)
    suspects[index] = suspect
    step(slot, visit.target, up: true, at: visit.time)
    known[slot].suspect = Int32(truncatingIfNeeded: index)
    return true
  }

  /// Takes the record of the suspect with the least evidence whose hold has run out.
  private mutating func evict(asOf now: CaptureTime) -> Int? {
    guard now >= fullUntil else { return nil }
    var best: (index: Int, failures: UInt64, last: CaptureTime)?
    for index in suspects.indices {
      let failures = suspects[index].failures
      let last = suspects[index].last
      guard suspects[index].isUsed, last + hold(failures) <= now else { continue }
      if let best, (best.failures, best.last) <= (failures, last) { continue }
      best = (index, failures, last)
    }
    guard let best else {
      fullUntil = now + .milliseconds(100)
      return nil
    }
    let slot = known.find(Self.key(suspects[best.index].source, suspects[best.index].family))
    if slot >= 0 { known[slot].suspect = -1 }
    suspects[best.index] = .unused
    return best.index
  }
}

extension PortScan: LossCounting {
  var losses: UInt64 { known.refusedCount &+ turnedAway }
}
