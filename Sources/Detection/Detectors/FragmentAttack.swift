import Analysis
import Flows
import Reports
import Terms

/// Finds datagrams whose fragments no sound sender makes: overlapping ones (teardrop and its kin:
/// newtear, nestea, syndrop; CERT CA-1997-28), ones that leave a gap which nothing can fill (bonk,
/// boink) and ones beyond the longest datagram (ping of death, jolt; CERT CA-1996-26).
struct FragmentAttack: FlowReader {
  static let overlaps = EngineLimit(
    "fragment-attack.overlaps", 3, .count,
    "Datagrams with contradicting fragments to one host that are reported as teardrop.")
  static let oversized = EngineLimit(
    "fragment-attack.oversized", 1, .count,
    "Datagrams to one host beyond 65,535 bytes that are reported as ping of death.")
  static let halfLife = EngineLimit(
    "fragment-attack.half-life", 900, .duration, "Time after which an idle count has halved.")
  static let targets = EngineLimit(
    "fragment-attack.targets", 512, .count, "Hosts remembered at once.")
  static let memory = EngineLimit(
    "fragment-attack.memory", 3600, .duration,
    "Silence after which the next datagram is another attack.")
  static let quiet = EngineLimit(
    "fragment-attack.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "fragment-attack.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [overlaps, oversized, halfLife, targets, memory, quiet, spacing]

  struct Detail: Sendable {
    var transport = TransportProtocol.udp
    /// Largest end that a fragment claimed, in bytes.
    var length: UInt64 = 0
  }

  private let overlapLimit: Double
  private let oversizedLimit: Double
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    overlapLimit = max(limits[Self.overlaps], 1)
    oversizedLimit = max(limits[Self.oversized], 1)
    seen = SightingTable(
      capacity: limits.count(Self.targets), empty: Detail(), halfLife: limits.span(Self.halfLife),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses { .flow(.fragmentOverlap) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.kind == .fragmentOverlap else { return }
    let isOversized = event.pointee.fragmentFault == .pastEnd
    let slot = seen.note(
      TableKey(event.pointee.target, detail: isOversized ? 1 : 0), count: 1,
      packet: event.pointee.packet,
      at: event.pointee.time)
    guard slot >= 0 else { return }
    seen[slot].sources.insert(event.pointee.source)
    seen[slot].detail.transport = event.pointee.transport
    seen[slot].detail.length = max(seen[slot].detail.length, event.pointee.payloadIn)
    // A fading score never quite keeps up with whole numbers.
    let limit = (isOversized ? oversizedLimit : overlapLimit) - 0.5
    if seen.isDue(slot, isTold: seen[slot].score >= limit, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let target = seen.key(slot).address
    let isOversized = seen.key(slot).detail == 1
    let limit = isOversized ? oversizedLimit : overlapLimit
    var report = sink.opening(
      isOversized ? .pingOfDeath : .teardrop, subject: "\(target)", first: sighting.first,
      last: sighting.last, at: now, severity: 6,
      confidence: isOversized ? 0.97 : min(0.97, 1 - 0.4 / max(sighting.score / limit, 1)))
    report.sources = sighting.sources
    report.targets.insert(target)
    report.transport = sighting.detail.transport
    report.attributes =
      isOversized
      ? ["packets": .count(sighting.count), "length": .bytes(sighting.detail.length)]
      : ["packets": .count(sighting.count), "overlaps": .count(sighting.count)]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        isOversized ? "oversized datagrams" : "datagrams with contradicting fragments",
        sighting.score, threshold: limit, unit: "datagrams")
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension FragmentAttack: LossCounting {
  var losses: UInt64 { seen.losses }
}
