import Analysis
import Flows
import Packets
import Reports
import Terms

// MARK: - Judging

extension DNSSpoof {
  /// What speaks against a hardware address.
  struct Proof {
    var weight: Double
    var source: MACAddress
    var contradictions: UInt64 = 0
    var strays: UInt64 = 0
    var guesses: UInt64 = 0
    var forged: IPAddress?
    var expected: IPAddress?
    var otherPacket: UInt64?
  }

  mutating func note(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, _ proof: Proof,
    into sink: inout ReportSink
  ) {
    let now = event.time
    let key = TableKey(
      turn.answerer, detail: proof.source.bits << 16 | UInt64(event.vlan))
    let slot = forgers.admit(key, asOf: now, until: now + .seconds(10))
    guard slot >= 0 else { return }
    if forgers[slot].first == .distantPast { forgers[slot].first = now }
    forgers[slot].last = now
    forgers[slot].contradictions &+= proof.contradictions
    forgers[slot].strays &+= proof.strays
    forgers[slot].guesses &+= proof.guesses
    if proof.strays > 0 {
      if forgers[slot].firstStray == .distantPast { forgers[slot].firstStray = now }
      forgers[slot].strayScore.add(proof.weight, at: now, span: decay)
      forgers[slot].score.fade(to: now, span: decay)
    } else {
      forgers[slot].score.add(proof.weight, at: now, span: decay)
      forgers[slot].strayScore.fade(to: now, span: decay)
    }
    forgers[slot].deceived.insert(turn.asker)
    forgers[slot].packets.add(event.packet)
    if let other = proof.otherPacket { forgers[slot].packets.add(other) }
    if forgers[slot].name.isEmpty || proof.guesses == 0 {
      forgers[slot].name = message.name
      let told = DNSAnswer(message).addresses.first
      forgers[slot].answer = proof.forged ?? told ?? .unspecified
      forgers[slot].expected = proof.expected ?? .unspecified
    }
    judge(slot, at: now, into: &sink)
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if forgers[slot].thread.isOpen {
      if forgers[slot].thread.isDue(count: forgers[slot].count, at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
      return
    }
    if total(slot) >= scoreLimit {
      emit(slot, at: now, into: &sink)
    } else {
      let isSerious = forgers[slot].contradictions &+ forgers[slot].strays > 0
      forgers.keep(slot, until: now + (isSerious ? decay : .minutes(1)))
    }
  }

  /// Strays count only beside a server that goes on speaking: one that moved is silent.
  private func total(_ slot: Int) -> Double {
    let vlan = UInt16(truncatingIfNeeded: forgers.key(slot).detail)
    let last = owners.owner(of: forgers.key(slot).address, vlan: vlan)?.last ?? .distantPast
    let isAlive = last > forgers[slot].firstStray
    return forgers[slot].score.value + (isAlive ? forgers[slot].strayScore.value : 0)
  }

  mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let fresh = report(slot, at: now, from: sink)
    let count = forgers[slot].count
    forgers[slot].thread.emit(fresh, count: count, at: now, into: &sink)
    forgers.keep(slot, until: now + decay)
  }

  private func report(_ slot: Int, at now: CaptureTime, from sink: ReportSink) -> Report {
    let forger = forgers[slot]
    let server = forgers.key(slot).address
    let mac = MACAddress(bits: forgers.key(slot).detail >> 16)
    let score = total(slot)
    var report = sink.opening(
      .dnsSpoof, subject: "\(server) \(mac)", first: forger.first, last: forger.last, at: now,
      severity: 8, confidence: min(0.98, 1 - 0.5 / (1 + max(0, score - scoreLimit))))
    // Whoever's interface it is; the address that was forged where nothing else is known.
    let own = owners.addresses(of: mac)
    report.sources = AddressSet(own.isEmpty ? [server] : own)
    report.targets = forger.deceived
    report.ports = [DNSTurn.port]
    report.transport = .udp
    report.attributes = [
      "name": .text(String(forger.name.prefix(256))), "mac": .mac(mac),
      "answers": .count(forger.count),
    ]
    if forger.answer != .unspecified { report.attributes["answer"] = .address(forger.answer) }
    if forger.expected != .unspecified { report.attributes["expected"] = .address(forger.expected) }
    report.evidence = [sink.evidence(forger.packets.indices)]
    report.terms = [
      Term("forgery score", score, threshold: scoreLimit),
      Term("contradicting answers", Double(forger.contradictions), unit: "answers"),
      Term("answers from the wrong place", Double(forger.strays), unit: "answers"),
      Term("answers that guess a transaction", Double(forger.guesses), unit: "answers"),
    ]
    return report
  }
}
