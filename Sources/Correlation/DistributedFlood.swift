import Analysis
import Reports
import Terms

/// Many ingresses, one target: joined arrivals rise far above what the target knows, in several
/// segments at once, while each ingress alone stays modest.
///
/// Arrivals are counted in windows of 1, 10 and 100 epochs, so that a flood replayed slower is the
/// same flood. Two things tell it from a crowd: the target is in distress (contacts stay
/// unfinished, or a local monitor reports a flood on it), or every source insists far more than
/// people do, epoch after epoch.
struct DistributedFlood: AnalysisEngine, Codable {
  static let contactsLimit = EngineLimit(
    "distributed-flood.contacts", 60, .count,
    "Least joined contacts in a window (1, 10 or 100 epochs).")
  static let riseLimit = EngineLimit(
    "distributed-flood.rise", 5, .count, "Least joined contacts, in multiples of the learned mean.")
  static let ingressesLimit = EngineLimit(
    "distributed-flood.ingresses", 2, .count, "Least segments whose contacts rose.")
  static let ingressContactsLimit = EngineLimit(
    "distributed-flood.ingress-contacts", 8, .count, "Least contacts of one ingress in a window.")
  static let ingressSurpriseLimit = EngineLimit(
    "distributed-flood.ingress-surprise", 4, .count,
    "Least −log10 of the chance that an ingress brings so much by its own mean.")
  static let distressLimit = EngineLimit(
    "distributed-flood.distress", 0.25, .ratio, "Share of unfinished contacts that shows distress.")
  static let insistenceLimit = EngineLimit(
    "distributed-flood.insistence", 4, .count,
    "Contacts per source and epoch, in each of the ingresses, beyond what people do.")
  static let insistenceEpochsLimit = EngineLimit(
    "distributed-flood.insistence-epochs", 2, .count, "Epochs in a row that sources must insist.")
  static let insistentSourcesLimit = EngineLimit(
    "distributed-flood.insistent-sources", 6, .count,
    "Sources that insist, of which fewer may be programs that fetch page after page.")
  static let targetsLimit = EngineLimit(
    "distributed-flood.targets", 4096, .count, "Targets followed at once; the quietest go first.")
  static let limits = [
    contactsLimit, riseLimit, ingressesLimit, ingressContactsLimit, ingressSurpriseLimit,
    distressLimit, insistenceLimit, insistenceEpochsLimit, insistentSourcesLimit,
    targetsLimit,
  ]
  /// Lengths of the windows, in epochs.
  static let scales: [Int64] = [1, 10, 100]
  /// Times `insistenceLimit` from which a single source is no program that only fetches pages.
  static let rush = 12.0
  /// How long a local flood report vouches for a target's distress.
  static let detectionMemory = TimeSpan.minutes(2)

  private let context: CorrelationContext
  private let table: LimitTable
  private var targets: [FloodTarget.Key: FloodTarget] = [:]
  /// Rows of epochs not yet judged.
  private var open: [CaptureTime: [FloodTarget.Key: Arrivals]] = [:]
  /// The first epoch that any evidence told of.
  private var firstEpoch: Int64?
  private var detectionDue: [CaptureTime: Set<FloodTarget.Key>] = [:]

  private(set) var nextDeadline = CaptureTime.distantFuture

  /// What an epoch brought so far.
  private struct Arrivals: Codable {
    var load = IngressLoad()
    var grounds = Grounds()

    mutating func take(_ row: RateRow, of event: Report, _ context: CorrelationContext) {
      load.add(row, context)
      grounds.add(event, packets: row.indices)
    }
  }

  init(_ context: CorrelationContext) {
    self.context = context
    table = context.limits
  }

  var interest: EventClasses { [.rateRows, .attacks] }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    if event.reportClass != .evidence {
      noteFlood(event)
      return
    }
    guard case .rates(let rows) = event.summary else { return }
    let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier)
    for row in rows where context.isHome(IPPrefix(host: row.target)) {
      let key = FloodTarget.Key(address: row.target, transport: row.transport)
      open[start, default: [:]][key, default: Arrivals()].take(row, of: event, context)
      nextDeadline = min(nextDeadline, EvidenceEpoch.settled(start, at: context.tier))
    }
    firstEpoch = min(firstEpoch ?? start.epochNumber, start.epochNumber)
  }

  /// The kinds that say of their targets that they drown.
  static func isFlood(_ kind: ReportKind) -> Bool {
    kind.families == .dos && kind.text.hasSuffix("-flood")
  }

  private mutating func noteFlood(_ event: Report) {
    guard Self.isFlood(event.kind), event.severity > Report.informationalSeverity,
      event.targets.listed.count <= FloodTarget.targetsPerDetection
    else { return }
    let ingresses = Self.ingresses(of: event, context)
    for target in event.targets.listed where target.isHost && context.isHome(target) {
      let key = FloodTarget.Key(
        address: target.base, transport: event.transport ?? .tcp)
      prepare(key, epoch: event.emitted.epochStart(EvidenceEpoch.length).epochNumber)
      targets[key]?.note(event, from: ingresses)
      let due = event.emitted + .milliseconds(20)
      detectionDue[due, default: []].insert(key)
      nextDeadline = min(nextDeadline, due)
    }
  }

  private static func ingresses(of event: Report, _ context: CorrelationContext) -> Set<String> {
    // Sources beyond the list are strangers: random addresses fall into no segment.
    guard event.sources.isComplete else { return [context.perimeter] }
    return Set(event.sources.listed.map { context.segment(of: $0.base) })
  }

  private struct Quietness: Comparable {
    var busyness: Double
    var key: FloodTarget.Key

    static func < (left: Quietness, right: Quietness) -> Bool {
      (left.busyness, left.key) < (right.busyness, right.key)
    }
  }

  private mutating func prepare(_ key: FloodTarget.Key, epoch: Int64) {
    guard targets[key] == nil else { return }
    if targets.count >= max(1, table.count(Self.targetsLimit)) {
      let order = targets.map { Quietness(busyness: $0.value.busyness, key: $0.key) }
      for entry in order.least(targets.count / 4 + 1) { targets[entry.key] = nil }
    }
    targets[key] = FloodTarget(key: key, since: firstEpoch ?? epoch)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for start in open.keys.sorted()
    where EvidenceEpoch.settled(start, at: context.tier) <= now {
      var entries = open.removeValue(forKey: start) ?? [:]
      for key in entries.keys.sorted() {
        // Taken out: settled in its place, it would be copied.
        guard var entry = entries.removeValue(forKey: key) else { continue }
        entry.load.settle()
        prepare(key, epoch: start.epochNumber)
        targets[key]?.take(
          entry.load, entry.grounds, start: start, insistence: table[Self.insistenceLimit])
        judge(key, now: now, into: &sink)
      }
    }
    for time in detectionDue.keys.sorted() where time <= now {
      for key in (detectionDue.removeValue(forKey: time) ?? []).sorted() {
        judge(key, now: now, into: &sink)
      }
    }
    let epoch = open.keys.min().map { EvidenceEpoch.settled($0, at: context.tier) }
    nextDeadline = min(epoch ?? .distantFuture, detectionDue.keys.min() ?? .distantFuture)
  }

  private mutating func judge(
    _ key: FloodTarget.Key, now: CaptureTime, into sink: inout ReportSink
  ) {
    // Taken out while it changes: in its place it would be copied.
    guard var target = targets.removeValue(forKey: key) else { return }
    if let verdict = target.judge(table, asOf: now) {
      var report = target.opened(verdict, now: now, sink)
      context.describe(
        &report,
        [
          ("ingresses", .count(UInt64(verdict.ingresses.count))),
          ("segments", .text(verdict.ingresses.sorted().joined(separator: ","))),
          ("rate", .ratio(verdict.rate)), ("baseline", .ratio(target.usualRate)),
          ("sources", .count(UInt64(max(report.sources.count, target.sources.all.count)))),
        ])
      target.report = report
      sink.emit(report)
    }
    targets[key] = target
  }
}

extension CaptureTime {
  /// The number of the evidence epoch that starts here.
  var epochNumber: Int64 { nanoseconds / EvidenceEpoch.length.nanoseconds }
}
