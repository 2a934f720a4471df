import Analysis
import Reports
import Terms

/// One source whose failed first contacts add up over hours and segments, too slowly for any local
/// threshold.
///
/// A poller that finds its dead hosts in its first round fails in one or two epochs; a scan goes
/// on. A source that a local monitor has already reported for scanning is left to fusion.
struct SlowScan: AnalysisEngine, Codable {
  static let windowLimit = EngineLimit(
    "slow-scan.window", 7200, .duration, "How long a failed first contact counts.")
  static let contactsLimit = EngineLimit(
    "slow-scan.contacts", 12, .count, "Least different targets and ports at which a source failed.")
  static let epochsLimit = EngineLimit(
    "slow-scan.epochs", 4, .count, "Least epochs of 10 s over which the failures are spread.")
  static let successLimit = EngineLimit(
    "slow-scan.success", 0.5, .ratio, "Largest share of successful contacts on the same ports.")
  static let sourcesLimit = EngineLimit(
    "slow-scan.sources", 8192, .count, "Sources followed at once; the quietest go first.")
  static let perSourceLimit = EngineLimit(
    "slow-scan.source-memory", 256, .count, "First contacts remembered of one source.")
  static let limits = [
    windowLimit, contactsLimit, epochsLimit, successLimit, sourcesLimit, perSourceLimit,
  ]
  /// Contacts of one source that chance explains within the window.
  static let accidents = 1.0

  private struct Source: Sendable, Codable {
    var window: ContactWindow
    var last = CaptureTime.distantPast
    var report: Report?

    /// Whether a failed contact is new.
    mutating func take(
      _ row: ContactRow, of event: Report, _ context: CorrelationContext
    ) -> Bool {
      last = max(last, row.last)
      return window.insert(row, of: event, context)
    }
  }

  private let context: CorrelationContext
  private let table: LimitTable
  private var sources: [IPPrefix: Source] = [:]
  /// Sources reported by others, and when last.
  private var explained: [IPPrefix: CaptureTime] = [:]
  private var dirty: Set<IPPrefix> = []
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    self.context = context
    table = context.limits
  }

  var interest: EventClasses { [.contactRows, .attacks] }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    if event.reportClass != .evidence {
      noteExplained(event)
      return
    }
    guard case .contacts(let rows) = event.summary else { return }
    for row in rows where row.source.isHost && row.source.base != .unspecified {
      take(row, of: event)
    }
    let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier)
    nextDeadline = min(nextDeadline, EvidenceEpoch.settled(start, at: context.tier))
  }

  /// The kinds that say of their sources that they scan.
  private static let scanKinds: Set<ReportKind> = [.portScan, .pingSweep, .slowScan]

  private mutating func noteExplained(_ event: Report) {
    guard Self.scanKinds.contains(event.kind), event.severity > Report.informationalSeverity
    else { return }
    for source in event.sources.listed { explained[source] = event.last }
    guard explained.count > table.count(Self.sourcesLimit) else { return }
    let order = explained.map { Quietness(count: 0, last: $0.value, source: $0.key) }
    for entry in order.least(explained.count / 2) { explained[entry.source] = nil }
  }

  private mutating func take(_ row: ContactRow, of event: Report) {
    if let place = sources.index(forKey: row.source) {
      let isNew = sources.values[place].take(row, of: event, context)
      if isNew { dirty.insert(row.source) }
      return
    }
    makeRoom()
    var state = Source(
      window: ContactWindow(
        span: table.span(Self.windowLimit), capacity: table.count(Self.perSourceLimit)))
    let isNew = state.take(row, of: event, context)
    sources[row.source] = state
    if isNew { dirty.insert(row.source) }
  }

  private mutating func makeRoom() {
    guard sources.count >= max(1, table.count(Self.sourcesLimit)) else { return }
    let order = sources.map {
      Quietness(count: $0.value.window.count, last: $0.value.last, source: $0.key)
    }
    for entry in order.least(sources.count / 4 + 1) { sources[entry.source] = nil }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    for source in dirty.sorted() { judge(source, now: now, into: &sink) }
    dirty = []
  }

  private mutating func judge(_ source: IPPrefix, now: CaptureTime, into sink: inout ReportSink) {
    guard let known = sources[source], known.window.count >= table.count(Self.contactsLimit)
    else { return }
    _ = sources[source]?.window.expire(asOf: now)
    guard let state = sources[source] else { return }
    if let reported = explained[source], reported >= now - table.span(Self.windowLimit) { return }
    guard state.window.count >= table.count(Self.contactsLimit) else { return }
    let contacts = Array(state.window.contacts)
    let failed = contacts.filter(\.hasFailed)
    let ports = Set(failed.map(\.key.port))
    let answered = contacts.count { !$0.hasFailed && ports.contains($0.key.port) }
    let epochs = Set(failed.map { $0.first.epochStart(EvidenceEpoch.length) }).count
    let success = Double(answered) / Double(max(1, answered + failed.count))
    guard failed.count >= table.count(Self.contactsLimit),
      epochs >= table.count(Self.epochsLimit), success <= table[Self.successLimit]
    else { return }
    var report = opened(source, failed, now: now, sink)
    let surprise = Surprise.poisson(failed.count, mean: Self.accidents)
    report.terms = [
      Term(
        "failed contacts", Double(failed.count), threshold: table[Self.contactsLimit],
        unit: "contacts"),
      Term("epochs", Double(epochs), threshold: table[Self.epochsLimit], unit: "epochs"),
      Term("share of successes", success, threshold: table[Self.successLimit]),
      Term("surprise", surprise, unit: "-log10 p"),
    ]
    report.confidence = Surprise.confidence(
      surprise,
      threshold: Surprise.poisson(table.count(Self.contactsLimit), mean: Self.accidents))
    sources[source]?.report = report
    sink.emit(report)
  }

  private func opened(
    _ source: IPPrefix, _ failed: [ContactWindow.Contact], now: CaptureTime, _ sink: ReportSink
  ) -> Report {
    let first = failed.map(\.first).min() ?? now
    let last = failed.map(\.last).max() ?? now
    var report: Report
    if let known = sources[source]?.report, first <= known.last {
      report = known
      report.revision &+= 1
      report.emitted = now
    } else {
      report = sink.opening(
        .slowScan, subject: "\(source)", first: first, last: last, at: now,
        severity: context.severity(of: .slowScan, else: 5), confidence: 0.5)
      report.sources.insert(source)
    }
    report.first = min(report.first, first)
    report.last = max(report.last, last)
    var grounds = Grounds()
    for contact in failed {
      report.targets.insert(contact.key.target)
      grounds.add(contact)
    }
    let ports = Set(report.ports).union(failed.map(\.key.port.port))
    report.ports = Array(ports.sorted().prefix(Report.Limit.ports))
    let transports = Set(failed.map(\.key.port.transport))
    report.transport = transports.count == 1 ? transports.first : nil
    grounds.apply(to: &report)
    context.describe(
      &report,
      [
        ("failures", .count(UInt64(failed.count))),
        ("targets", .count(UInt64(report.targets.count))),
        ("ports", .count(UInt64(report.ports.count))),
      ])
    return report
  }
}
