import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds content that spreads by itself: the same bytes sent by many sources to many targets of one
/// port, where those who send were sent them before (Singh, Estan, Varghese and Savage, "Automated
/// Worm Fingerprinting", OSDI 2004).
///
/// As there, fingerprints are taken of all windows of 40 bytes by a rolling polynomial, sampled by
/// value; a filter of counters lets only repeated ones into the table of address dispersion.
/// Addresses are counted exactly while few and by a sketch beyond, where the paper has scaled
/// bitmaps. Of HTTP only target and body are read, never the lines that browsers share; protocols
/// whose first messages are alike by nature are left out; and unlike there, most of the sources must
/// have been targets first, which clients of whatever service never are. Members of a cluster all send
/// and are sent the same: where hardly anybody is only a target, nothing spreads.
struct ContentPrevalence: AnalysisEngine {
  static let prevalence = EngineLimit(
    "content-prevalence.prevalence", 3, .count, "Copies from which content is followed.")
  static let sources = EngineLimit(
    "content-prevalence.sources", 3, .count, "Sources that spread it.")
  static let targets = EngineLimit(
    "content-prevalence.targets", 6, .count, "Targets that it was sent to.")
  static let turned = EngineLimit(
    "content-prevalence.turned", 2, .count, "Targets that became sources.")
  static let epoch = EngineLimit(
    "content-prevalence.epoch", 3600, .duration, "Time after which copies are counted anew.")
  static let contents = EngineLimit(
    "content-prevalence.contents", 4096, .count, "Contents followed at once.")
  static let memory = EngineLimit(
    "content-prevalence.memory", 14_400, .duration, "Silence after which content is forgotten.")
  static let quiet = EngineLimit(
    "content-prevalence.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let limits = [
    prevalence, sources, targets, turned, epoch, contents, memory, quiet,
  ]

  static let severity = 7.0
  static let propagationSeverity = 8.0
  /// Bytes that are hashed together; one in so many windows counts; most for one message.
  static let window = 40
  static let sampling: UInt64 = 8
  static let sampleLimit = 6
  /// Bytes of a message that are read.
  static let readLimit = 512
  /// Kerberos and the endpoint mapper, name and time services.
  static let alike: Set<UInt16> = [53, 88, 123, 135, 137, 138, 464, 5353, 5355, 9100]

  struct Facts: Sendable {
    var fingerprint: UInt64 = 0
    var copies: UInt64 = 0
    var sources = AddressSet()
    var targets = AddressSet()
    var turned = FewDigests()
    /// Hosts that both sent it and were sent it, in whatever order.
    var both = FewDigests()
    /// Pairs of sender and receiver, and those that sent it both ways.
    var pairs = FewDigests()
    var mutual: UInt64 = 0
    /// Sources of the segment itself, and those of them that were turned: how others came to it is
    /// seen elsewhere.
    var natives = FewDigests()
    var turnedNatives: UInt64 = 0
    /// Told as a worm's, once and for all.
    var isPropagation = false
  }

  /// Copies for each source before it is judged who only was a target, and the part of the targets
  /// that must be no sources.
  static let copiesPerSource: UInt64 = 3
  static let openShare = 0.25
  /// Part of the pairs that may send it to each other.
  static let mutualShare = 0.1

  private let prevalenceLimit: UInt8
  private let sourceLimit: Int
  private let targetLimit: Int
  private let turnedLimit: Int
  private let epochSpan: TimeSpan
  private let own: AddressRanges
  private var filter = CopyFilter()
  private var contents: AttackCases<Facts>
  private var epoch = CaptureTime.distantPast

  init(_ context: DetectionContext) {
    let limits = context.limits
    prevalenceLimit = UInt8(clamping: limits.count(Self.prevalence))
    sourceLimit = limits.count(Self.sources)
    targetLimit = limits.count(Self.targets)
    turnedLimit = limits.count(Self.turned)
    epochSpan = limits.span(Self.epoch)
    own = AddressRanges(context.prefixes)
    contents = AttackCases(
      capacity: limits.count(Self.contents), quiet: limits.span(Self.quiet),
      memory: limits.span(Self.memory), empty: Facts())
  }

  var nextDeadline: CaptureTime { contents.nextDeadline }

  var interest: EventClasses { .session(.http, .payload) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .http(let request):
      let target = request.target
      guard target.count + request.body.count >= Self.window else { return }
      read(Array((target + request.body).prefix(Self.readLimit)), event, into: &sink)
    case .payload(let sample):
      guard sample.isFromClient, sample.turn <= 1, sample.bytes.count >= Self.window,
        !Self.alike.contains(event.serverPort), !event.server.isMulticast,
        !event.server.isLimitedBroadcast, !Self.isBoilerplate(sample.bytes)
      else { return }
      read(sample.bytes, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let limits = (sourceLimit, targetLimit, turnedLimit)
    contents.advance(to: now, into: &sink) { Self.report($0, limits, at: now, from: $1) }
  }

  /// DCE/RPC binds, BitTorrent, MQTT, NetBIOS, print jobs, SIP.
  private static func isBoilerplate(_ bytes: [UInt8]) -> Bool {
    if bytes[0] == 5, bytes[1] == 0, bytes[2] == 11 || bytes[2] == 0 { return true }
    let beginnings: [StaticString] = [
      "\u{13}bittorrent", "register sip", "options sip", "invite sip", "\u{1b}%-12345x",
      "d1:ad2:id",
    ]
    return beginnings.contains { bytes.begins($0) } || bytes.prefix(10).mentions("mqtt")
  }
}

extension ContentPrevalence {
  private mutating func read(
    _ bytes: [UInt8], _ event: SessionEvent, into sink: inout ReportSink
  ) {
    if event.time - epoch > epochSpan || epoch == .distantPast {
      epoch = event.time
      filter.removeAll()
    }
    var isTold = false
    for fingerprint in Self.fingerprints(bytes, port: event.serverPort) {
      let copies = filter.add(fingerprint)
      let known = contents.find(.unspecified, .unspecified, fingerprint, at: event.time)
      guard copies >= 2 || known >= 0 else { continue }
      let slot =
        known >= 0
        ? known
        : contents.admit(
          .unspecified, .unspecified, fingerprint, port: event.serverPort, at: event.time)
      guard slot >= 0 else { continue }
      note(slot, fingerprint, event)
      // One window speaks for the message.
      if !isTold { isTold = judge(slot, at: event.time, into: &sink) }
    }
  }

  private mutating func note(_ slot: Int, _ fingerprint: UInt64, _ event: SessionEvent) {
    let isOwn = own.isEmpty || own.contains(event.client)
    contents[slot].facts.note(event, fingerprint, isOwn: isOwn)
    contents.note(slot, event, hold: hold(slot))
  }

  /// How long content is kept from making room. What everybody asks of one server is prevalent and
  /// no worm: were it held, whatever spreads would find no place beside a busy site's pages.
  private mutating func hold(_ slot: Int) -> TimeSpan {
    if contents[slot].facts.turned.count > 0 { return .minutes(20) }
    let isSpreading =
      contents[slot].facts.copies >= UInt64(prevalenceLimit)
      && contents[slot].facts.targets.count > 1
    return isSpreading ? .minutes(5) : .zero
  }

  private mutating func judge(
    _ slot: Int, at now: CaptureTime, into sink: inout ReportSink
  ) -> Bool {
    let isSpread = isSpread(contents[slot].facts)
    guard contents[slot].thread.isOpen || isSpread && !isKnown(slot, at: now) else {
      return isSpread
    }
    if !contents[slot].thread.isOpen {
      // One began it, one was sent the first copy, which was not noted yet, and who came after was
      // sent it before: victims turned attackers.
      contents[slot].facts.isPropagation =
        contents[slot].facts.turnedNatives >= UInt64(turnedLimit)
        && Int(contents[slot].facts.turnedNatives) + 2 >= contents[slot].facts.natives.count
    }
    let limits = (sourceLimit, targetLimit, turnedLimit)
    contents.tell(slot, at: now, into: &sink) { Self.report($0, limits, at: now, from: $1) }
    return true
  }

  private func isSpread(_ facts: Facts) -> Bool {
    facts.copies >= UInt64(prevalenceLimit) && facts.sources.count >= sourceLimit
      && facts.targets.count >= targetLimit
      && facts.turned.count >= turnedLimit && 2 * facts.turned.count >= facts.sources.count
      && facts.copies >= Self.copiesPerSource * UInt64(facts.sources.count)
      && Double(facts.targets.count - facts.both.count)
        >= Self.openShare * Double(facts.targets.count)
      && Double(facts.mutual) <= Self.mutualShare * Double(facts.pairs.count)
  }

  /// Whether another window of the same spread, by the same port, is told already.
  private func isKnown(_ slot: Int, at now: CaptureTime) -> Bool {
    let port = contents[slot].port
    return contents.table.slots.contains {
      $0 != slot && contents[$0].port == port && contents[$0].thread.isOpen
        && contents[$0].facts.sources.overlaps(contents[slot].facts.sources)
    }
  }

  /// The polynomial's base, and its power that the oldest byte of a window has.
  private static let base: UInt64 = 0x0000_0100_0000_01b3
  private static let oldest = (1..<window).reduce(1 as UInt64) { power, _ in power &* base }

  /// Sampled fingerprints of the windows: a polynomial over the bytes, rolled, then mixed.
  static func fingerprints(_ bytes: [UInt8], port: UInt16) -> [UInt64] {
    guard bytes.count >= window else { return [] }
    var hash: UInt64 = 0
    var found: [UInt64] = []
    for place in bytes.indices {
      if place >= window { hash = hash &- UInt64(bytes[place - window] &+ 1) &* oldest }
      hash = hash &* base &+ UInt64(bytes[place] &+ 1)
      guard place >= window - 1 else { continue }
      let mixed = TableKey(IPAddress(high: hash, low: UInt64(port)), detail: 0).hash
      guard mixed % sampling == 0, !found.contains(mixed) else { continue }
      // Runs of one byte are filling, not content.
      guard bytes[place] != bytes[place - 1] || bytes[place] != bytes[place - 2] else { continue }
      found.append(mixed)
      if found.count == sampleLimit { break }
    }
    return found
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ limits: (sources: Int, targets: Int, turned: Int),
    at now: CaptureTime, from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let margin = Double(facts.turned.count) / Double(max(limits.turned, 1))
    var report = attack.report(
      facts.isPropagation ? .wormPropagation : .contentPrevalence,
      subject: "\(attack.port) \(facts.fingerprint)",
      severity: facts.isPropagation ? propagationSeverity : severity,
      confidence: min(0.95, 1 - 0.35 / max(margin, 0.6)), at: now, from: sink)
    report.sources = facts.sources
    report.targets = facts.targets
    report.attributes = [
      "port": .port(attack.port), "hosts": .count(UInt64(facts.targets.count)),
    ]
    if facts.isPropagation {
      report.attributes["technique"] = .text("same-content")
    } else {
      report.attributes["fingerprint"] = .hash(facts.fingerprint)
      report.attributes["copies"] = .count(facts.copies)
    }
    report.terms = [
      Term(
        "sources", Double(facts.sources.count), threshold: Double(limits.sources), unit: "hosts"),
      Term(
        "targets", Double(facts.targets.count), threshold: Double(limits.targets), unit: "hosts"),
      Term(
        "targets that became sources", Double(facts.turned.count),
        threshold: Double(limits.turned), unit: "hosts"),
    ]
    return report
  }
}

extension ContentPrevalence.Facts {
  /// Adds one copy that was sent. In place: a copy of the facts would copy every list of hosts.
  fileprivate mutating func note(_ event: SessionEvent, _ fingerprint: UInt64, isOwn: Bool) {
    self.fingerprint = fingerprint
    copies &+= 1
    let source = TableKey(event.client).hash
    // Who was a target before it was a source was turned.
    let isTurned = !sources.covers(event.client) && targets.covers(event.client)
    if isTurned { _ = turned.insert(source) }
    if isOwn, natives.insert(source), isTurned { turnedNatives &+= 1 }
    sources.insert(event.client)
    targets.insert(event.server)
    if pairs.insert(Self.pair(event.client, event.server)),
      pairs.contains(Self.pair(event.server, event.client))
    {
      mutual &+= 2
    }
    if targets.covers(event.client) { _ = both.insert(source) }
    if sources.covers(event.server) { _ = both.insert(TableKey(event.server).hash) }
  }

  private static func pair(_ source: IPAddress, _ target: IPAddress) -> UInt64 {
    TableKey(source, detail: TableKey(target).hash).hash
  }
}

extension ContentPrevalence: LossCounting {
  var losses: UInt64 { contents.losses }
}

/// How often each of many numbers came, never too low (Estan and Varghese, "New Directions in
/// Traffic Measurement and Accounting", SIGCOMM 2002: conservative update), up to 255.
struct CopyFilter: Sendable {
  static let stages = 4
  static let size = 1 << 14

  private var counters = [UInt8](repeating: 0, count: stages * size)

  private static func place(_ value: UInt64, _ stage: Int) -> Int {
    stage &* size &+ Int(truncatingIfNeeded: value &>> UInt64(stage &* 14)) & (size &- 1)
  }

  func count(_ value: UInt64) -> UInt8 {
    (0..<Self.stages).reduce(.max) { min($0, counters[Self.place(value, $1)]) }
  }

  /// Counts one; the count afterwards.
  mutating func add(_ value: UInt64) -> UInt8 {
    let least = count(value)
    guard least < .max else { return .max }
    for stage in 0..<Self.stages {
      let place = Self.place(value, stage)
      if counters[place] == least { counters[place] = least + 1 }
    }
    return least + 1
  }

  mutating func removeAll() { for place in counters.indices { counters[place] = 0 } }
}
