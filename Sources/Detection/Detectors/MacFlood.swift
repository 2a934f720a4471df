import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds switches being flooded with invented hardware addresses (macof), so that they forget where
/// hosts are and send everything everywhere.
///
/// A host that joins is heard of again at once; an invented address is heard of once. So what counts
/// is the number of addresses that were seen a single time, fading.
struct MacFlood: FlowReader {
  static let addresses = EngineLimit(
    "mac-flood.addresses", 100, .count,
    "Hardware addresses seen once only that make a flood of them.")
  static let halfLife = EngineLimit(
    "mac-flood.half-life", 300, .duration, "Time after which an idle count has halved.")
  static let capacity = EngineLimit(
    "mac-flood.capacity", 8192, .count, "Hardware addresses remembered at once.")
  static let quiet = EngineLimit(
    "mac-flood.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "mac-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [addresses, halfLife, capacity, quiet, spacing]

  /// Hardware addresses compared with before any table is asked.
  private static let recentCount = 256

  private let context: DetectionContext
  private let limit: Double
  private let memory: TimeSpan
  /// Addresses heard of once, and more often.
  private var once: ContactMemory
  private var often: ContactMemory
  private var recent = [UInt64](repeating: 0, count: MacFlood.recentCount)
  private var seen: SightingTable<Void>

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    limit = max(limits[Self.addresses], 2)
    memory = .hours(1)
    once = ContactMemory(capacity: limits.count(Self.capacity), span: memory)
    often = ContactMemory(capacity: limits.count(Self.capacity), span: memory)
    seen = SightingTable(
      capacity: 8, empty: (), halfLife: limits.span(Self.halfLife), memory: memory,
      quiet: limits.span(Self.quiet), spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses { .flow(.opened, .arp) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.kind == .opened || event.pointee.kind == .arp else { return }
    let isRelayed = event.pointee.kind == .arp && event.pointee.frameMAC != .unknown
    let bits = isRelayed ? event.pointee.frameMAC.bits : event.pointee.sourceMAC.bits
    let place = Int(truncatingIfNeeded: bits ^ bits >> 8 ^ bits >> 24) & (Self.recentCount - 1)
    guard recent[place] != bits, bits != 0 else { return }
    if !note(bits, event, into: &sink) { recent[place] = bits }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  private func key(_ event: UnsafePointer<FlowEvent>) -> TableKey {
    TableKey(.unspecified, detail: UInt64(event.pointee.vlan))
  }

  /// Counts an address; whether it is new.
  private mutating func note(
    _ bits: UInt64, _ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink
  ) -> Bool {
    // A client without an address asks DHCP; who invents many of those starves the server.
    if event.pointee.transport == .udp,
      event.pointee.targetPort == 67 || event.pointee.targetPort == 547
    {
      return false
    }
    let hash = max(TableKey(.unspecified, detail: bits).hash, 1)
    if often.contains(hash, asOf: event.pointee.time) { return false }
    if once.contains(hash, asOf: event.pointee.time) {
      once.remove(hash)
      _ = often.insert(hash, at: event.pointee.time)
      let slot = seen.find(key(event))
      if slot >= 0 { seen[slot].score = max(seen[slot].score - 1, 0) }
      return false
    }
    _ = once.insert(hash, at: event.pointee.time)
    let slot = seen.note(key(event), count: 1, packet: event.pointee.packet, at: event.pointee.time)
    guard slot >= 0 else { return true }
    if seen.isDue(slot, isTold: seen[slot].score >= limit, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
    return true
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let vlan = seen.key(slot).detail
    var report = sink.opening(
      .macFlood, subject: "\(context.segment) \(vlan)", first: sighting.first,
      last: sighting.last, at: now, severity: 7,
      confidence: min(0.97, 1 - 0.4 / max(sighting.score / limit, 1)))
    for prefix in context.prefixes { report.targets.insert(prefix) }
    if !context.segment.isEmpty { report.coverage.segments = [context.segment] }
    report.attributes = ["addresses": .count(sighting.count), "rate": .ratio(sighting.rate)]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        "hardware addresses seen once", sighting.score, threshold: limit, unit: "addresses"),
      Term("new hardware addresses", Double(sighting.count), unit: "addresses"),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension MacFlood: LossCounting {
  var losses: UInt64 { seen.losses }
}
