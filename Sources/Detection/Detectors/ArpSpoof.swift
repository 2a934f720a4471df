import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that claim an address which belongs to another hardware address (RFC 826 has no
/// authentication, nor has RFC 4861: neighbour advertisements are read in the same way).
///
/// A claim against a known binding counts when nobody asked for it and it is told to one host only:
/// that is how caches are poisoned. A failover or a new lease tells everybody, once, and the old
/// owner falls silent; two owners that keep contradicting each other are reported as a conflict. Who
/// never spoke ARP, or is cut off from it, shows by handshakes where an address is.
struct ArpSpoof: AnalysisEngine {
  static let claims = EngineLimit(
    "arp-spoof.claims", 2, .count,
    "Unasked claims to a bound address, told to one host, that are reported.")
  static let contradictions = EngineLimit(
    "arp-spoof.contradictions", 4, .count,
    "Times that two hardware addresses take a bound address from each other before it is reported.")
  static let announcements = EngineLimit(
    "arp-spoof.announcements", 4, .count,
    "Announcements to all of a bound address that are reported once its owner spoke twice between.")
  static let takeover = EngineLimit(
    "arp-spoof.takeover", 3, .count,
    "Open claims without contradiction after which a new hardware address owns the address.")
  static let answer = EngineLimit(
    "arp-spoof.answer", 5, .duration, "How long an ARP request makes replies to it legitimate.")
  static let memory = EngineLimit(
    "arp-spoof.memory", 3600, .duration, "How long a silent binding is remembered.")
  static let bindings = EngineLimit(
    "arp-spoof.bindings", 4096, .count, "Addresses whose hardware address is remembered.")
  static let quiet = EngineLimit(
    "arp-spoof.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "arp-spoof.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [
    claims, contradictions, announcements, takeover, answer, memory, bindings, quiet, spacing,
  ]

  /// Who owns an address, and who else claims it.
  struct Binding: Sendable {
    var owner = MACAddress.unknown
    /// The owner itself said so, in answer to a request or to everybody.
    var isConfirmed = false
    /// Unasked claims that the owner made before it was confirmed.
    var unasked: UInt64 = 0
    var challenger = MACAddress.unknown
    /// Who spoke for the challenger, if not itself.
    var speaker = MACAddress.unknown
    var claims: UInt64 = 0
    var openClaims: UInt64 = 0
    /// Replies to everybody: of the challenger, and of the owner before it was confirmed.
    var announcements: UInt64 = 0
    var ownAnnouncements: UInt64 = 0
    var contradictions: UInt64 = 0
    /// The challenger spoke after the owner.
    var isChallenged = false
    /// When owner and challenger last replied to a question.
    var answered = CaptureTime.distantPast
    var counterAnswered = CaptureTime.distantPast
    /// Both replied to the same question.
    var isContested = false
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var deceived = AddressSet()
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  private let own: AddressRanges
  private let gateways: [IPAddress]
  /// Somebody else claimed a gateway's address.
  private var isGatewayClaimed = false
  let claimLimit: UInt64
  let contradictionLimit: UInt64
  let announcementLimit: UInt64
  private let takeoverLimit: UInt64
  private let answerSpan: TimeSpan
  let span: TimeSpan
  let quietSpan: TimeSpan
  var bindings: BoundedTable<Binding>
  private var requests: ContactMemory
  /// How many addresses each hardware address contests.
  private var contests: BoundedTable<UInt64>
  /// Addresses that newcomers ask for (RFC 4862, 5.4), and who objects.
  var probes: ContactMemory
  var objections: SightingTable<MACAddress>
  var dueDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    own = AddressRanges(context.prefixes)
    gateways = context.gateways
    claimLimit = UInt64(max(limits.count(Self.claims), 1))
    contradictionLimit = UInt64(max(limits.count(Self.contradictions), 1))
    announcementLimit = UInt64(max(limits.count(Self.announcements), 1))
    takeoverLimit = UInt64(max(limits.count(Self.takeover), 1))
    answerSpan = limits.span(Self.answer)
    span = limits.span(Self.memory)
    quietSpan = limits.span(Self.quiet)
    bindings = BoundedTable(
      capacity: limits.count(Self.bindings),
      empty: Binding(thread: ReportThread(spacing: limits.span(Self.spacing))))
    requests = ContactMemory(capacity: 4096, span: answerSpan)
    contests = BoundedTable(capacity: 512, empty: 0)
    probes = ContactMemory(capacity: 1024, span: answerSpan)
    objections = SightingTable(
      capacity: 128, empty: .unknown, halfLife: .minutes(10), memory: span, quiet: quietSpan,
      spacing: limits.span(Self.spacing))
  }

  var interest: EventClasses { [.flow(.arp, .neighbour), .flow(.established, over: .tcp)] }

  var nextDeadline: CaptureTime { min(dueDeadline, objections.nextDeadline) }

  @inline(__always)
  mutating func analyse(_ event: FlowEvent, into sink: inout ReportSink) {
    switch event.kind {
    case .arp: hear(event, into: &sink)
    case .neighbour:
      object(event, into: &sink)
      if let claim = Self.claim(of: event) { hear(claim, into: &sink) }
    case .established:
      guard event.probe == .syn else { return }
      prove(event.source, event.sourceMAC, event, into: &sink)
      prove(event.target, event.targetMAC, event, into: &sink)
    default: return
    }
  }

  private mutating func hear(_ event: FlowEvent, into sink: inout ReportSink) {
    if event.arpOperation == 1 {
      _ = requests.insert(question(event.target, by: event.source), at: event.time)
    }
    // An address probe (RFC 5227) claims nothing; a frame that speaks for another host is not that
    // host's word.
    guard !event.source.isUnspecified, event.sourceMAC != .unknown, !event.sourceMAC.isGroup
    else { return }
    guard event.frameMAC == .unknown || event.frameMAC == event.sourceMAC else {
      return speakForOthers(event, into: &sink)
    }
    claim(event, into: &sink)
    learnTarget(event)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    if objections.nextDeadline <= now { endObjections(at: now, into: &sink) }
    var next = CaptureTime.distantFuture
    for slot in bindings.slots where bindings[slot].thread.isStale(count: evidence(slot)) {
      let due = bindings[slot].thread.lastDue(after: bindings[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    dueDeadline = next
  }
}

// MARK: - Bindings

extension ArpSpoof {
  /// A handshake by way of a hardware address: it has the address, or passes on what is sent there.
  private mutating func prove(
    _ address: IPAddress, _ mac: MACAddress, _ event: FlowEvent, into sink: inout ReportSink
  ) {
    guard mac != .unknown, !mac.isGroup else { return }
    guard own.contains(address) else {
      if isGatewayClaimed { routed(by: mac, event, into: &sink) }
      return
    }
    let key = key(address, event)
    let slot = bindings.find(key)
    guard slot >= 0 else {
      let slot = bindings.admit(key, asOf: event.time, until: event.time)
      if slot >= 0 { bindings[slot].owner = mac }
      return
    }
    if mac == bindings[slot].owner {
      guard bindings[slot].isChallenged else { return }
      bindings[slot].isChallenged = false
      bindings[slot].contradictions &+= 1
      judge(slot, at: event.time, into: &sink)
    } else if !bindings[slot].isConfirmed, bindings[slot].unasked > 0 {
      // Only one that nobody ever asked says that the address is elsewhere.
      expose(slot, owner: mac, at: event.time, into: &sink)
    }
  }

  /// A handshake with another network went by way of `mac`: a gateway whose address somebody else
  /// claims is still at work, as none is that was replaced.
  private mutating func routed(
    by mac: MACAddress, _ event: FlowEvent, into sink: inout ReportSink
  ) {
    for gateway in gateways {
      let slot = bindings.find(key(gateway, event))
      guard slot >= 0, bindings[slot].owner == mac, bindings[slot].isChallenged else { continue }
      bindings[slot].isChallenged = false
      bindings[slot].contradictions &+= 1
      judge(slot, at: event.time, into: &sink)
    }
  }

  /// Gives an address to who has it; what was said before unasked stands against the other.
  private mutating func expose(
    _ slot: Int, owner: MACAddress, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let liar = bindings[slot].owner
    bindings[slot].owner = owner
    bindings[slot].isConfirmed = true
    let spoke = bindings[slot].unasked &+ bindings[slot].ownAnnouncements > 0
    bindings[slot].challenger = spoke ? liar : .unknown
    bindings[slot].claims = bindings[slot].unasked
    bindings[slot].announcements = bindings[slot].ownAnnouncements
    bindings[slot].openClaims = 0
    judge(slot, at: now, into: &sink)
  }

  private func question(_ target: IPAddress, by asker: IPAddress) -> UInt64 {
    ContactMemory.hash(asker, target, port: 0, transport: .init(number: 0))
  }

  private func key(_ address: IPAddress, _ event: FlowEvent) -> TableKey {
    TableKey(address, detail: UInt64(event.vlan))
  }

  /// Whether the claim was told to one host that had not asked.
  private func isUnasked(_ event: FlowEvent) -> Bool {
    guard event.arpOperation == 2, event.target != event.source, !event.targetMAC.isGroup else {
      return false
    }
    return !requests.contains(question(event.source, by: event.target), asOf: event.time)
  }

  /// Whether the claim is a reply to everybody.
  private func isAnnouncement(_ event: FlowEvent) -> Bool {
    event.arpOperation == 2 && (event.target == event.source || event.targetMAC.isGroup)
  }

  /// Whether the claim is a request for the sender's own address, which announces it as well (RFC
  /// 5227, 3). A failover is told so, too; there the old owner is silent.
  private func isGratuitous(_ event: FlowEvent) -> Bool {
    event.arpOperation == 1 && event.target == event.source
  }

  private mutating func claim(_ event: FlowEvent, into sink: inout ReportSink) {
    let isUnasked = isUnasked(event)
    let key = key(event.source, event)
    var slot = bindings.find(key)
    if slot < 0 {
      slot = bindings.admit(key, asOf: event.time, until: event.time)
      guard slot >= 0 else { return }
      let isAnnounced = isAnnouncement(event) || isGratuitous(event)
      bindings[slot].owner = event.sourceMAC
      bindings[slot].isConfirmed = !isUnasked && !isAnnounced
      bindings[slot].ownAnnouncements = isAnnounced ? 1 : 0
      bindings[slot].unasked = isUnasked ? 1 : 0
      note(event, at: slot, isUnasked: isUnasked)
      return
    }
    if event.sourceMAC == bindings[slot].owner {
      confirm(event, at: slot, isUnasked: isUnasked, into: &sink)
    } else {
      challenge(event, at: slot, isUnasked: isUnasked, into: &sink)
    }
  }

  private mutating func confirm(
    _ event: FlowEvent, at slot: Int, isUnasked: Bool, into sink: inout ReportSink
  ) {
    if isUnasked, !bindings[slot].isConfirmed {
      bindings[slot].unasked &+= 1
      note(event, at: slot, isUnasked: true)
    } else if isAnnouncement(event) {
      if !bindings[slot].isConfirmed { bindings[slot].ownAnnouncements &+= 1 }
    } else {
      bindings[slot].isConfirmed = true
    }
    bindings.keep(slot, until: event.time + .minutes(5))
    if isReply(event, isUnasked) {
      bindings[slot].answered = event.time
      contest(slot, at: event.time)
    }
    guard bindings[slot].isChallenged else { return }
    bindings[slot].isChallenged = false
    bindings[slot].contradictions &+= 1
    judge(slot, at: event.time, into: &sink)
  }

  private mutating func challenge(
    _ event: FlowEvent, at slot: Int, isUnasked: Bool, into sink: inout ReportSink
  ) {
    if !bindings[slot].isConfirmed, !isUnasked, !isAnnouncement(event) {
      // Whoever answers when asked is the owner.
      expose(slot, owner: event.sourceMAC, at: event.time, into: &sink)
      return
    }
    if bindings[slot].challenger != event.sourceMAC {
      guard !bindings[slot].thread.isOpen else { return }
      bindings[slot].challenger = event.sourceMAC
      bindings[slot].speaker = event.frameMAC
      bindings[slot].claims = 0
      bindings[slot].openClaims = 0
      bindings[slot].announcements = 0
      bindings[slot].contradictions = 0
      bindings[slot].isContested = false
      bindings[slot].counterAnswered = .distantPast
      bindings[slot].first = event.time
      bindings[slot].deceived = AddressSet()
      bindings[slot].packets = PacketSample()
    }
    bindings[slot].isChallenged = true
    if !isGatewayClaimed, gateways.contains(event.source) { isGatewayClaimed = true }
    if isUnasked {
      bindings[slot].claims &+= 1
    } else if isAnnouncement(event) {
      bindings[slot].announcements &+= 1
    } else {
      bindings[slot].openClaims &+= 1
      if isGratuitous(event) { bindings[slot].announcements &+= 1 }
    }
    if isReply(event, isUnasked) {
      bindings[slot].counterAnswered = event.time
      contest(slot, at: event.time)
    }
    note(event, at: slot, isUnasked: isUnasked)
    bindings.keep(slot, until: event.time + .minutes(5))
    if isTakeover(bindings[slot]) {
      bindings[slot].owner = event.sourceMAC
      bindings[slot].challenger = .unknown
      bindings[slot].openClaims = 0
      bindings[slot].isChallenged = false
    } else {
      judge(slot, at: event.time, into: &sink)
    }
  }

  /// A frame that tells one host, unasked, that another's address is at some third interface: who leads
  /// traffic astray need not bear the address that he names (netcut).
  private mutating func speakForOthers(_ event: FlowEvent, into sink: inout ReportSink) {
    let slot = bindings.find(key(event.source, event))
    guard slot >= 0, bindings[slot].owner != event.sourceMAC,
      bindings[slot].owner != event.frameMAC, isUnasked(event),
      bindings[slot].isConfirmed || bindings[slot].unasked &+ bindings[slot].ownAnnouncements == 0
    else { return }
    challenge(event, at: slot, isUnasked: true, into: &sink)
  }

  /// Whether the claim replies to a question.
  private func isReply(_ event: FlowEvent, _ isUnasked: Bool) -> Bool {
    event.arpOperation == 2 && !isUnasked && !isAnnouncement(event)
  }

  /// Two hosts that reply to one question both mean it: a failover has one that does.
  private mutating func contest(_ slot: Int, at now: CaptureTime) {
    let binding = bindings[slot]
    let apart = (binding.answered - binding.counterAnswered).nanoseconds.magnitude
    guard !binding.isContested, apart <= TimeSpan.seconds(2).nanoseconds.magnitude else { return }
    let place = contests.admit(
      TableKey(.unspecified, detail: binding.challenger.bits), asOf: now, until: now + .minutes(10))
    guard place >= 0 else { return }
    bindings[slot].isContested = true
    contests[place] += 1
  }

  func isContested(_ binding: Binding) -> Bool {
    guard binding.isContested else { return false }
    let place = contests.find(TableKey(.unspecified, detail: binding.challenger.bits))
    return place >= 0 && contests[place] >= 2
  }

  private func isTakeover(_ binding: Binding) -> Bool {
    binding.claims == 0 && binding.contradictions < 2 && binding.openClaims >= takeoverLimit
      && !binding.thread.isOpen && !binding.isContested
  }

  private mutating func note(_ event: FlowEvent, at slot: Int, isUnasked: Bool) {
    if bindings[slot].first == .distantPast { bindings[slot].first = event.time }
    bindings[slot].last = event.time
    bindings[slot].packets.add(event.packet)
    if isUnasked { bindings[slot].deceived.insert(event.target) }
  }

  /// The owner of an address that others name, until it speaks for itself.
  private mutating func learnTarget(_ event: FlowEvent) {
    guard event.targetMAC != .unknown, !event.targetMAC.isGroup, !event.target.isUnspecified,
      event.target != event.source
    else { return }
    let key = key(event.target, event)
    guard bindings.find(key) < 0 else { return }
    let slot = bindings.admit(key, asOf: event.time, until: event.time)
    if slot >= 0 { bindings[slot].owner = event.targetMAC }
  }
}

extension ArpSpoof: LossCounting {
  var losses: UInt64 { bindings.refusedCount &+ objections.losses }
}
