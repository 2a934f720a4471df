import Analysis
import Flows
import Packets
import Reports
import Terms

/// Neighbour discovery (RFC 4861) as what ARP says in IPv4, and what ARP has no word for: objections
/// to addresses that newcomers want (RFC 4862, 5.4; dos-new-ip6).
extension ArpSpoof {
  /// Objections to different newcomers' addresses that deny service, whatever hardware addresses
  /// they bear: those are invented.
  static let objectionLimit = 3.0
  /// The override flag of an advertisement: without it no cache changes.
  private static let override: UInt16 = 0x2000

  /// A solicitation as a request, an advertisement as a reply; nil for what claims nothing.
  static func claim(of event: FlowEvent) -> FlowEvent? {
    var claim = event
    claim.kind = .arp
    switch event.arpOperation {
    case NeighbourNotice.neighbourSolicitation:
      guard !event.source.isUnspecified, !event.subject.isUnspecified else { return nil }
      claim.arpOperation = 1
      claim.target = event.subject
      claim.targetMAC = .unknown
    case NeighbourNotice.neighbourAdvertisement:
      guard event.sourcePort & override != 0, !event.sourceMAC.isVirtualRouter else { return nil }
      claim.arpOperation = 2
      claim.source = event.subject
      // What is told to everybody is an announcement.
      if event.target.isMulticast { claim.target = event.subject }
    default: return nil
    }
    return claim
  }

  /// Newcomers' questions, and who says that the address is taken.
  mutating func object(_ event: FlowEvent, into sink: inout ReportSink) {
    let question = ContactMemory.hash(
      event.subject, .unspecified, port: event.vlan, transport: .icmpv6)
    let speaker = event.frameMAC == .unknown ? event.sourceMAC : event.frameMAC
    let own = ContactMemory.hash(
      event.subject, IPAddress(high: 0, low: speaker.bits), port: event.vlan, transport: .icmpv6)
    switch event.arpOperation {
    case NeighbourNotice.neighbourSolicitation:
      guard event.source.isUnspecified else { return }
      _ = probes.insert(question, at: event.time)
      _ = probes.insert(own, at: event.time)
    case NeighbourNotice.neighbourAdvertisement:
      // The newcomer itself says so when nobody objected (RFC 9131).
      guard probes.contains(question, asOf: event.time), !probes.contains(own, asOf: event.time)
      else { return }
      probes.remove(question)
      let slot = objections.note(
        TableKey(.unspecified, detail: UInt64(event.vlan)), count: 1, packet: event.packet,
        at: event.time)
      guard slot >= 0 else { return }
      objections[slot].targets.insert(event.subject)
      objections[slot].detail = speaker
      let isTold =
        objections[slot].score >= Self.objectionLimit - 0.5
        && objections[slot].targets.count >= Int(Self.objectionLimit)
      if objections.isDue(slot, isTold: isTold, at: event.time) {
        emitObjection(slot, at: event.time, into: &sink)
      }
    default: return
    }
  }

  mutating func endObjections(at now: CaptureTime, into sink: inout ReportSink) {
    for slot in objections.ended(at: now) { emitObjection(slot, at: now, into: &sink) }
  }

  private mutating func emitObjection(
    _ slot: Int, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let sighting = objections[slot]
    let mac = sighting.detail
    var report = sink.opening(
      .arpSpoof, subject: "objections", first: sighting.first, last: sighting.last, at: now,
      severity: 7, confidence: 0.9)
    report.sources = AddressSet(addresses(of: mac).prefix(8))
    report.targets = sighting.targets
    report.attributes = [
      "technique": .text("duplicate-address-denial"), "mac": .mac(mac),
      "claims": .count(sighting.count),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term(
        "objections to newcomers' addresses", sighting.score, threshold: Self.objectionLimit,
        unit: "addresses")
    ]
    objections.emit(report, slot, at: now, into: &sink)
  }
}
