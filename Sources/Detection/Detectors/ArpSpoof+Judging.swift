import Analysis
import Packets
import Reports
import Terms

// MARK: - Judging

extension ArpSpoof {
  func evidence(_ slot: Int) -> UInt64 {
    bindings[slot].claims &+ bindings[slot].announcements &+ bindings[slot].contradictions
  }

  mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if bindings[slot].thread.isOpen {
      if bindings[slot].thread.isDue(count: evidence(slot), at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        dueDeadline = min(dueDeadline, now + quietSpan)
      }
    } else if bindings[slot].challenger != .unknown,
      isSpoofed(bindings[slot])
    {
      emit(slot, at: now, into: &sink)
    }
  }

  private func isSpoofed(_ binding: Binding) -> Bool {
    binding.claims >= claimLimit || binding.contradictions >= contradictionLimit
      || isAnnounced(binding) || isContested(binding)
  }

  /// Whether the address is announced over and over while its owner goes on.
  private func isAnnounced(_ binding: Binding) -> Bool {
    binding.announcements >= announcementLimit && binding.contradictions >= 2
  }

  mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let fresh = report(slot, at: now, from: sink)
    let count = evidence(slot)
    bindings[slot].thread.emit(fresh, count: count, at: now, into: &sink)
    bindings.keep(slot, until: now + span)
  }

  /// Addresses that `mac` owns by its own word.
  func addresses(of mac: MACAddress) -> [IPAddress] {
    bindings.slots.filter { bindings[$0].owner == mac && bindings[$0].isConfirmed }
      .map { bindings.key($0).address }.sorted()
  }

  private func technique(_ binding: Binding, _ claimed: IPAddress) -> String {
    if !claimed.isIPv4 { return "neighbour-advertisement" }
    if binding.claims >= claimLimit { return "unsolicited-reply" }
    return isAnnounced(binding) ? "announcement" : "conflict"
  }

  private func report(_ slot: Int, at now: CaptureTime, from sink: ReportSink) -> Report {
    let binding = bindings[slot]
    let claimed = bindings.key(slot).address
    let isPoisoning = binding.claims >= claimLimit
    let margin = Double(binding.claims) / Double(claimLimit)
    var report = sink.opening(
      .arpSpoof, subject: "\(claimed) \(binding.challenger)", first: binding.first,
      last: max(binding.first, binding.last), at: now, severity: 8,
      confidence: isPoisoning ? min(0.99, 1 - 0.4 / (1 + margin)) : 0.6)
    let liar = binding.speaker == .unknown ? binding.challenger : binding.speaker
    report.sources = AddressSet(addresses(of: liar).prefix(8))
    report.targets = binding.deceived
    report.targets.insert(claimed)
    report.attributes = [
      "claimed": .address(claimed), "mac": .mac(binding.challenger),
      "previous": .mac(binding.owner),
      "claims": .count(binding.claims),
      "technique": .text(technique(binding, claimed)),
    ]
    report.evidence = [sink.evidence(binding.packets.indices)]
    report.terms = [
      Term(
        "unasked claims", Double(binding.claims), threshold: Double(claimLimit), unit: "packets"),
      Term(
        "announcements", Double(binding.announcements), threshold: Double(announcementLimit),
        unit: "packets"),
      Term(
        "contradictions", Double(binding.contradictions), threshold: Double(contradictionLimit),
        unit: "times"),
    ]
    return report
  }
}
