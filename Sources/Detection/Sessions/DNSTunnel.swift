import Analysis
import Flows
import Reports
import Terms

/// Finds data carried in DNS names and answers: how much a host's questions under one zone can tell
/// bounds what it can leak (Paxson et al., "Practical Comprehensive Bounds on Surreptitious
/// Communication Over DNS", USENIX Security 2013).
///
/// Only names that nobody asked before count, so a resolver that repeats a question is no second
/// tunnel, and popular names tell nothing. Beside the amount, the names must look made of data:
/// long, random, of bytes no host name has, or asked for types whose answers carry much.
struct DNSTunnel: AnalysisEngine {
  static let information = EngineLimit(
    "dns-tunnel.information", 1000, .count,
    "Bytes of information in new names of one host under one zone.")
  static let plainInformation = EngineLimit(
    "dns-tunnel.plain-information", 2000, .count,
    "The same where only addresses were asked for, as reputation services do.")
  static let pairedInformation = EngineLimit(
    "dns-tunnel.paired-information", 400, .count,
    "The same where the answers to such names carry data too, so that both ends speak.")
  static let numberedInformation = EngineLimit(
    "dns-tunnel.numbered-information", 200, .count,
    "The same where the names are numbered in order, as pieces of something are.")
  static let names = EngineLimit(
    "dns-tunnel.names", 20, .count, "Least number of new names of one host under one zone.")
  static let halfLife = EngineLimit(
    "dns-tunnel.half-life", 14_400, .duration, "Time after which idle sums have halved.")
  static let zones = EngineLimit(
    "dns-tunnel.zones", 8192, .count, "Pairs of host and zone remembered at once.")
  static let memory = EngineLimit(
    "dns-tunnel.memory", 65_536, .count, "Names remembered, to tell new ones.")
  static let quiet = EngineLimit(
    "dns-tunnel.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "dns-tunnel.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [
    information, plainInformation, pairedInformation, numberedInformation, names, halfLife, zones,
    memory, quiet,
    spacing,
  ]

  /// Mean bytes below the zone from which names count as long; where only addresses are asked for.
  static let longName = 26.0
  static let longPlainName = 45.0
  /// The longest hash that is asked for, SHA-256 in hexadecimal; who needs more room for a name has
  /// data to put there.
  static let longestHash = 64.0
  /// Mean entropy from which they count as random, in bits per byte; words have about 2.5 in so
  /// few letters.
  static let randomName = 3.3
  /// Mean bytes of an answer's data from which it carries data itself.
  static let richAnswer = 60.0
  /// The same where the question was as long: sessions that wait for something to do answer with
  /// little more than a counter (dnscat2: 9 bytes, in hexadecimal, before the zone).
  static let pairedAnswer = 18.0
  /// Share of names below a service's label (`_domainkey`, `_acme-challenge`; RFC 8552), whose
  /// answers are long and whose names are drawn by lot, from which answers say nothing.
  static let serviceShare = 0.25
  /// Share of names asked for data-bearing types, and with odd bytes, from which it is the zone's
  /// way.
  static let richShare = 0.4
  static let binaryShare = 0.25
  /// Share of names with a number that follows the one before, and least information of each, in
  /// bytes: hosts are numbered too, and have no more than a name to say.
  static let numberedShare = 0.6
  static let numberedLoad = 3.0

  private let informationLimit: Double
  private let plainLimit: Double
  private let pairedLimit: Double
  private let numberedLimit: Double
  private let nameLimit: Double
  private let decay: TimeSpan
  private let quietSpan: TimeSpan
  private var zones: BoundedTable<TunnelZone>
  private var ends: BoundedTable<ZoneEnds>
  private var seen: ContactMemory
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    informationLimit = max(limits[Self.information], 1)
    plainLimit = max(limits[Self.plainInformation], 1)
    pairedLimit = max(limits[Self.pairedInformation], 1)
    numberedLimit = max(limits[Self.numberedInformation], 1)
    nameLimit = max(limits[Self.names], 1)
    decay = limits.span(Self.halfLife)
    quietSpan = limits.span(Self.quiet)
    zones = BoundedTable(
      capacity: limits.count(Self.zones),
      empty: TunnelZone(thread: ReportThread(spacing: limits.span(Self.spacing))))
    ends = BoundedTable(capacity: limits.count(Self.zones), empty: ZoneEnds())
    seen = ContactMemory(capacity: limits.count(Self.memory), span: .hours(24))
  }

  var interest: EventClasses { .session(.dns) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dns(let message) = event.what, message.questionCount == 1, message.opcode == 0,
      message.malformation == .none || message.malformation == .trailingBytes
    else { return }
    let turn = DNSTurn(event, message)
    guard turn.isUnicast, let name = TunnelName(message) else { return }
    if message.isResponse {
      answer(event, message, turn, name)
    } else {
      ask(event, message, turn, name, into: &sink)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in zones.slots where zones[slot].thread.isStale(count: zones[slot].queries) {
      let due = zones[slot].thread.lastDue(after: zones[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

// MARK: - Questions and answers

extension DNSTunnel {
  /// Services that take files' and senders' hashes in names by design, or name keys by them. Nobody else can register
  /// names there, so they hide no tunnel.
  private static let reputation: Set<String> = [
    "mcafee.com", "sophosxl.net", "sophosxl.com", "spamhaus.org", "spamhaus.net", "surbl.org",
    "uribl.com", "cymru.com", "e5.sk", "barracudacentral.org", "senderbase.org", "dnswl.org",
    "trendmicro.com", "avast.com", "avcdn.net", "kaspersky-labs.com", "spamcop.net", "sorbs.net",
    // Keys of senders (DKIM), named by random letters.
    "amazonses.com",
  ]

  private static let reputationHashes = Set(reputation.map { DNSTurn.hash($0.utf8) })

  private func key(_ host: IPAddress, _ name: TunnelName) -> TableKey {
    TableKey(host, detail: name.zoneHash)
  }

  private mutating func ask(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, _ name: TunnelName,
    into sink: inout ReportSink
  ) {
    let now = event.time
    if Self.reputationHashes.contains(name.zoneHash), Self.reputation.contains(name.zone) { return }
    let end = ends.admit(
      TableKey(.unspecified, detail: name.zoneHash), asOf: now, until: now + .seconds(1))
    if end >= 0 { ends[end].note(asker: turn.asker, server: turn.answerer) }
    // Known already: asked again, or by a resolver for another host.
    guard seen.insert(max(name.hash, 1), at: now) else { return }
    let slot = zones.admit(key(turn.asker, name), asOf: now, until: now + .seconds(10))
    guard slot >= 0 else { return }
    if zones[slot].queries == 0 { zones[slot].first = now }
    zones[slot].take(name, message, at: now, span: decay)
    zones[slot].packets.add(event.packet)
    if zones[slot].servers.count < ZoneEnds.limit { zones[slot].servers.insert(turn.answerer) }
    judge(slot, at: now, into: &sink)
  }

  private mutating func answer(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, _ name: TunnelName
  ) {
    let slot = zones.find(key(turn.asker, name))
    guard slot >= 0 else { return }
    let size = message.records.reduce(0) { $1.section == .answer ? $0 + Int($1.length) : $0 }
    zones[slot].answers.add(1, at: event.time, span: decay)
    zones[slot].answerBytes.add(Double(size), at: event.time, span: decay)
    zones[slot].bytes &+= UInt64(max(0, message.size))
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if zones[slot].thread.isOpen {
      if zones[slot].thread.isDue(count: zones[slot].queries, at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
      return
    }
    let names = zones[slot].names.value
    if names >= 3 { zones.keep(slot, until: now + (names >= nameLimit / 2 ? decay : .minutes(10))) }
    if isTunnel(zones[slot]) { emit(slot, at: now, into: &sink) }
  }

  private func isTunnel(_ zone: TunnelZone) -> Bool {
    // Nobody has use for NULL; half as many names tell.
    if zone.share(zone.bare) >= Self.richShare { return zone.names.value >= nameLimit / 2 }
    guard zone.names.value >= nameLimit else { return false }
    let isRandom = zone.share(zone.entropy) >= Self.randomName
    let isLong = zone.share(zone.length) >= Self.longName
    let isRich = zone.share(zone.rich) >= Self.richShare
    let isBinary = zone.share(zone.binary) >= Self.binaryShare
    let isFull = zone.meanAnswer >= Self.richAnswer
    let traits = [isRandom, isLong, isRich, isBinary, isFull].count { $0 }
    let isService = zone.share(zone.service) >= Self.serviceShare
    // Who looks hashes up is answered by next to nothing, whatever type he asks for.
    let isAnswered = zone.answers.value < 1 || zone.meanAnswer >= Self.pairedAnswer
    if traits >= 2, isBinary || isFull && !isService || isRich && isAnswered && !isService,
      zone.information.value >= informationLimit
    {
      return true
    }
    let isPaired =
      isRandom && isLong && isRich && zone.meanAnswer >= Self.pairedAnswer && !isService
    if isPaired, zone.information.value >= pairedLimit { return true }
    if zone.share(zone.numbered) >= Self.numberedShare, zone.information.value >= numberedLimit,
      zone.share(zone.information) >= Self.numberedLoad
    {
      return true
    }
    if isRandom, zone.share(zone.data) > Self.longestHash, !isService,
      zone.information.value >= pairedLimit
    {
      return true
    }
    return isRandom && zone.share(zone.length) >= Self.longPlainName
      && zone.information.value >= plainLimit * (isService ? 3 : 1)
  }
}

// MARK: - Reporting

extension DNSTunnel {
  /// The name servers at the far end, as far as they are seen: those that ask nobody themselves.
  private func targets(_ slot: Int) -> AddressSet {
    let zone = zones.key(slot).detail
    let end = ends.find(TableKey(.unspecified, detail: zone))
    guard end >= 0, !ends[end].far.isEmpty else { return zones[slot].servers }
    return AddressSet(ends[end].far)
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let zone = zones[slot]
    let source = zones.key(slot).address
    let isBare = zone.share(zone.bare) >= Self.richShare
    let margin = isBare ? 2 : zone.information.value / informationLimit
    var report = sink.opening(
      .dnsTunnel, subject: "\(source) \(zone.text)", first: zone.first, last: zone.last, at: now,
      severity: 8, confidence: min(0.97, 1 - 0.5 / (1 + max(0, margin - 0.5))))
    report.sources.insert(source)
    report.targets = targets(slot)
    report.ports = [DNSTurn.port]
    report.transport = .udp
    report.attributes = [
      "domain": .text(zone.domain), "queries": .count(zone.queries), "bytes": .bytes(zone.bytes),
      "entropy": .ratio(zone.share(zone.entropy)),
    ]
    report.evidence = [sink.evidence(zone.packets.indices)]
    report.terms = [
      Term(
        "new names", zone.names.value, threshold: isBare ? nameLimit / 2 : nameLimit, unit: "names"),
      Term(
        "information in names", zone.information.value, threshold: informationLimit,
        unit: "bytes"),
      Term("mean length", zone.share(zone.length), threshold: Self.longName, unit: "bytes"),
      Term("mean entropy", zone.share(zone.entropy), threshold: Self.randomName, unit: "bits"),
      Term("share of data-bearing types", zone.share(zone.rich), threshold: Self.richShare),
      Term("share of names with odd bytes", zone.share(zone.binary), threshold: Self.binaryShare),
      Term(
        "share of names numbered in order", zone.share(zone.numbered),
        threshold: Self.numberedShare),
      Term("mean answer", zone.meanAnswer, threshold: Self.richAnswer, unit: "bytes"),
    ]
    zones[slot].thread.emit(report, count: zone.queries, at: now, into: &sink)
    zones.keep(slot, until: now + decay)
  }
}

extension DNSTunnel: LossCounting {
  var losses: UInt64 { zones.refusedCount &+ ends.refusedCount }
}
