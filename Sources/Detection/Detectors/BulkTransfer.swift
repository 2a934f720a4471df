import Analysis
import Flows
import Reports
import Terms

/// Finds inside hosts that send much to one outside host, get little back, and did not do so before.
///
/// Volume alone says nothing: what counts is an upload that the inside host opened itself, many
/// times larger than what came back, to a host that it had sent no such amount to, and larger than
/// whatever it sent to anybody outside. What it did once and nobody minded is its own usage then.
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
  static let limits = [bytes, ratio, factor, halfLife, span, pairs, hosts, memory, quiet, spacing]

  /// Payload of a flow below which it is looked at only when it is over, in bytes.
  private static let liveBytes: UInt64 = 32_768
  /// Payload of a flow below which it is never looked at, in bytes.
  private static let leastBytes: UInt64 = 4096

  struct Detail: Sendable {
    /// Payload of flows that are over, fading.
    var sent = 0.0
    var received = 0.0
    /// With the flow that goes on, at its highest.
    var total = 0.0
    var totalBack = 0.0
    var source = IPAddress.unspecified
    var target = IPAddress.unspecified
    var port: UInt16 = 0
    var transport = TransportProtocol.tcp
    var begin = CaptureTime.distantPast
    var updated = CaptureTime.distantPast
    /// The host's largest upload before this one, in bytes.
    var usual = 0.0
  }

  private struct Host: Sendable {
    /// Largest upload to any one outside host, fading.
    var largest = 0.0
    var updated = CaptureTime.distantPast
  }

  private let home: AddressRanges
  private let byteLimit: Double
  private let ratioLimit: Double
  private let factorLimit: Double
  private let decay: TimeSpan
  private let memory: TimeSpan
  private let span: TimeSpan
  private var seen: SightingTable<Detail>
  private var hosts: BoundedTable<Host>

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
    seen = SightingTable(
      capacity: limits.count(Self.pairs), empty: Detail(), halfLife: decay, memory: memory,
      quiet: limits.span(Self.quiet), spacing: limits.span(Self.spacing))
    hosts = BoundedTable(capacity: limits.count(Self.hosts), empty: Host())
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses { .flow(.progress, .closed) }

  mutating func analyse(_ event: FlowEvent, into sink: inout ReportSink) {
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

  private mutating func weigh(_ event: FlowEvent, into sink: inout ReportSink) {
    guard event.transport == .tcp || event.transport == .udp, event.isEstablished,
      home.contains(event.source), !home.contains(event.target), !event.target.isMulticast,
      !event.target.isLimitedBroadcast
    else { return }
    // Progress of a closed flow's stragglers would count it twice.
    guard event.kind == .closed || event.ending == .none else { return }
    let slot = seen.note(key(event), count: 1, packet: event.packet, at: event.time)
    guard slot >= 0 else { return }
    if seen[slot].detail.begin == .distantPast { begin(slot, event) }
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
    let host = hosts.find(TableKey(event.source))
    seen[slot].detail.usual = host < 0 ? 0 : largest(host, at: event.time)
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

  /// What the host sends now is what it is used to later.
  private mutating func learn(_ slot: Int, at now: CaptureTime) {
    let host = hosts.admit(TableKey(seen[slot].detail.source), asOf: now, until: now + memory)
    guard host >= 0 else { return }
    hosts[host].largest = max(largest(host, at: now), seen[slot].detail.total)
    hosts[host].updated = now
    hosts.keep(host, until: now + memory)
  }

  private func isBulk(_ detail: Detail) -> Bool {
    detail.total >= max(byteLimit, factorLimit * detail.usual)
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
    let margin = detail.total / max(byteLimit, factorLimit * detail.usual)
    var report = sink.opening(
      .bulkTransfer, subject: "\(detail.source) \(detail.target)", first: sighting.first,
      last: sighting.last, at: now, severity: severity(detail),
      confidence: min(0.9, 0.9 - 0.4 / max(margin, 1)))
    report.sources.insert(detail.source)
    report.targets.insert(detail.target)
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
        "payload sent", detail.total, threshold: max(byteLimit, factorLimit * detail.usual),
        unit: "bytes"),
      Term(
        "sent per received", detail.total / max(detail.totalBack, 1), threshold: ratioLimit),
      Term("largest upload before", detail.usual, unit: "bytes"),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension BulkTransfer: LossCounting {
  var losses: UInt64 { seen.losses &+ hosts.refusedCount }
}
