import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds sources that ask around who is there: requests for an echo, the time or the address mask
/// (RFC 792, RFC 950) to many addresses of which most do not exist.
///
/// A segment beyond a router sees requests to existing addresses only; the others show as the
/// router's ARP requests that nobody answers. Those *dark* requests, interleaved with a source's
/// echo requests, count as its failures; they are never held against the router. Where several sources
/// ask at the same time, they are held against whoever was active when they came. A poller asks the
/// same addresses again and again, and they answer.
struct PingSweep: FlowReader {
  static let failures = EngineLimit(
    "ping-sweep.failures", 8, .count, "Distinct addresses that must fail to answer one source.")
  static let share = EngineLimit(
    "ping-sweep.share", 0.4, .ratio, "Least share of the addresses asked that failed to answer.")
  static let companions = EngineLimit(
    "ping-sweep.answers", 6, .count,
    "Addresses one source must have asked before unanswered ARP requests are held against it.")
  static let darkness = EngineLimit(
    "ping-sweep.darkness", 2, .count,
    "Unanswered ARP requests of routers per address asked that make the source a sweeper.")
  static let arpTargets = EngineLimit(
    "ping-sweep.arp-targets", 16, .count,
    "Distinct unanswered ARP requests of one host that is no router.")
  static let rounds = EngineLimit(
    "ping-sweep.rounds", 3, .count,
    "Requests per address from which on the source is taken for a poller.")
  static let memory = EngineLimit(
    "ping-sweep.memory", 1800, .duration, "How long a silent source is remembered.")
  static let quiet = EngineLimit(
    "ping-sweep.quiet", 30, .duration, "Silence after which a sweep's last revision is sent.")
  static let spacing = EngineLimit(
    "ping-sweep.spacing", 3, .duration, "Least time between two revisions of one report.")
  static let sources = EngineLimit(
    "ping-sweep.sources", 4096, .count, "Sources of echo or ARP requests remembered at once.")
  static let contacts = EngineLimit(
    "ping-sweep.contacts", 32_768, .count, "Addresses asked that are remembered at once.")
  static let limits = [
    failures, share, companions, darkness, arpTargets, rounds, memory, quiet, spacing, sources,
    contacts,
  ]

  struct Source: Sendable {
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var asked: UInt64 = 0
    var repeats: UInt64 = 0
    var failed: UInt64 = 0
    /// Unanswered ARP requests of routers while this source asked for new addresses.
    var dark: UInt64 = 0
    var questions = SweepQuestions()
    var usesARP: Bool { questions.isARP }
    var asker = MACAddress.unknown
    /// The newest address asked, and whether the dark requests around it are still to be counted.
    var newest = IPAddress.unspecified
    var firstPacket: UInt64 = 0
    var isPending = false
    /// When it asked for new addresses.
    var activity = Activity()
    var targets = AddressSet()
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  /// Payload seconds: an ARP request is dark when nobody answered it for this long.
  static let answerSpan = TimeSpan.seconds(1)
  /// ARP requests remembered until they are answered.
  static let pendingLimit = 512
  /// Addresses that another source must have asked, and how many times as many dark requests must have
  /// come while it did, for these to be its own.
  static let rivalTargets: UInt64 = 3
  static let rivalFactor = 1.5
  /// Event time for which each address asked protects a source's slot.
  static let holdPerTarget = TimeSpan.seconds(20)

  private let context: DetectionContext
  private let failureLimit: UInt64
  private let shareLimit: Double
  private let companionLimit: UInt64
  private let darkLimit: Double
  private let arpLimit: UInt64
  private let roundLimit: UInt64
  private let span: TimeSpan
  private let quietSpan: TimeSpan
  private let spacingSpan: TimeSpan

  private var known: BoundedTable<Source>
  private var asked: ContactMemory
  private var failed: ContactMemory
  private var pending: ARPRequests
  private var routers: Routers
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    failureLimit = UInt64(max(limits.count(Self.failures), 2))
    shareLimit = limits[Self.share]
    companionLimit = UInt64(max(limits.count(Self.companions), 2))
    darkLimit = limits[Self.darkness]
    arpLimit = UInt64(max(limits.count(Self.arpTargets), 2))
    roundLimit = UInt64(max(limits.count(Self.rounds), 2))
    span = limits.span(Self.memory)
    quietSpan = limits.span(Self.quiet)
    spacingSpan = limits.span(Self.spacing)
    known = BoundedTable(
      capacity: limits.count(Self.sources),
      empty: Source(thread: ReportThread(spacing: spacingSpan)))
    asked = ContactMemory(capacity: limits.count(Self.contacts), span: span)
    failed = ContactMemory(capacity: limits.count(Self.contacts), span: span)
    pending = ARPRequests(capacity: Self.pendingLimit)
    routers = Routers(gateways: context.gateways)
  }

  var interest: EventClasses {
    [.flow(.opened, .arp, .neighbour), .flow(.refused, .unanswered, over: .icmp)]
  }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.isPing else { return }
    let contact = contact(event)
    if event.pointee.kind == .opened { asked.foresee(contact) } else { failed.foresee(contact) }
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .opened:
      routers.note(event.pointee.sourceMAC, carries: event.pointee.source, at: event.pointee.time)
      routers.note(event.pointee.targetMAC, carries: event.pointee.target, at: event.pointee.time)
      if event.pointee.isPing { ask(event, into: &sink) }
    case .refused, .unanswered:
      if event.pointee.isPing { fail(event, into: &sink) }
    case .arp: resolve(event, into: &sink)
    case .neighbour: solicit(event, into: &sink)
    default: return
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in known.slots {
      if known[slot].isPending {
        let due = known[slot].last + Self.answerSpan
        if due <= now {
          known[slot].isPending = false
          if known[slot].usesARP { countAbsent(slot, at: now) } else { countDark(slot, at: now) }
          judge(slot, at: now, into: &sink)
        } else {
          next = min(next, due)
        }
      }
      guard known[slot].thread.isStale(count: evidence(slot)) else { continue }
      let due = known[slot].thread.lastDue(after: known[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

// MARK: - Counting

extension PingSweep {
  private mutating func ask(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard !context.isBroadcast(event.pointee.target), !event.pointee.source.isMulticast else {
      return
    }
    let slot = known.admit(
      TableKey(event.pointee.source), asOf: event.pointee.time, until: event.pointee.time)
    guard slot >= 0 else { return }
    guard asked.insert(contact(event), at: event.pointee.time) else {
      known[slot].repeats &+= 1
      return
    }
    note(event, at: slot)
    guard known[slot].asked >= companionLimit else { return }
    known[slot].isPending = true
    nextDeadline = min(nextDeadline, event.pointee.time + Self.answerSpan)
    let asked = known[slot].asked
    if !known[slot].thread.isOpen, asked < 32 || asked & 31 == 0 {
      countDark(slot, at: event.pointee.time)
    }
    judge(slot, at: event.pointee.time, into: &sink)
  }

  /// Adds an address asked. The first one waits for company, so that a spoofed request costs no
  /// memory.
  private mutating func note(_ event: UnsafePointer<FlowEvent>, at slot: Int) {
    known[slot].asked &+= 1
    known[slot].questions.note(event)
    known[slot].last = event.pointee.time
    known[slot].activity.note(event.pointee.time)
    if known[slot].asked == 1 {
      known[slot].first = event.pointee.time
      known[slot].firstPacket = event.pointee.packet
    } else {
      if known[slot].asked == 2 {
        known[slot].targets.insert(known[slot].newest)
        known[slot].packets.add(known[slot].firstPacket)
      }
      known[slot].targets.insert(event.pointee.target)
      known[slot].packets.add(event.pointee.packet)
    }
    known[slot].newest = event.pointee.target
    known.keep(slot, until: event.pointee.time + hold(known[slot].asked))
  }

  /// Counts the router's unanswered requests while the source asked; the newest wait for their
  /// answer first.
  private mutating func countDark(_ slot: Int, at now: CaptureTime) {
    known[slot].dark = pending.unanswered(
      near: known[slot].newest, from: known[slot].first,
      through: min(known[slot].last, now - Self.answerSpan), except: known.key(slot).address,
      routers: routers)
  }

  /// Whether the router's unanswered requests came rather when another source asked for addresses of
  /// that neighbourhood, or between bursts of its own: rounds of a poller.
  private func isOthersDarkness(_ slot: Int, at now: CaptureTime) -> Bool {
    if known[slot].activity.isBursty(known[slot].asked) { return true }
    let near = known[slot].newest
    let last = now - Self.answerSpan
    let mine = pending.unanswered(near: near, during: known[slot].activity, through: last)
    return known.slots.contains { other in
      guard other != slot, known[other].asked >= Self.rivalTargets, !known[other].usesARP,
        known[other].first <= known[slot].last, known[slot].first <= known[other].last,
        near.isNeighbour(of: known[other].newest)
      else { return false }
      let theirs = pending.unanswered(
        near: near, during: known[other].activity, through: last)
      return Double(theirs) >= Self.rivalFactor * Double(mine)
    }
  }

  /// Counts an ARP sweeper's own unanswered requests.
  private mutating func countAbsent(_ slot: Int, at now: CaptureTime) {
    known[slot].failed = pending.unanswered(
      from: known[slot].first, through: now - Self.answerSpan, by: known.key(slot).address,
      known[slot].asker)
  }

  private mutating func fail(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let slot = known.find(TableKey(event.pointee.source))
    guard slot >= 0, !context.isBroadcast(event.pointee.target) else { return }
    guard failed.insert(contact(event), at: event.pointee.time) else { return }
    known[slot].failed &+= 1
    judge(slot, at: event.pointee.time, into: &sink)
  }

  /// Neighbour discovery in the words of ARP (RFC 4861, 7.2): a solicitation of everybody asks who has
  /// an address; one of a single host only whether it is still there.
  private mutating func solicit(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let isQuestion = event.pointee.arpOperation == NeighbourNotice.neighbourSolicitation
    guard isQuestion || event.pointee.arpOperation == NeighbourNotice.neighbourAdvertisement,
      !isQuestion || event.pointee.target.isMulticast && !event.pointee.source.isUnspecified
    else { return }
    var request = event.pointee
    request.kind = .arp
    request.arpOperation = isQuestion ? 1 : 2
    if isQuestion {
      request.target = event.pointee.subject
    } else {
      request.source = event.pointee.subject
    }
    withUnsafePointer(to: request) { resolve($0, into: &sink) }
  }

  /// ARP: requests wait for their answer; a host that is no router and asks for many absent
  /// neighbours sweeps.
  private mutating func resolve(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.arpOperation == 1 else {
      pending.answer(event.pointee.source)
      return
    }
    guard event.pointee.source != event.pointee.target, !event.pointee.target.isUnspecified else {
      return
    }
    pending.ask(
      event.pointee.target, by: event.pointee.source, event.pointee.sourceMAC,
      at: event.pointee.time)
    guard !routers.contains(event.pointee.source, event.pointee.sourceMAC) else { return }
    guard asked.insert(contact(event), at: event.pointee.time) else { return }
    let slot = known.admit(
      TableKey(event.pointee.source, detail: event.pointee.sourceMAC.bits << 1 | 1),
      asOf: event.pointee.time,
      until: event.pointee.time)
    guard slot >= 0 else { return }
    known[slot].asker = event.pointee.sourceMAC
    note(event, at: slot)
    guard known[slot].asked >= arpLimit else { return }
    known[slot].isPending = true
    nextDeadline = min(nextDeadline, event.pointee.time + Self.answerSpan)
    let asked = known[slot].asked
    if !known[slot].thread.isOpen || asked & 31 == 0 { countAbsent(slot, at: event.pointee.time) }
    judge(slot, at: event.pointee.time, into: &sink)
  }

  /// One number per source and address, whatever the echo identifier.
  @inline(__always) private func contact(_ event: UnsafePointer<FlowEvent>) -> UInt64 {
    ContactMemory.hash(
      event.pointee.source, event.pointee.target, port: 0,
      transport: event.pointee.kind == .arp ? .init(number: 0) : .icmp)
  }

  private func hold(_ targets: UInt64) -> TimeSpan {
    min(span, TimeSpan(nanoseconds: Self.holdPerTarget.nanoseconds * Int64(min(targets &- 1, 256))))
  }
}

// MARK: - Judging

extension PingSweep {
  @inline(__always) private func evidence(_ slot: Int) -> UInt64 {
    known[slot].asked &+ known[slot].failed
  }

  private func isPoller(_ source: Source) -> Bool {
    source.repeats >= (roundLimit &- 1) &* max(source.asked, 1)
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if known[slot].thread.isOpen {
      if known[slot].thread.isDue(count: evidence(slot), at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
    } else if isSweep(slot), !isByDarkness(slot) || !isOthersDarkness(slot, at: now) {
      emit(slot, at: now, into: &sink)
    }
  }

  /// Asked for each request: looks at the source where it stands.
  @inline(__always) private func isSweep(_ slot: Int) -> Bool {
    let (asked, failed, dark) = (known[slot].asked, known[slot].failed, known[slot].dark)
    let share = Self.share(asked: asked, failed: failed, dark: dark)
    if known[slot].usesARP { return failed >= arpLimit && share >= shareLimit }
    if failed >= failureLimit, share >= shareLimit { return true }
    return asked >= companionLimit && known[slot].repeats < asked / 2
      && Double(dark) >= darkLimit * Double(asked)
  }

  /// Whether only unanswered requests of routers speak of a sweep.
  private func isByDarkness(_ slot: Int) -> Bool {
    guard !known[slot].usesARP else { return false }
    return known[slot].failed < failureLimit
      || Self.share(asked: known[slot].asked, failed: known[slot].failed, dark: 0) < shareLimit
  }

  /// Share of the addresses asked that failed; dark neighbours count as asked and failed.
  private static func share(asked: UInt64, failed: UInt64, dark: UInt64) -> Double {
    Double(failed &+ dark) / Double(max(asked &+ dark, 1))
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let fresh = report(known[slot], known.key(slot).address, at: now, from: sink)
    known[slot].thread.emit(fresh, count: evidence(slot), at: now, into: &sink)
    known.keep(slot, until: now + span)
  }

  private func report(
    _ source: Source, _ address: IPAddress, at now: CaptureTime, from sink: ReportSink
  ) -> Report {
    let failures = source.failed &+ source.dark
    let limit = source.usesARP ? arpLimit : failureLimit
    let margin = Double(failures) / Double(limit)
    let share = Self.share(asked: source.asked, failed: source.failed, dark: source.dark)
    var report = sink.opening(
      .pingSweep, subject: "\(address)", first: source.first, last: source.last, at: now,
      severity: isPoller(source) ? Report.informationalSeverity : 3,
      confidence: min(0.99, 0.4 * share + 0.6 * (1 - 1 / (1 + margin))))
    if !address.isUnspecified { report.sources.insert(address) }
    report.targets = source.targets
    report.transport = source.usesARP ? nil : address.isIPv4 ? .icmp : .icmpv6
    report.attributes = [
      "technique": .text(source.questions.text),
      "targets": .count(UInt64(source.targets.count)), "failures": .count(failures),
    ]
    report.evidence = [sink.evidence(source.packets.indices)]
    report.terms = [
      Term(
        "addresses that did not answer", Double(failures), threshold: Double(limit),
        unit: "addresses"),
      Term("share that did not answer", share, threshold: shareLimit),
      Term("addresses asked", Double(source.asked), unit: "addresses"),
      Term("repeated requests", Double(source.repeats), unit: "requests"),
    ]
    return report
  }
}

extension PingSweep: LossCounting {
  var losses: UInt64 { known.refusedCount }
}
