import Analysis
import Reports
import Terms

/// Weighs how profiles stand at the end of an epoch, and says which measure moved and how far.
struct ProfileReporter: Sendable {
  /// How a report names its subject.
  enum Sort {
    case host, service
  }

  /// Measures that one report explains.
  private static let movementsShown = 4
  /// Most evidence that a subject gathers.
  private static let scoreCeiling = 12.0
  /// Epochs that are red, or in which one measure is far beyond its history, without which a report
  /// stays informational.
  private static let leastStrongEpochs: UInt64 = 3
  /// Quiet after which what moves is another change.
  private static let memory = TimeSpan.hours(72)
  /// Silence after which an open report is over.
  private static let quiet = TimeSpan.minutes(30)

  let training: ProfileTraining
  let scoreLimit: Double
  let patience: TimeSpan

  func judge(
    _ subjects: inout ProfileSubjects, _ index: Int, _ sort: Sort, at now: CaptureTime,
    into sink: inout ReportSink
  ) {
    if subjects[index].isActive {
      subjects[index].isActive = false
      let verdict = subjects[index].profile.judge(subjects.layout, training, at: now)
      weigh(verdict, &subjects[index], subjects.layout, at: now)
      if isDue(subjects[index], at: now) {
        tell(verdict, &subjects[index], sort, at: now, into: &sink)
        subjects.setOpen(index, true)
      }
    }
    guard subjects[index].thread.isOpen else { return }
    if subjects[index].score < 1 || now - subjects[index].last >= Self.quiet {
      conclude(&subjects[index], at: now, into: &sink)
      subjects.setOpen(index, false)
    }
  }

  /// 2 for an epoch whose T2 is red, 1 for a yellow one or one in which a single measure is far
  /// beyond its history; half of it is lost with each epoch that says nothing.
  private func weigh(
    _ verdict: ProfileVerdict, _ subject: inout ProfileSubject, _ layout: ProfileLayout,
    at now: CaptureTime
  ) {
    let gain = verdict.isRed ? 2.0 : verdict.isYellow || verdict.isFar ? 1.0 : 0
    guard gain > 0 else {
      subject.score /= 2
      return
    }
    if subject.changed == .distantPast || now - subject.last > Self.memory {
      subject.changed = now
    }
    if subject.score < 1 {
      subject.since = now - Profile.epoch
      subject.epochs = 0
      subject.strongEpochs = 0
      subject.moved = []
    }
    subject.score = min(Self.scoreCeiling, subject.score + gain)
    subject.epochs &+= 1
    if verdict.isRed || verdict.isFar { subject.strongEpochs += 1 }
    subject.last = now
    for movement in verdict.movements {
      // Put into words now: what is new today may be known tomorrow.
      let words = Self.words(for: movement, subject.profile, layout)
      subject.note(Moved(movement: movement, words: words))
    }
    // What is being reported is not learned, unless it stays.
    if subject.thread.isOpen, now - subject.changed < patience { subject.profile.dropFresh() }
  }

  /// All evidence is there, and not of yellow epochs alone.
  private func isWhole(_ subject: ProfileSubject) -> Bool {
    subject.score >= scoreLimit && subject.strongEpochs >= Self.leastStrongEpochs
  }

  /// An informational report at half the evidence, a further revision when it is all there, and
  /// when it goes on for twice as long.
  private func isDue(_ subject: ProfileSubject, at now: CaptureTime) -> Bool {
    guard subject.last == now, subject.score >= scoreLimit / 2 else { return false }
    guard let told = subject.thread.report else { return true }
    if isWhole(subject), told.severity <= Report.informationalSeverity { return true }
    return subject.thread.isDue(count: subject.epochs, at: now)
  }

  private func tell(
    _ verdict: ProfileVerdict, _ subject: inout ProfileSubject, _ sort: Sort,
    at now: CaptureTime, into sink: inout ReportSink
  ) {
    let port = UInt16(truncatingIfNeeded: subject.key.detail)
    let name = sort == .host ? "\(subject.key.address)" : "\(subject.key.address) \(port)"
    var report = sink.opening(
      .profileAnomaly, subject: "profile of \(name)", first: subject.since, last: now, at: now,
      severity: max(
        isWhole(subject) ? 4 : Report.informationalSeverity, subject.thread.report?.severity ?? 0),
      confidence: min(0.9, 0.3 + 0.05 * subject.score))
    switch sort {
    case .host: report.sources.insert(subject.key.address)
    case .service:
      report.targets.insert(subject.key.address)
      report.ports = [port]
      let transport = UInt8(truncatingIfNeeded: subject.key.detail >> 16)
      report.transport = TransportProtocol(number: transport)
    }
    report.evidence = [sink.evidence((0..<4).map { subject.packets[$0] }.filter { $0 > 0 })]
    explain(verdict, subject, in: &report)
    subject.thread.emit(report, count: subject.epochs, at: now, into: &sink)
  }

  private func explain(
    _ verdict: ProfileVerdict, _ subject: ProfileSubject, in report: inout Report
  ) {
    report.terms = [Term("T2", verdict.sum, threshold: verdict.threshold)]
    for moved in subject.moved.prefix(Self.movementsShown) {
      let text = moved.words
      report.terms += [
        Term("S of \(text.name)", moved.movement.score, threshold: NormalScore.ceiling),
        Term("Q of \(text.name)", moved.movement.statistic, threshold: moved.movement.peak),
        Term("observed: \(text.what)", text.observed, unit: text.unit),
        Term("expected: \(text.what)", text.expected, unit: text.unit),
      ]
    }
    guard let first = subject.moved.first else { return }
    let text = first.words
    report.attributes = [
      "feature": .text("\(text.name): \(text.what)"), "value": .ratio(text.observed),
      "usual": .ratio(text.expected), "score": .ratio(first.movement.score),
    ]
  }

  /// The last revision, and the end of the report's life.
  private func conclude(
    _ subject: inout ProfileSubject, at now: CaptureTime, into sink: inout ReportSink
  ) {
    if var report = subject.thread.report, report.last < subject.last {
      report.last = subject.last
      subject.thread.emit(report, count: subject.epochs, at: now, into: &sink)
    }
    subject.thread = ReportThread(spacing: .zero)
    subject.score = 0
    // What was told shall not be told again when the subject is next heard of.
    subject.profile.relax()
  }
}

extension ProfileSubject {
  /// Keeps the farthest movement of each measure.
  fileprivate mutating func note(_ next: ProfileReporter.Moved) {
    guard
      let known = moved.firstIndex(where: { $0.movement.measure == next.movement.measure })
    else {
      moved.append(next)
      return
    }
    let old = moved[known].movement
    if (old.rank, old.excess) < (next.movement.rank, next.movement.excess) { moved[known] = next }
  }
}

// MARK: - Words

extension ProfileReporter {
  /// One measure's farthest movement, and how it was put.
  struct Moved: Sendable {
    var movement: ProfileVerdict.Movement
    var words: Words
  }

  struct Words: Sendable {
    var name: String
    var what: String
    var observed: Double
    var expected: Double
    var unit: String
  }

  private static func words(
    for moved: ProfileVerdict.Movement, _ profile: Profile, _ layout: ProfileLayout
  ) -> Words {
    if let deviation = moved.deviation {
      return Words(
        name: layout.names[moved.measure],
        what: "share of \(group(deviation.group, moved.measure, profile, layout))",
        observed: deviation.observed, expected: deviation.expected, unit: "")
    }
    let intensity = layout.intensities[moved.measure - layout.measures.count]
    let halfLife = ProfileLayout.halfLives[moved.halfLife ?? 0]
    return Words(
      name: intensity.name, what: "amount at a half-life of \(TimeSpan.seconds(Int(halfLife)))",
      observed: moved.observed, expected: moved.expected, unit: intensity.unit)
  }

  private static func group(
    _ group: CategoryMix.Group, _ measure: Int, _ profile: Profile, _ layout: ProfileLayout
  ) -> String {
    let place: Int
    switch group {
    case .rare: return "rare ones" + newest(measure, profile, layout)
    case .new: return "new ones" + newest(measure, profile, layout)
    case .category(let category): place = category
    }
    return name(place, measure, profile, layout)
  }

  private static func name(
    _ place: Int, _ measure: Int, _ profile: Profile, _ layout: ProfileLayout
  ) -> String {
    switch layout.categories[measure] {
    case .named:
      guard let key = profile.key(place, of: layout.measures[measure]) else { return "others" }
      return layout.names[measure].hasPrefix("services")
        ? Usage.serviceName(key) : Usage.peerName(key)
    case .fixed(let labels), .cyclic(let labels): return labels[place]
    case .bins(let first, let unit):
      return "\(ProfileLayout.lowerEdge(place, first: first)) \(unit) and more"
    }
  }

  /// The heaviest of the pooled categories, by name.
  private static func newest(
    _ measure: Int, _ profile: Profile, _ layout: ProfileLayout
  ) -> String {
    guard let place = profile.heaviestRare(of: layout.measures[measure]) else { return "" }
    return ", foremost \(name(place, measure, profile, layout))"
  }
}
