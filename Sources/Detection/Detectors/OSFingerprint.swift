import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds hosts whose operating system somebody works out from how they answer what no stack sends
/// (nmap -O's T2 to T7, IE and U1; xprobe's ICMP queries; Fyodor, "Remote OS detection via TCP/IP
/// Stack FingerPrinting", Phrack 54).
///
/// No single probe shows it: a scan tries one oddity at many ports, a fingerprint many oddities at
/// few. So what counts is the number of *different* oddities one source shows one host within
/// `os-fingerprint.span`, each at no more ports than a fingerprint needs.
struct OSFingerprint: FlowReader {
  static let oddities = EngineLimit(
    "os-fingerprint.oddities", 3, .count,
    "Different odd probes of one source at one host that are a fingerprint.")
  static let ports = EngineLimit(
    "os-fingerprint.ports", 4, .count,
    "Ports tried with one oddity from which that is a scan, and no part of a fingerprint.")
  static let span = EngineLimit(
    "os-fingerprint.span", 120, .duration, "Time within which the probes must come.")
  static let pairs = EngineLimit(
    "os-fingerprint.pairs", 2048, .count, "Pairs of source and host remembered at once.")
  static let memory = EngineLimit(
    "os-fingerprint.memory", 1800, .duration, "Silence after which a pair is forgotten.")
  static let quiet = EngineLimit(
    "os-fingerprint.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "os-fingerprint.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [oddities, ports, span, pairs, memory, quiet, spacing]

  /// What a sound stack never sends to begin with, or hardly ever.
  enum Oddity: UInt8, CaseIterable {
    case null, synFin, xmas, fin, odd, echoCode, timestamp, mask, information

    var text: String {
      switch self {
      case .synFin: "syn-fin"
      case .odd: "odd-flags"
      case .echoCode: "echo-code"
      default: "\(self)"
      }
    }

    init?(_ event: UnsafePointer<FlowEvent>) {
      switch event.pointee.probe {
      case .null: self = .null
      case .synFin: self = .synFin
      case .xmas: self = .xmas
      case .fin: self = .fin
      case .odd: self = .odd
      // An echo request whose code is not 0.
      case .icmpEcho:
        guard event.pointee.targetPort & 0xff != 0 else { return nil }
        self = .echoCode
      case .icmpOther where event.pointee.transport == .icmp:
        switch event.pointee.targetPort >> 8 {
        case 13: self = .timestamp
        case 15: self = .information
        case 17: self = .mask
        default: return nil
        }
      default: return nil
      }
    }
  }

  /// What one source showed one host.
  struct Detail: Sendable {
    /// When each oddity was seen first and last.
    var first = [CaptureTime](repeating: .distantPast, count: Oddity.allCases.count)
    var last = [CaptureTime](repeating: .distantPast, count: Oddity.allCases.count)
    /// The first ports tried with each.
    var ports = [SIMD4<UInt16>](repeating: SIMD4(repeating: 0), count: Oddity.allCases.count)
    var portCounts = [UInt8](repeating: 0, count: Oddity.allCases.count)
    var lastSeen = CaptureTime.distantPast
  }

  /// What one source showed all the hosts it fingerprints.
  struct Shown: Sendable {
    var oddities: Set<Oddity> = []
    var most = 0
  }

  private let oddityLimit: Int
  private let portLimit: UInt8
  private let spanLimit: TimeSpan
  private let memorySpan: TimeSpan
  private var pairs: BoundedTable<Detail>
  /// By source: one report, however many hosts.
  private var seen: SightingTable<Shown>

  init(_ context: DetectionContext) {
    let limits = context.limits
    oddityLimit = max(limits.count(Self.oddities), 2)
    portLimit = UInt8(min(max(limits.count(Self.ports), 1), 4))
    spanLimit = limits.span(Self.span)
    memorySpan = limits.span(Self.memory)
    pairs = BoundedTable(capacity: limits.count(Self.pairs), empty: Detail())
    seen = SightingTable(
      capacity: 256, empty: Shown(), halfLife: memorySpan, memory: memorySpan,
      quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  var interest: EventClasses {
    .flow(.opened, over: .tcp, .icmp)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.kind == .opened, event.pointee.probe != .syn, let oddity = Oddity(event),
      !event.pointee.target.isMulticast
    else { return }
    let pair = TableKey(
      event.pointee.source,
      detail: TableKey(event.pointee.target, detail: UInt64(event.pointee.vlan)).hash)
    let slot = pairs.admit(pair, asOf: event.pointee.time, until: event.pointee.time + .seconds(5))
    guard slot >= 0 else { return }
    if event.pointee.time - pairs[slot].lastSeen > memorySpan { pairs[slot] = Detail() }
    pairs[slot].lastSeen = event.pointee.time
    note(Int(oddity.rawValue), event, at: slot)
    let kinds = shown(pairs[slot], by: event.pointee.time)
    if kinds.count > 1 { pairs.keep(slot, until: event.pointee.time + spanLimit) }
    guard kinds.count >= oddityLimit else { return }
    tell(kinds, event, into: &sink)
  }

  private mutating func tell(
    _ kinds: [Oddity], _ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink
  ) {
    let slot = seen.note(
      TableKey(event.pointee.source), count: 1, packet: event.pointee.packet, at: event.pointee.time
    )
    guard slot >= 0 else { return }
    seen[slot].first = min(seen[slot].first, event.pointee.time - .seconds(1))
    seen[slot].targets.insert(event.pointee.target)
    seen[slot].detail.oddities.formUnion(kinds)
    seen[slot].detail.most = max(seen[slot].detail.most, kinds.count)
    if seen.isDue(slot, isTold: true, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
  }

  private mutating func note(_ oddity: Int, _ event: UnsafePointer<FlowEvent>, at slot: Int) {
    if event.pointee.time - pairs[slot].last[oddity] > spanLimit {
      pairs[slot].portCounts[oddity] = 0
      pairs[slot].first[oddity] = event.pointee.time
    }
    pairs[slot].last[oddity] = event.pointee.time
    let count = Int(pairs[slot].portCounts[oddity])
    let port = event.pointee.transport == .tcp ? event.pointee.targetPort : 0
    for place in 0..<min(count, 4) where pairs[slot].ports[oddity][place] == port { return }
    if count < 4 { pairs[slot].ports[oddity][count] = port }
    pairs[slot].portCounts[oddity] = UInt8(min(count + 1, 5))
  }

  /// The oddities shown within the span, each at few ports.
  @inline(__always) private func shown(_ detail: Detail, by now: CaptureTime) -> [Oddity] {
    Oddity.allCases.filter {
      let place = Int($0.rawValue)
      return now - detail.last[place] <= spanLimit && detail.portCounts[place] <= portLimit
        && detail.last[place] > .distantPast
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let source = seen.key(slot).address
    let kinds = sighting.detail.oddities.sorted { $0.rawValue < $1.rawValue }
    let most = sighting.detail.most
    var report = sink.opening(
      .osFingerprint, subject: "\(source)", first: sighting.first, last: sighting.last, at: now,
      severity: 4, confidence: min(0.97, 1 - 0.35 * Double(oddityLimit) / Double(max(most, 1))))
    report.sources.insert(source)
    report.targets = sighting.targets
    report.attributes = [
      "technique": .text(kinds.map(\.text).joined(separator: ", ")),
      "probes": .count(sighting.count),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        "different odd probes at one host", Double(most), threshold: Double(oddityLimit),
        unit: "kinds"),
      Term("odd probes", Double(sighting.count), unit: "packets"),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension OSFingerprint: LossCounting {
  var losses: UInt64 { pairs.refusedCount &+ seen.losses }
}
