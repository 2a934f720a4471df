import Analysis
import Flows
import Reports
import Terms

/// Finds inside hosts that send much to one outside host, get little back, and did not do so before.
///
/// Volume alone says nothing: what counts is an upload that the inside host opened itself, many
/// times larger than what came back, to a host that it had sent no such amount to, larger than
/// whatever it sent to anybody outside before, and out of the ordinary for the whole segment. What it did
/// once and nobody minded is its own usage then; and where it has long been a guest, where several
/// inside hosts send their data, or where mail goes, more is ordinary than with a stranger. Hosts of one
/// network outside (/24, /64) count as one, since who has several shares what he takes out among them;
/// and datagrams count though nobody answers.
struct BulkTransfer: AnalysisEngine {
  static let bytes = EngineLimit(
    "bulk-transfer.bytes", 200_000, .count,
    "Payload bytes that one inside host must send to one outside host.")
  static let ratio = EngineLimit(
    "bulk-transfer.ratio", 10, .count, "Times that more must be sent than received.")
  static let factor = EngineLimit(
    "bulk-transfer.factor", 4, .count,
    "Times the host's largest upload of the past that a new one must exceed.")
  static let halfLife = EngineLimit(
    "bulk-transfer.half-life", 86_400, .duration,
    "Time after which a host's largest upload has halved.")
  static let span = EngineLimit(
    "bulk-transfer.span", 600, .duration,
    "Time after which what several connections sent counts half, so that a trickle never adds up.")
  static let settling = EngineLimit(
    "bulk-transfer.settling", 300, .duration,
    "Time after which an upload that nobody minded belongs to the host's past.")
  static let pairs = EngineLimit(
    "bulk-transfer.pairs", 4096, .count, "Pairs of inside and outside host remembered at once.")
  static let hosts = EngineLimit(
    "bulk-transfer.hosts", 2048, .count, "Inside hosts whose uploads are remembered.")
  static let memory = EngineLimit(
    "bulk-transfer.memory", 7200, .duration, "Silence after which a pair's next upload is another.")
  static let quiet = EngineLimit(
    "bulk-transfer.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "bulk-transfer.spacing", 10, .duration, "Least time between two revisions of one report.")
  static let acquaintance = EngineLimit(
    "bulk-transfer.acquaintance", 3600, .duration,
    "Time since a host first spoke to an outside one, after which that is no stranger.")
  static let familiar = EngineLimit(
    "bulk-transfer.familiar", 10, .count,
    "Times that more may be sent to hosts that are no strangers.")
  static let limits = [
    bytes, ratio, factor, halfLife, span, settling, pairs, hosts, memory, quiet, spacing,
    acquaintance, familiar,
  ]

  /// Inside hosts that make an outside one a common destination by their uploads to it.
  private static let commonHosts = 3
  /// Mail between servers and from clients; relays of calls (RFC 8656); what devices tell of
  /// themselves without being answered (traps, syslog, NetFlow, IPFIX, sFlow).
  private static let familiarPorts: Set<UInt16> = [
    25, 162, 465, 514, 587, 2055, 3478, 3479, 3480, 3481, 4739, 6343, 9995, 19_302,
  ]
  private static let dataPort: UInt16 = 20

  /// Payload of a flow below which it is looked at only when it is over, in bytes.
  private static let liveBytes: UInt64 = 32_768
  /// Payload of a flow below which it is never looked at, in bytes: what fits the parameters of a
  /// request can be taken out as well, in many of them.
  private static let leastBytes: UInt64 = 1024
  /// Payload from which a flow is an upload in the segment's statistics, in bytes.
  private static let uploadBytes: UInt64 = 4096

  struct Detail: Sendable {
    /// Payload of flows that are over, fading.
    var sent = 0.0
    var received = 0.0
    /// With the flow that goes on, at its highest.
    var total = 0.0
    var totalBack = 0.0
    var source = IPAddress.unspecified
    var target = IPAddress.unspecified
    /// All of its network that were sent to.
    var targets = AddressSet()
    var port: UInt16 = 0
    var transport = TransportProtocol.tcp
    var begin = CaptureTime.distantPast
    var updated = CaptureTime.distantPast
    /// The host's largest upload before this one, and what is large for the segment, in bytes.
    var usual = 0.0
    var ordinary = 0.0
    var isFamiliar = false
  }

  private struct Host: Sendable {
    /// Largest upload to any one outside host, fading.
    var largest = 0.0
    var updated = CaptureTime.distantPast
    /// The largest of late, which may belong to what goes on now, and since when there is one.
    var fresh = 0.0
    var freshSince = CaptureTime.distantPast
  }

  private let home: AddressRanges
  private let byteLimit: Double
  private let ratioLimit: Double
  private let factorLimit: Double
  private let decay: TimeSpan
  private let memory: TimeSpan
  private let span: TimeSpan
  private let settling: TimeSpan
  private var seen: SightingTable<Detail>
  private var hosts: BoundedTable<Host>
  /// When a host first spoke to an outside one; and which hosts send much to an outside one.
  private var met: BoundedTable<CaptureTime>
  private var senders: BoundedTable<[UInt64]>
  private var sizes = UploadSizes()
  private let acquaintance: TimeSpan
  private let familiarFactor: Double

  init(_ context: DetectionContext) {
    let limits = context.limits
    let known = context.home + context.prefixes
    home = known.isEmpty ? AddressRanges.privateUse : AddressRanges(known)
    byteLimit = max(limits[Self.bytes], 1)
    ratioLimit = limits[Self.ratio]
    factorLimit = limits[Self.factor]
    decay = limits.span(Self.halfLife)
    memory = limits.span(Self.memory)
    span = limits.span(Self.span)
    settling = limits.span(Self.settling)
    seen = SightingTable(
      capacity: limits.count(Self.pairs), empty: Detail(), halfLife: decay, memory: memory,
      quiet: limits.span(Self.quiet), spacing: limits.span(Self.spacing))
    hosts = BoundedTable(capacity: limits.count(Self.hosts), empty: Host())
    met = BoundedTable(capacity: limits.count(Self.pairs) * 4, empty: .distantPast)
    senders = BoundedTable(capacity: limits.count(Self.pairs), empty: [])
    acquaintance = limits.span(Self.acquaintance)
    familiarFactor = max(1, limits[Self.familiar])
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses { .flow(.progress, .closed, over: .tcp, .udp) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    // Neither an upload nor an acquaintance otherwise; most events go no further.
    guard
      event.pointee.isEstablished
        || event.pointee.transport == .udp && event.pointee.payloadOut >= Self.liveBytes
    else { return }
    analyse(event.pointee, into: &sink)
  }

  @inline(__always)
  mutating func analyse(_ event: FlowEvent, into sink: inout ReportSink) {
    guard event.sourcePort == Self.dataPort else {
      take(event, into: &sink)
      return
    }
    // An active FTP server opens the connection by which it is sent a file (RFC 959, 3.2).
    var turned = event
    swap(&turned.source, &turned.target)
    swap(&turned.payloadOut, &turned.payloadIn)
    turned.targetPort = event.sourcePort
    take(turned, into: &sink)
  }

  private mutating func take(_ event: FlowEvent, into sink: inout ReportSink) {
    if event.kind == .closed { meet(event) }
    guard event.kind == .closed || event.kind == .progress,
      event.payloadOut >= (event.kind == .closed ? Self.leastBytes : Self.liveBytes),
      event.payloadOut / 2 >= event.payloadIn
    else { return }
    weigh(event, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }
}

// MARK: - Uploads

extension BulkTransfer {
  private func key(_ event: FlowEvent) -> TableKey {
    TableKey(event.source, detail: TableKey(event.target).hash)
  }

  /// Of a host and the network that it sends to; where it says only as much as requests do, the host.
  private func networkKey(_ event: FlowEvent) -> TableKey {
    if event.payloadOut < Self.uploadBytes { return key(event) }
    let length = event.target.isIPv4 ? 24 : 64
    return TableKey(
      event.source, detail: TableKey(IPPrefix(event.target, length: length).base).hash)
  }

  private mutating func weigh(_ event: FlowEvent, into sink: inout ReportSink) {
    guard event.transport == .tcp || event.transport == .udp,
      event.isEstablished || event.transport == .udp,
      home.contains(event.source), !home.contains(event.target), !event.target.isMulticast,
      !event.target.isLimitedBroadcast
    else { return }
    // Progress of a closed flow's stragglers would count it twice.
    guard event.kind == .closed || event.ending == .none else { return }
    let slot = seen.note(networkKey(event), count: 1, packet: event.packet, at: event.time)
    guard slot >= 0 else { return }
    if seen[slot].detail.begin == .distantPast {
      begin(slot, event)
    } else {
      renew(slot, event)
    }
    seen[slot].detail.targets.insert(event.target)
    fade(slot, to: event.time)
    let detail = seen[slot].detail
    let total = detail.sent + Double(event.payloadOut)
    if total > detail.total {
      seen[slot].detail.total = total
      seen[slot].detail.totalBack = detail.received + Double(event.payloadIn)
    }
    seen[slot].detail.port = event.targetPort
    seen[slot].detail.transport = event.transport
    if event.kind == .closed {
      seen[slot].detail.sent += Double(event.payloadOut)
      seen[slot].detail.received += Double(event.payloadIn)
    }
    if seen.isDue(slot, isTold: isBulk(seen[slot].detail), at: event.time) {
      emit(slot, at: event.time, into: &sink)
    }
    learn(slot, at: event.time)
  }

  private mutating func begin(_ slot: Int, _ event: FlowEvent) {
    seen[slot].detail.begin = event.opened
    seen[slot].detail.updated = event.time
    seen[slot].detail.source = event.source
    seen[slot].detail.target = event.target
    seen[slot].first = min(seen[slot].first, event.opened)
    compare(slot, event)
  }

  /// What stands against the upload: the host's past, the segment's, and whom it goes to.
  private mutating func compare(_ slot: Int, _ event: FlowEvent) {
    let host = hosts.find(TableKey(event.source))
    if host >= 0 {
      settle(host, at: event.time)
      seen[slot].detail.usual = largest(host, at: event.time)
    }
    seen[slot].detail.ordinary = sizes.large
    seen[slot].detail.isFamiliar = isFamiliar(event)
  }

  /// A network has many hosts: what was sent to it long enough ago is past, and one stranger in it
  /// makes it strange.
  private mutating func renew(_ slot: Int, _ event: FlowEvent) {
    if !seen[slot].thread.isOpen, event.opened - seen[slot].detail.updated >= settling {
      seen[slot].detail.targets = AddressSet()
      (seen[slot].detail.total, seen[slot].detail.totalBack) = (0, 0)
      compare(slot, event)
    } else if event.target != seen[slot].detail.target, seen[slot].detail.isFamiliar {
      seen[slot].detail.isFamiliar = isFamiliar(event)
    }
  }

  private mutating func fade(_ slot: Int, to now: CaptureTime) {
    let fading = seen.fading(from: seen[slot].detail.updated, to: now, halfLife: span)
    seen[slot].detail.updated = now
    seen[slot].detail.sent *= fading
    seen[slot].detail.received *= fading
  }

  private func largest(_ host: Int, at now: CaptureTime) -> Double {
    hosts[host].largest * seen.fading(from: hosts[host].updated, to: now)
  }

  /// What was fresh long enough is the past.
  private mutating func settle(_ host: Int, at now: CaptureTime) {
    guard hosts[host].fresh > 0, now - hosts[host].freshSince >= settling else { return }
    hosts[host].largest = max(largest(host, at: now), hosts[host].fresh)
    hosts[host].updated = now
    hosts[host].fresh = 0
  }

  /// Remembers since when a host speaks to an outside one; and a finished upload's size.
  private mutating func meet(_ event: FlowEvent) {
    guard event.isEstablished, home.contains(event.source), !home.contains(event.target) else {
      return
    }
    let slot = met.admit(key(event), asOf: event.time, until: event.time)
    guard slot >= 0 else { return }
    if met[slot] == .distantPast { met[slot] = event.opened }
    met.keep(slot, until: event.time + acquaintance)
    if event.payloadOut >= Self.uploadBytes, event.payloadOut / 2 >= event.payloadIn {
      sizes.add(Double(event.payloadOut))
    }
  }

  private func isFamiliar(_ event: FlowEvent) -> Bool {
    if Self.familiarPorts.contains(event.targetPort) { return true }
    let slot = met.find(key(event))
    if slot >= 0, event.opened - met[slot] >= acquaintance { return true }
    let common = senders.find(TableKey(event.target))
    guard common >= 0 else { return false }
    let others = senders[common].count { $0 != TableKey(event.source).hash }
    return others >= Self.commonHosts
  }

  /// What the host sends now is what it is used to later.
  private mutating func learn(_ slot: Int, at now: CaptureTime) {
    let host = hosts.admit(TableKey(seen[slot].detail.source), asOf: now, until: now + memory)
    guard host >= 0 else { return }
    settle(host, at: now)
    if hosts[host].fresh == 0 { hosts[host].freshSince = now }
    hosts[host].fresh = max(hosts[host].fresh, seen[slot].detail.total)
    hosts.keep(host, until: now + memory)
    guard seen[slot].detail.total >= byteLimit / 4 else { return }
    let common = senders.admit(
      TableKey(seen[slot].detail.target), asOf: now, until: now + memory)
    guard common >= 0, senders[common].count <= Self.commonHosts else { return }
    let sender = TableKey(seen[slot].detail.source).hash
    if !senders[common].contains(sender) { senders[common].append(sender) }
  }

  private func threshold(_ detail: Detail) -> Double {
    max(
      max(byteLimit, detail.ordinary) * (detail.isFamiliar ? familiarFactor : 1),
      factorLimit * detail.usual)
  }

  private func isBulk(_ detail: Detail) -> Bool {
    detail.total >= threshold(detail)
      && detail.total >= ratioLimit * detail.totalBack
  }

  /// 5 at the limit, one more for each factor of ten.
  private func severity(_ detail: Detail) -> Double {
    var severity = 5.0
    var step = byteLimit * 10
    while severity < 8, detail.total >= step {
      severity += 1
      step *= 10
    }
    return severity
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let detail = sighting.detail
    let threshold = threshold(detail)
    let margin = detail.total / threshold
    var report = sink.opening(
      .bulkTransfer, subject: "\(detail.source) \(detail.target)", first: sighting.first,
      last: sighting.last, at: now, severity: severity(detail),
      confidence: min(0.9, 0.9 - 0.4 / max(margin, 1)))
    report.sources.insert(detail.source)
    report.targets = detail.targets
    report.ports = [detail.port]
    report.transport = detail.transport
    report.attributes = [
      "bytes": .bytes(UInt64(min(detail.total, 1e18))),
      "duration": .duration(sighting.last - sighting.first),
      "usual": .bytes(UInt64(max(0, min(detail.usual, 1e18)))),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        "payload sent", detail.total, threshold: threshold, unit: "bytes"),
      Term(
        "sent per received", detail.total / max(detail.totalBack, 1), threshold: ratioLimit),
      Term("largest upload before", detail.usual, unit: "bytes"),
      Term("large for the segment", detail.ordinary, unit: "bytes"),
      Term("a stranger", detail.isFamiliar ? 0 : 1),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension BulkTransfer: LossCounting {
  var losses: UInt64 {
    seen.losses &+ hosts.refusedCount &+ met.refusedCount &+ senders.refusedCount
  }
}
