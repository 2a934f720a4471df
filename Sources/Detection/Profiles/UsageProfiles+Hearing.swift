import Analysis
import Reports
import Terms

extension UsageProfiles {
  /// Freezes the profiles of everybody that an attack's report names.
  mutating func hear(_ report: Report, into sink: inout ReportSink) {
    guard report.namesAttack else { return }
    let end = report.emitted + freezing(report)
    for set in [report.sources, report.targets] {
      for prefix in set.listed where prefix.isHost {
        let index = hosts.find(TableKey(prefix.base))
        if index >= 0 { Self.freeze(&hosts, index, from: report.first, until: end) }
      }
    }
    for index in services.subjects.indices {
      let address = services[index].key.address
      if report.targets.covers(address) || report.sources.covers(address) {
        Self.freeze(&services, index, from: report.first, until: end)
      }
    }
  }

  /// How long after a revision nothing is learned. One that is told while the attack goes on is
  /// followed by another at the latest when the attack is twice as old (`ReportThread`).
  private func freezing(_ report: Report) -> TimeSpan {
    let goesOn = report.emitted - report.last < .seconds(5)
    let age = max(report.emitted - report.first, .zero)
    guard goesOn else { return thaw }
    return TimeSpan(nanoseconds: thaw.nanoseconds &+ min(age.nanoseconds, 1 << 60) / 5 * 6)
  }

  private static func freeze(
    _ subjects: inout ProfileSubjects, _ index: Int, from start: CaptureTime,
    until end: CaptureTime
  ) {
    subjects[index].profile.freeze(from: start, until: end)
    subjects[index].score = 0
    subjects[index].thread = ReportThread(spacing: .zero)
    subjects.setOpen(index, false)
  }
}

// MARK: - Learned state

extension UsageProfiles: LearningEngine {
  var learnedName: String { "usage" }

  func encode(into writer: inout StateWriter) {
    hosts.encode(into: &writer)
    services.encode(into: &writer)
  }

  mutating func restore(from reader: inout StateReader) throws(StateFault) {
    try hosts.restore(from: &reader)
    try services.restore(from: &reader)
  }
}
