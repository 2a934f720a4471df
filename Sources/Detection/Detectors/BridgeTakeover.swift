import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds hosts that take part in what bridges say to each other: that make themselves the root of
/// the spanning tree (IEEE 802.1D has no authentication), or flood bridges' neighbour tables.
///
/// A segment hears one bridge, the designated one, every two seconds. Somebody else who names a
/// better root is a bridge put in by mistake, or an attacker; the designated bridge that names a
/// new root itself is neither.
struct BridgeTakeover: FlowReader {
  static let claims = EngineLimit(
    "bridge-takeover.claims", 3, .count,
    "Better roots named by somebody else than the designated bridge that are reported.")
  static let hellos = EngineLimit(
    "bridge-takeover.hellos", 3, .count,
    "Messages by which a bridge is known as the designated one.")
  static let flood = EngineLimit(
    "bridge-takeover.flood", 60, .count,
    "Messages of one protocol, fading within ten seconds, that flood bridges.")
  static let memory = EngineLimit(
    "bridge-takeover.memory", 3600, .duration, "Silence after which all is forgotten.")
  static let quiet = EngineLimit(
    "bridge-takeover.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "bridge-takeover.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [claims, hellos, flood, memory, quiet, spacing]

  /// VLANs with a spanning tree of their own that are followed.
  private static let treeLimit = 256

  private struct Tree: Sendable {
    var bridge = MACAddress.unknown
    var root: UInt64 = .max
    var hellos: UInt64 = 0
    var last = CaptureTime.distantPast
  }

  struct Detail: Sendable {
    var root = MACAddress.unknown
    var previous = MACAddress.unknown
  }

  private let claimLimit: Double
  private let helloLimit: UInt64
  private let floodLimit: Double
  private let memorySpan: TimeSpan
  private var trees: BoundedTable<Tree>
  /// Hardware addresses of IP hosts, for the report.
  private var hosts: BoundedTable<IPAddress>
  private var takeovers: SightingTable<Detail>
  private var floods: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    claimLimit = max(limits[Self.claims], 1)
    helloLimit = UInt64(max(limits.count(Self.hellos), 1))
    floodLimit = max(limits[Self.flood], 2)
    memorySpan = limits.span(Self.memory)
    trees = BoundedTable(capacity: Self.treeLimit, empty: Tree())
    hosts = BoundedTable(capacity: 1024, empty: .unspecified)
    func table(_ halfLife: TimeSpan) -> SightingTable<Detail> {
      SightingTable(
        capacity: 128, empty: Detail(), halfLife: halfLife, memory: limits.span(Self.memory),
        quiet: limits.span(Self.quiet), spacing: limits.span(Self.spacing))
    }
    takeovers = table(.minutes(10))
    floods = table(.seconds(10))
  }

  var nextDeadline: CaptureTime { min(takeovers.nextDeadline, floods.nextDeadline) }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    if takeovers.nextDeadline <= now {
      for slot in takeovers.ended(at: now) { emitTakeover(slot, at: now, into: &sink) }
    }
    if floods.nextDeadline <= now {
      for slot in floods.ended(at: now) { emitFlood(slot, at: now, into: &sink) }
    }
  }

  var interest: EventClasses {
    .flow(.arp, .control)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .arp:
      guard !event.pointee.source.isUnspecified else { return }
      let slot = hosts.admit(
        key(event.pointee.sourceMAC), asOf: event.pointee.time,
        until: event.pointee.time + .minutes(5))
      if slot >= 0 { hosts[slot] = event.pointee.source }
    case .control:
      count(event, into: &sink)
      if event.pointee.control == .spanningTree, event.pointee.frameMAC != .unknown {
        follow(event, into: &sink)
      }
    default: return
    }
  }
}

// MARK: - Counting

extension BridgeTakeover {
  private func key(_ mac: MACAddress, _ vlan: UInt16 = 0) -> TableKey {
    TableKey(.unspecified, detail: mac.bits << 12 | UInt64(vlan & 0xfff))
  }

  private mutating func count(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let key = TableKey(
      .unspecified, detail: UInt64(event.pointee.arpOperation) << 16 | UInt64(event.pointee.vlan))
    let slot = floods.note(key, count: 1, packet: event.pointee.packet, at: event.pointee.time)
    guard slot >= 0 else { return }
    if let host = host(event.pointee.sourceMAC) { floods[slot].sources.insert(host) }
    floods[slot].detail.root = event.pointee.sourceMAC
    if floods.isDue(slot, isTold: floods[slot].score >= floodLimit, at: event.pointee.time) {
      emitFlood(slot, at: event.pointee.time, into: &sink)
    }
  }

  private func host(_ mac: MACAddress) -> IPAddress? {
    let slot = hosts.find(key(mac))
    return slot < 0 ? nil : hosts[slot]
  }

  /// Holds a message against the tree as it is known; a lower number is a better root.
  private mutating func follow(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let slot = trees.admit(
      TableKey(.unspecified, detail: UInt64(event.pointee.vlan)), asOf: event.pointee.time,
      until: event.pointee.time + .minutes(5))
    guard slot >= 0 else { return }
    let root = UInt64(event.pointee.sourcePort) << 48 | event.pointee.frameMAC.bits
    let isNew = trees[slot].hellos == 0 || event.pointee.time - trees[slot].last > memorySpan
    if isNew || trees[slot].bridge == event.pointee.sourceMAC || trees[slot].hellos < helloLimit {
      if isNew || trees[slot].bridge != event.pointee.sourceMAC {
        trees[slot] = Tree(bridge: event.pointee.sourceMAC)
      }
      trees[slot].root = root
      trees[slot].hellos &+= 1
      trees[slot].last = event.pointee.time
      return
    }
    guard root < trees[slot].root else { return }
    let claim = takeovers.note(
      key(event.pointee.sourceMAC, event.pointee.vlan), count: 1, packet: event.pointee.packet,
      at: event.pointee.time)
    guard claim >= 0 else { return }
    takeovers[claim].detail.root = event.pointee.frameMAC
    takeovers[claim].detail.previous = MACAddress(bits: trees[slot].root & 0xffff_ffff_ffff)
    if let host = host(event.pointee.sourceMAC) { takeovers[claim].sources.insert(host) }
    let isTold = takeovers[claim].score >= claimLimit - 0.5
    if takeovers.isDue(claim, isTold: isTold, at: event.pointee.time) {
      emitTakeover(claim, at: event.pointee.time, into: &sink)
    }
  }
}

// MARK: - Judging

extension BridgeTakeover {
  private mutating func emitTakeover(
    _ slot: Int, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let sighting = takeovers[slot]
    let sender = MACAddress(bits: takeovers.key(slot).detail >> 12)
    var report = sink.opening(
      .macSpoof, subject: "root \(sender)", first: sighting.first, last: sighting.last, at: now,
      severity: 7, confidence: min(0.9, 1 - 0.4 / max(sighting.score / claimLimit, 1)))
    report.sources = sighting.sources
    report.attributes = [
      "mac": .mac(sighting.detail.root), "previous": .mac(sighting.detail.previous),
      "technique": .text("spanning-tree-root"), "claims": .count(sighting.count),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        "better roots named by a stranger", sighting.score, threshold: claimLimit, unit: "messages")
    ]
    takeovers.emit(report, slot, at: now, into: &sink)
  }

  private mutating func emitFlood(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = floods[slot]
    let name: String
    switch Packet.Control(rawValue: UInt8(truncatingIfNeeded: floods.key(slot).detail >> 16)) {
    case .spanningTree: name = "spanning-tree"
    case .linkDiscovery: name = "lldp"
    case .ciscoDiscovery: name = "cdp"
    case .trunking: name = "dtp"
    case .vlanTrunking: name = "vtp"
    default: name = "control"
    }
    var report = sink.opening(
      .macFlood, subject: "control \(name)", first: sighting.first, last: sighting.last, at: now,
      severity: 6, confidence: min(0.95, 1 - 0.4 / max(sighting.score / floodLimit, 1)))
    report.sources = sighting.sources
    report.attributes = [
      "technique": .text(name), "addresses": .count(sighting.count), "rate": .ratio(sighting.rate),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term("messages of bridges", sighting.score, threshold: floodLimit, unit: "messages")
    ]
    floods.emit(report, slot, at: now, into: &sink)
  }
}

extension BridgeTakeover: LossCounting {
  var losses: UInt64 { trees.refusedCount &+ takeovers.losses &+ floods.losses }
}
