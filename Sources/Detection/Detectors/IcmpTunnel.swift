import Analysis
import Flows
import Reports
import Terms

/// Finds traffic carried in ICMP echo (ptunnel, icmpsh, hans, icmptx): an echo reply must return
/// what was asked (RFC 792, p. 14), so that a ping brings back exactly as many bytes as it sent. A
/// tunnel's two directions have each their own to say.
///
/// Means per packet are compared, so that lost replies do not disturb.
struct IcmpTunnel: FlowReader {
  static let packets = EngineLimit(
    "icmp-tunnel.packets", 16, .count, "Echo packets, both ways, that are looked at.")
  static let imbalance = EngineLimit(
    "icmp-tunnel.imbalance", 512, .count,
    "Bytes by which the replies differ from what the requests had in them.")
  static let share = EngineLimit(
    "icmp-tunnel.share", 0.02, .ratio, "Least part of all bytes that this must be.")
  static let pairs = EngineLimit(
    "icmp-tunnel.pairs", 2048, .count, "Pairs of hosts measured at once.")
  static let memory = EngineLimit(
    "icmp-tunnel.memory", 3600, .duration, "Silence after which a pair begins anew.")
  static let quiet = EngineLimit(
    "icmp-tunnel.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "icmp-tunnel.spacing", 10, .duration, "Least time between two revisions of one report.")
  static let limits = [packets, imbalance, share, pairs, memory, quiet, spacing]

  static let severity = 8.0
  /// Payload of the largest echo that an Ethernet carries whole, in bytes.
  static let largest = 1472.0

  struct Detail: Sendable {
    var source = IPAddress.unspecified
    var target = IPAddress.unspecified
    /// Of flows that are over: packets and payload each way, and what is out of balance.
    var packetsOut: UInt64 = 0
    var packetsIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    var bytesIn: UInt64 = 0
  }

  private let packetLimit: UInt64
  private let byteLimit: Double
  private let shareLimit: Double
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    packetLimit = UInt64(max(4, limits.count(Self.packets)))
    byteLimit = max(64, limits[Self.imbalance])
    shareLimit = limits[Self.share]
    let memory = limits.span(Self.memory)
    seen = SightingTable(
      capacity: limits.count(Self.pairs), empty: Detail(), halfLife: memory, memory: memory,
      quiet: limits.span(Self.quiet), spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses { .flow(.progress, .closed, over: .icmp) }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.probe == .icmpEcho,
      event.pointee.kind == .progress || event.pointee.kind == .closed,
      event.pointee.totalPacketsIn > 0, event.pointee.totalPacketsOut > 0
    else { return }
    // One flow in balance says enough for a ping; only what is not is put together.
    let isLast = event.pointee.kind == .closed
    guard imbalance(event) >= 1 || seen.find(key(event)) >= 0 else { return }
    let slot = seen.note(key(event), count: 1, packet: event.pointee.packet, at: event.pointee.time)
    guard slot >= 0 else { return }
    var total = seen[slot].detail
    total.source = event.pointee.source
    total.target = event.pointee.target
    total.packetsOut &+= UInt64(event.pointee.totalPacketsOut)
    total.packetsIn &+= UInt64(event.pointee.totalPacketsIn)
    total.bytesOut &+= event.pointee.payloadOut
    total.bytesIn &+= event.pointee.payloadIn
    if isLast {
      seen[slot].detail = total
    } else {
      seen[slot].detail.source = event.pointee.source
      seen[slot].detail.target = event.pointee.target
    }
    seen[slot].first = min(seen[slot].first, event.pointee.opened)
    if seen.isDue(slot, isTold: isTunnel(total), at: event.pointee.time) {
      emit(slot, total, at: event.pointee.time, into: &sink)
    }
  }
}

extension IcmpTunnel {
  private func key(_ event: UnsafePointer<FlowEvent>) -> TableKey {
    TableKey(event.pointee.source, detail: TableKey(event.pointee.target).hash)
  }

  private func imbalance(_ event: UnsafePointer<FlowEvent>) -> Double {
    Self.imbalance(
      Detail(
        packetsOut: UInt64(event.pointee.totalPacketsOut),
        packetsIn: UInt64(event.pointee.totalPacketsIn),
        bytesOut: event.pointee.payloadOut, bytesIn: event.pointee.payloadIn))
  }

  /// Bytes by which the replies are more or less than requests of the same number would be; what
  /// replies beyond the requests carry counts whole.
  private static func imbalance(_ detail: Detail) -> Double {
    guard detail.packetsOut > 0, detail.packetsIn > 0 else { return 0 }
    let meanOut = Double(detail.bytesOut) / Double(detail.packetsOut)
    let meanIn = Double(detail.bytesIn) / Double(detail.packetsIn)
    let answered = Double(min(detail.packetsOut, detail.packetsIn))
    let surplus = Double(detail.packetsIn) - answered
    // Duplicates are rare; a third of all replies is none of them.
    let difference = abs(meanIn - meanOut) * answered
    // What is lost may have been the largest, as where somebody searches for the path's limit.
    let lost = meanIn < meanOut ? Double(detail.packetsOut) - answered : 0
    return max(0, difference - lost * Self.largest)
      + (surplus > answered / 2 ? surplus * meanIn : 0)
  }

  @inline(__always) private func isTunnel(_ detail: Detail) -> Bool {
    let bytes = Self.imbalance(detail)
    return detail.packetsOut &+ detail.packetsIn >= packetLimit && bytes >= byteLimit
      && bytes >= shareLimit * Double(detail.bytesOut &+ detail.bytesIn)
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    emit(slot, seen[slot].detail, at: now, into: &sink)
  }

  private mutating func emit(
    _ slot: Int, _ detail: Detail, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let sighting = seen[slot]
    let bytes = Self.imbalance(detail)
    var report = sink.opening(
      .icmpTunnel, subject: "\(detail.source) \(detail.target)", first: sighting.first,
      last: sighting.last, at: now, severity: Self.severity,
      confidence: min(0.95, 1 - 0.3 * byteLimit / max(bytes, byteLimit)))
    report.sources.insert(detail.source)
    report.targets.insert(detail.target)
    report.transport = .icmp
    report.attributes = [
      "packets": .count(detail.packetsOut &+ detail.packetsIn),
      "bytes": .bytes(detail.bytesOut &+ detail.bytesIn),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term("bytes out of balance", bytes, threshold: byteLimit, unit: "bytes"),
      Term(
        "echo packets", Double(detail.packetsOut &+ detail.packetsIn),
        threshold: Double(packetLimit), unit: "packets"),
      Term(
        "part of all bytes", bytes / max(Double(detail.bytesOut &+ detail.bytesIn), 1),
        threshold: shareLimit),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension IcmpTunnel: LossCounting {
  var losses: UInt64 { seen.losses }
}
