import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds packets whose source address cannot be their sender's (BCP 38, RFC 2827; martians of RFC
/// 1812, 5.3.7).
///
/// Some addresses are nobody's anywhere. For the others it takes the topology's prefixes, and what
/// hardware address rightly bears what: a site's address that comes in from outside, a segment's own
/// address that comes from its router, an address from elsewhere that a mere host sends, or that comes
/// in the router's name without having been forwarded. One report per sender, whatever it claims.
struct SpoofedSource: FlowReader {
  static let flows = EngineLimit(
    "spoofed-source.flows", 4, .count,
    "Flows of one sender with impossible source addresses that are reported.")
  static let halfLife = EngineLimit(
    "spoofed-source.half-life", 900, .duration, "Time after which an idle count has halved.")
  static let senders = EngineLimit(
    "spoofed-source.senders", 1024, .count, "Hardware addresses remembered at once.")
  static let memory = EngineLimit(
    "spoofed-source.memory", 3600, .duration, "Silence after which a new attack begins.")
  static let quiet = EngineLimit(
    "spoofed-source.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "spoofed-source.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [flows, halfLife, senders, memory, quiet, spacing]

  /// Flows of one sender whose addresses are all noted; later only every sixteenth is.
  private static let notedFlows: UInt64 = 1024

  enum Reason: UInt8, CaseIterable {
    case martian, privateSource, insideFromOutside, ownFromRouter, foreignFromHost, unforwarded

    var text: String {
      switch self {
      case .martian: "martian"
      case .privateSource: "private-source"
      case .insideFromOutside: "inside-source-from-outside"
      case .ownFromRouter: "own-source-from-router"
      case .foreignFromHost: "foreign-source-from-host"
      case .unforwarded: "impossible-time-to-live"
      }
    }
  }

  struct Detail: Sendable {
    /// Flows by reason.
    var counts = SIMD8<UInt32>()
    var ports: [UInt16] = []
  }

  private let own: AddressRanges
  private let home: AddressRanges
  private let isPerimeter: Bool
  private let limit: Double
  private var bearers: AddressBearers
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    own = AddressRanges(context.prefixes)
    home = AddressRanges(context.home)
    isPerimeter = context.prefixes.isEmpty && !context.home.isEmpty
    limit = max(limits[Self.flows], 1) - 0.5
    bearers = AddressBearers(context)
    seen = SightingTable(
      capacity: limits.count(Self.senders), empty: Detail(), halfLife: limits.span(Self.halfLife),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses {
    [.flow(.opened, .progress, .closed, .arp, .neighbour), .flow(.established, over: .tcp)]
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .opened:
      // A flow that began with an answer shows the sender as its target.
      guard event.pointee.packetsOut > 0, event.pointee.sourceMAC != .unknown,
        event.pointee.source != event.pointee.target,
        let reason = reason(event)
      else { return }
      note(event, reason, into: &sink)
    case .progress, .closed:
      // One flow may go on and on: it counts again where no host has two such addresses by mistake.
      guard event.pointee.totalPacketsIn == 0, event.pointee.packetsOut > 0,
        event.pointee.sourceMAC != .unknown, event.pointee.source != event.pointee.target,
        let reason = reason(event), reason != .foreignFromHost, reason != .privateSource
      else { return }
      note(event, reason, into: &sink)
    case .established:
      guard event.pointee.transport == .tcp, !(own.isEmpty && home.isEmpty) else { return }
      let isNew = bearers.learn(event)
      if isNew.source { pardon(event.pointee.sourceMAC) }
      if isNew.target { pardon(event.pointee.targetMAC) }
    case .arp:
      bearers.learnGateway(event)
      bearers.hear(event)
    case .neighbour: bearers.hear(event)
    default: return
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }
}

// MARK: - Reasons

extension SpoofedSource {
  @inline(__always) private func reason(_ event: UnsafePointer<FlowEvent>) -> Reason? {
    if Self.isMartian(event) { return .martian }
    // Who speaks for whom in neighbour discovery is the business of those who watch claims.
    if event.pointee.transport == .icmpv6, 133...137 ~= event.pointee.targetPort >> 8 { return nil }
    guard own.knowsFamily(of: event.pointee.source) || home.knowsFamily(of: event.pointee.source),
      !Self.isOfNoNetwork(event.pointee.source)
    else { return nil }
    let kind = bearers.kind(event.pointee.source)
    return isPerimeter ? ingress(event, kind) : inside(event, kind)
  }

  @inline(__always) private static func isMartian(_ event: UnsafePointer<FlowEvent>) -> Bool {
    let source = event.pointee.source
    guard source.isIPv4 else { return source.isMulticast || source.isLoopback }
    switch source.v4 >> 24 {
    case 0:
      // A host without an address asks for one, or reports its groups.
      return source.v4 != 0
        || !event.pointee.target.isMulticast && !event.pointee.target.isLimitedBroadcast
          && event.pointee.sourcePort != 68
    case 127, 224...255: return true
    default: return false
    }
  }

  /// Addresses that are of no network: a host's on its link, or those of one that has none yet.
  private static func isOfNoNetwork(_ address: IPAddress) -> Bool {
    guard !address.isUnspecified else { return true }
    return address.isIPv4 ? address.v4 >> 16 == 0xa9fe : address.high >> 54 == 0x3fa
  }

  /// The perimeter: the site's addresses come from the site's routers only.
  @inline(__always) private func ingress(
    _ event: UnsafePointer<FlowEvent>, _ kind: AddressBearers.Kinds
  ) -> Reason? {
    guard kind == .home || kind == .unknown, bearers.proven.contains(.home) else { return nil }
    let borne = bearers.kinds(of: event.pointee.sourceMAC)
    guard !borne.contains(.home), !borne.contains(kind) else { return nil }
    if kind == .home { return .insideFromOutside }
    // Routers of the net have private addresses, and complain from them.
    return event.pointee.probe == .icmpOther ? nil : .privateSource
  }

  /// A segment: its own addresses come from its hosts, all others from its routers.
  @inline(__always) private func inside(
    _ event: UnsafePointer<FlowEvent>, _ kind: AddressBearers.Kinds
  ) -> Reason? {
    let elsewhere: AddressBearers.Kinds = [.home, .foreign]
    guard !bearers.proven.isDisjoint(with: elsewhere) else { return nil }
    let borne = bearers.kinds(of: event.pointee.sourceMAC)
    if kind == .own {
      guard !borne.isDisjoint(with: elsewhere), !borne.contains(.own),
        !bearers.isGateway(event.pointee.source),
        !bearers.speaks(
          event.pointee.sourceMAC, for: event.pointee.source, asOf: event.pointee.time)
      else { return nil }
      return .ownFromRouter
    }
    if borne.isDisjoint(with: [.home, .foreign, .unknown]) { return .foreignFromHost }
    return isUnforwarded(event) ? .unforwarded : nil
  }

  /// A source from elsewhere in the name of a router that forwards, with the time to live of somebody
  /// on this segment. A router has addresses of its own beyond the segment; only new ones count.
  private func isUnforwarded(_ event: UnsafePointer<FlowEvent>) -> Bool {
    guard event.pointee.kind == .opened, event.pointee.probe != .icmpOther,
      AddressBearers.isUnforwarded(event.pointee.timeToLive),
      !bearers.isGateway(event.pointee.source), bearers.forwards(event.pointee.sourceMAC)
    else { return false }
    let slot = seen.find(key(event.pointee.sourceMAC))
    return slot < 0 || !seen[slot].sources.covers(event.pointee.source)
  }
}

// MARK: - Judging

extension SpoofedSource {
  private func key(_ mac: MACAddress) -> TableKey { TableKey(.unspecified, detail: mac.bits) }

  private mutating func note(
    _ event: UnsafePointer<FlowEvent>, _ reason: Reason, into sink: inout ReportSink
  ) {
    let slot = seen.note(
      key(event.pointee.sourceMAC), count: 1, packet: event.pointee.packet, at: event.pointee.time)
    guard slot >= 0 else { return }
    seen[slot].detail.counts[Int(reason.rawValue)] &+= 1
    if seen[slot].count < Self.notedFlows || seen[slot].count & 15 == 0 {
      seen[slot].sources.insert(event.pointee.source)
      seen[slot].targets.insert(event.pointee.target)
    }
    if seen.isDue(slot, isTold: seen[slot].score >= limit, at: event.pointee.time) {
      emit(slot, at: event.pointee.time, into: &sink)
    }
  }

  /// A sender that turns out to bear such addresses rightly begins anew.
  private mutating func pardon(_ mac: MACAddress) {
    let slot = seen.find(key(mac))
    guard slot >= 0, !seen[slot].thread.isOpen else { return }
    seen[slot].score = 0
    seen[slot].detail.counts = SIMD8()
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let mac = MACAddress(bits: seen.key(slot).detail)
    let counts = sighting.detail.counts
    let reasons = Reason.allCases.filter { counts[Int($0.rawValue)] > 0 }
    var report = sink.opening(
      .ipSpoof, subject: "\(mac)", first: sighting.first, last: sighting.last, at: now,
      severity: 5, confidence: min(0.95, 1 - 0.4 / max(sighting.score / limit, 1)))
    report.sources = sighting.sources
    // The sender's own addresses, where it is a host that has been heard as itself.
    for address in bearers.addresses(of: mac) { report.sources.insert(address) }
    report.targets = sighting.targets
    report.attributes = [
      "reason": .text(reasons.map(\.text).joined(separator: ", ")), "mac": .mac(mac),
      "packets": .count(sighting.count),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms =
      [
        Term(
          "flows from impossible addresses", sighting.score, threshold: limit + 0.5, unit: "flows")
      ]
      + reasons.map { Term($0.text, Double(counts[Int($0.rawValue)]), unit: "flows") }
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension SpoofedSource: LossCounting {
  var losses: UInt64 { seen.losses }
}
