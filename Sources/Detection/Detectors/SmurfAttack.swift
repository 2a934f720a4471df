import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are flooded through a network's directed broadcast address, or by all nodes of an
/// IPv6 link (ff02::1): by echo replies (smurf, CERT CA-1998-01; RFC 4443, 5.2) or by the small UDP
/// services (fraggle).
///
/// Two sights of one attack, told together under the victim: requests in the victim's name to a
/// broadcast address, and answers that the victim never asked for from many hosts. Either alone is
/// enough where a tap sees no more.
struct SmurfAttack: FlowReader {
  static let requests = EngineLimit(
    "smurf.requests", 24, .count,
    "Requests in one host's name to a directed broadcast address that are reported.")
  static let replies = EngineLimit(
    "smurf.replies", 200, .count, "Answers nobody asked for, to one host, that are reported.")
  static let amplifiers = EngineLimit(
    "smurf.amplifiers", 4, .count, "Least number of hosts that such answers come from.")
  static let halfLife = EngineLimit(
    "smurf.half-life", 300, .duration, "Time after which idle counts have halved.")
  static let targets = EngineLimit("smurf.targets", 2048, .count, "Hosts remembered at once.")
  static let memory = EngineLimit(
    "smurf.memory", 3600, .duration, "Silence after which the next packet is another attack.")
  static let quiet = EngineLimit(
    "smurf.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "smurf.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [
    requests, replies, amplifiers, halfLife, targets, memory, quiet, spacing,
  ]

  /// A host asks its own network's broadcast address for reasons of its own: that weighs less.
  static let ownNetworkFactor = 8.0
  /// An address that only looks like a broadcast address (its last octet is 255) weighs less too.
  static let guessedFactor = 4.0
  /// Answers to a host that is not seen to talk otherwise: perhaps this tap sees one direction only.
  static let unheardFactor = 8.0

  struct Detail: Sendable {
    /// Fading counts.
    var requests = 0.0
    var replies = 0.0
    var bytes: UInt64 = 0
    var broadcast = IPAddress.unspecified
    /// What a request to `broadcast` must be multiplied by to count.
    var factor = 1.0
    var amplifiers = AddressSet()
    var newest = IPAddress.unspecified
    /// Both directions of the host's other traffic pass here.
    var isHeard = false
    var port: UInt16 = 0
  }

  private let context: DetectionContext
  private let broadcasts: [IPAddress]
  private let requestLimit: Double
  private let replyLimit: Double
  private let amplifierLimit: Int
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    broadcasts = (context.prefixes + context.home)
      .filter { $0.base.isIPv4 && $0.length < 31 }.flatMap { [$0.lastAddress, $0.base] }
    requestLimit = max(limits[Self.requests], 1)
    replyLimit = max(limits[Self.replies], 1)
    amplifierLimit = max(limits.count(Self.amplifiers), 2)
    seen = SightingTable(
      capacity: limits.count(Self.targets), empty: Detail(), halfLife: limits.span(Self.halfLife),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses {
    [.flow(.opened, .progress, .closed, over: .icmp, .udp), .flow(.established, over: .tcp)]
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.isOfFlow else { return }
    switch event.pointee.transport {
    case .icmp, .icmpv6:
      guard event.pointee.packetsOut > 0 else { return }
      if event.pointee.probe == .icmpEcho {
        ask(event, port: 0, into: &sink)
      } else if event.pointee.targetPort == Self.echoReply(event.pointee.transport) {
        answer(event, port: 0, into: &sink)
      }
    case .udp:
      guard event.pointee.packetsOut > 0 else { return }
      if Self.isSmallService(event.pointee.targetPort) {
        ask(event, port: event.pointee.targetPort, into: &sink)
      } else if Self.isSmallService(event.pointee.sourcePort) {
        answer(event, port: event.pointee.sourcePort, into: &sink)
      }
    case .tcp:
      guard event.pointee.kind == .established, !seen.isEmpty else { return }
      hear(event.pointee.source)
      hear(event.pointee.target)
    default: return
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  /// Type · 256 + code of the answer to a ping.
  private static func echoReply(_ transport: TransportProtocol) -> UInt16 {
    transport == .icmp ? 0 : 129 << 8
  }

  /// Echo, daytime, quote of the day, character generator (RFC 862 to 867).
  private static func isSmallService(_ port: UInt16) -> Bool {
    port == 7 || port == 13 || port == 17 || port == 19
  }
}

// MARK: - Counting

extension SmurfAttack {
  private func key(_ victim: IPAddress, _ port: UInt16) -> TableKey {
    TableKey(victim, detail: port == 0 ? 0 : 1)
  }

  private mutating func hear(_ host: IPAddress) {
    for detail in 0...1 as ClosedRange<UInt64> {
      let slot = seen.find(TableKey(host, detail: detail))
      if slot >= 0 { seen[slot].detail.isHeard = true }
    }
  }

  /// What a request to the target has to be divided by; nil when that is no broadcast address.
  @inline(__always) private func factor(_ event: UnsafePointer<FlowEvent>) -> Double? {
    let target = event.pointee.target
    guard target.isIPv4 else {
      // Who asks all nodes for himself does so by his link-local address.
      return target.isAllNodes && event.pointee.source.high >> 54 != 0x3fa
        && !event.pointee.source.isUnspecified ? Self.ownNetworkFactor : nil
    }
    let isGuessed = target.low & 0xff == 0xff
    let isFramed = event.pointee.targetMAC.isGroup
    guard isGuessed || isFramed || broadcasts.contains(target),
      !target.isMulticast, !target.isLimitedBroadcast, !event.pointee.source.isUnspecified
    else { return nil }
    let isKnown = isFramed || broadcasts.contains(target)
    let isOwn = context.prefixes.contains {
      $0.contains(event.pointee.source) && $0.contains(target)
    }
    return isOwn ? Self.ownNetworkFactor : isKnown ? 1 : Self.guessedFactor
  }

  /// A request to a broadcast address, in the name of the victim.
  private mutating func ask(
    _ event: UnsafePointer<FlowEvent>, port: UInt16, into sink: inout ReportSink
  ) {
    guard let factor = factor(event) else { return }
    let slot = note(event, event.pointee.source, port: port)
    guard slot >= 0 else { return }
    seen[slot].detail.requests += Double(event.pointee.packetsOut) / factor
    seen[slot].detail.broadcast = event.pointee.target
    seen[slot].detail.factor = factor
    judge(slot, at: event.pointee.time, into: &sink)
  }

  /// An answer that the victim did not ask for.
  private mutating func answer(
    _ event: UnsafePointer<FlowEvent>, port: UInt16, into sink: inout ReportSink
  ) {
    guard !event.pointee.target.isMulticast, !event.pointee.target.isLimitedBroadcast else {
      return
    }
    let slot = note(event, event.pointee.target, port: port)
    guard slot >= 0 else { return }
    seen[slot].detail.replies += Double(event.pointee.packetsOut)
    if seen[slot].detail.newest != event.pointee.source {
      seen[slot].detail.newest = event.pointee.source
      seen[slot].detail.amplifiers.insert(event.pointee.source)
    }
    judge(slot, at: event.pointee.time, into: &sink)
  }

  private mutating func note(_ event: UnsafePointer<FlowEvent>, _ victim: IPAddress, port: UInt16)
    -> Int
  {
    let key = key(victim, port)
    let known = seen.find(key)
    let before = known < 0 ? event.pointee.time : seen[known].last
    let slot = seen.note(
      key, count: UInt64(event.pointee.packetsOut), packet: event.pointee.packet,
      at: event.pointee.time)
    guard slot >= 0 else { return -1 }
    let fading = seen.fading(from: before, to: event.pointee.time)
    seen[slot].detail.requests *= fading
    seen[slot].detail.replies *= fading
    seen[slot].detail.bytes &+= event.pointee.bytesOut
    seen[slot].detail.port = port
    return slot
  }
}

// MARK: - Judging

extension SmurfAttack {
  private func isAttack(_ detail: Detail) -> Bool {
    if detail.requests >= requestLimit { return true }
    let many = detail.amplifiers.count
    // Both sights together need less of each.
    if detail.requests >= requestLimit / 3, detail.replies >= requestLimit, many >= amplifierLimit {
      return true
    }
    return many >= amplifierLimit
      && detail.replies >= replyLimit * (detail.isHeard ? 1 : Self.unheardFactor)
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if seen.isDue(slot, isTold: isAttack(seen[slot].detail), at: now) {
      emit(slot, at: now, into: &sink)
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let detail = sighting.detail
    let victim = seen.key(slot).address
    let margin = max(detail.requests / requestLimit, detail.replies / replyLimit)
    var report = sink.opening(
      detail.port == 0 ? .smurf : .fraggle, subject: "\(victim)", first: sighting.first,
      last: sighting.last, at: now, severity: 7, confidence: min(0.97, 1 - 0.4 / max(margin, 1)))
    report.sources = detail.amplifiers
    if detail.amplifiers.isEmpty { report.sources.insert(detail.broadcast) }
    report.targets.insert(victim)
    report.transport = detail.port != 0 ? .udp : victim.isIPv4 ? .icmp : .icmpv6
    if detail.port != 0 { report.ports = [detail.port] }
    report.attributes = [
      "rate": .ratio(sighting.rate), "packets": .count(sighting.count),
      "bytes": .bytes(detail.bytes), "amplifiers": .count(UInt64(detail.amplifiers.count)),
    ]
    if !detail.broadcast.isUnspecified {
      report.attributes["broadcast"] = .address(detail.broadcast)
    }
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        "requests to a broadcast address", detail.requests, threshold: requestLimit,
        unit: "packets"),
      Term("answers nobody asked for", detail.replies, threshold: replyLimit, unit: "packets"),
      Term(
        "answering hosts", Double(detail.amplifiers.count), threshold: Double(amplifierLimit),
        unit: "hosts"),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension IPAddress {
  /// All nodes of an interface, link or site (RFC 4291, 2.7.1).
  fileprivate var isAllNodes: Bool {
    !isIPv4 && low == 1 && high >> 56 == 0xff && high & 0x00f0_ffff_ffff_ffff == 0
  }
}

extension SmurfAttack: LossCounting {
  var losses: UInt64 { seen.losses }
}
