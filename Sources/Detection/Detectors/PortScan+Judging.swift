import Analysis
import Reports
import Terms

// MARK: - Judging

extension PortScan {
  private func isScan(_ suspect: ScanSuspect) -> Bool {
    guard !suspect.isScattered, !suspect.isFlood else { return false }
    if suspect.walk >= walkLimit, suspect.failures >= Self.walkFailures { return true }
    guard suspect.failures >= failureLimit else { return false }
    // Answers to a flood in our names come to the ports that clients have.
    if suspect.family == .synAck, 2 * suspect.highPorts > suspect.failures { return false }
    // A tunnel's end that is gone is one protocol; a scan tries them all, a ping some.
    if suspect.family == .ipProtocol, suspect.ports.count < Int(failureLimit), !suspect.isPing {
      return false
    }
    // Datagrams get lost and services are silent by nature: a scan by UDP has to show more of
    // itself.
    if suspect.family == .udp, 2 * suspect.failures < 3 * failureLimit { return false }
    if suspect.isList, context.isHome(suspect.source) { return false }
    if suspect.share >= shareLimit { return true }
    // However busy a client is, it does not fail at port after port of one host.
    if suspect.shape == "vertical", suspect.ports.count >= 2 * Int(failureLimit),
      suspect.share >= Self.verticalShare
    {
      return true
    }
    return suspect.failures >= 10 * failureLimit && suspect.share >= persistentLimit
  }

  mutating func judge(_ index: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let failures = suspects[index].failures
    if suspects[index].settledUntil > .distantPast {
      if now < suspects[index].settledUntil {
        nextDeadline = min(nextDeadline, now + quietSpan)
      } else if suspects[index].thread.isDue(count: failures, facts: facts(index), at: now) {
        emit(index, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
      return
    }
    guard failures >= suspects[index].judgedAt else { return }
    suspects[index].judgedAt = failures + max(1, failures / 8)
    guard isScan(suspects[index]) else { return }
    if let leader = leader(of: index, asOf: now) {
      suspects[leader].companions.insert(suspects[index].source)
      suspects[index].judgedAt = failures * 2
      nextDeadline = min(nextDeadline, now + quietSpan)
      return
    }
    emit(index, at: now, into: &sink)
  }

  /// The reported suspect that this one moves in lockstep with, while it goes on.
  private func leader(of index: Int, asOf now: CaptureTime) -> Int? {
    suspects.indices.first { other in
      guard other != index, suspects[other].isUsed, suspects[other].thread.isOpen,
        now - suspects[other].last <= quietSpan
      else { return false }
      return suspects[other].isLockstep(with: suspects[index])
    }
  }

  /// A digest of what makes a revision worth sending besides the count. Mutating: to lend the engine
  /// for every probe of a long scan would be to copy it.
  private mutating func facts(_ index: Int) -> UInt64 {
    // Field by field: `technique` would copy the whole record, for every probe of a long scan.
    let technique = ScanSuspect.technique(
      suspects[index].family, tiny: suspects[index].tiny, halfOpen: suspects[index].halfOpen)
    let mayPing =
      suspects[index].answering > 0
      && (suspects[index].family != .syn
        || ScanSuspect.isContent(
          answering: suspects[index].answering, pressed: suspects[index].pressed,
          failures: suspects[index].failures))
    let ping: UInt64 = mayPing && suspects[index].isPing ? 1 : 0
    return ping << 48 | UInt64(technique.rawValue) << 32 | UInt64(suspects[index].companions.count)
  }

  mutating func isStale(_ index: Int) -> Bool {
    suspects[index].thread.isStale(count: suspects[index].failures, facts: facts(index))
  }

  mutating func emit(_ index: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let fresh = report(suspects[index], at: now, from: sink)
    let (count, facts) = (suspects[index].failures, facts(index))
    suspects[index].thread.emit(fresh, count: count, facts: facts, at: now, into: &sink)
    suspects[index].settledUntil = now + spacingSpan
  }

  private func report(_ suspect: ScanSuspect, at now: CaptureTime, from sink: ReportSink) -> Report
  {
    let margin = Double(suspect.failures) / Double(failureLimit)
    let isPing = suspect.isPing
    var report = sink.opening(
      isPing ? .pingSweep : .portScan, subject: "\(suspect.source) \(suspect.family)",
      first: suspect.first, last: suspect.last, at: now, severity: isPing ? 3 : 5,
      confidence: min(0.99, 0.5 * suspect.share + 0.5 * (1 - 1 / (1 + margin))))
    report.sources.insert(suspect.source)
    report.sources.formUnion(suspect.companions)
    report.targets = suspect.targets
    if suspect.family != .ipProtocol { report.ports = suspect.ports.smallest }
    report.transport = suspect.technique.transport
    let reader = zombies.prober(of: suspect.source, from: suspect.first, through: suspect.last)
    if let reader { report.sources.insert(reader) }
    report.attributes = [
      "technique": .text(reader == nil ? suspect.technique.text : "idle"),
      "failures": .count(suspect.failures), "targets": .count(UInt64(suspect.targets.count)),
    ]
    if isPing {
      report.attributes["technique"] = .text(suspect.pingTechnique)
    } else {
      report.attributes["shape"] = .text(suspect.shape)
      report.attributes["ports"] = .count(UInt64(suspect.ports.count))
      if !suspect.companions.isEmpty {
        report.attributes["decoys"] = .count(UInt64(suspect.companions.count))
      }
    }
    report.evidence = [sink.evidence(suspect.packets.indices)]
    report.terms = [
      Term(
        "failed first contacts", Double(suspect.failures), threshold: Double(failureLimit),
        unit: "contacts"),
      Term(
        "share of first contacts that failed", suspect.share,
        threshold: suspect.share >= shareLimit ? shareLimit : persistentLimit),
      Term("successful first contacts", Double(suspect.successes), unit: "contacts"),
      Term(
        "odds of a scan over first contacts with hosts (log)", suspect.walk, threshold: walkLimit),
    ]
    return report
  }
}
