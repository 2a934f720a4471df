import Reports
import Terms

/// One incident in the making: the conclusions that belong to it, and what was said of it so far.
///
/// Most have one conclusion, and are small then: what several need stands apart.
struct IncidentCase: Sendable, Codable {
  /// Conclusions followed one by one; what more there is counts into the facts and is not kept.
  static let conclusionLimit = 256

  /// Conclusions up to which the gaps between revisions hold. Of more they grow along: to tell costs
  /// as much as there are.
  private static let fewConclusions = 16

  /// Newest revision of each conclusion, the opening one first.
  private(set) var conclusions: [Report]
  /// The ids that lead here in the resolver's table, but for the opener's.
  var members: [ReportID] = []
  /// Where the resolver finds it.
  var places = CaseIndex.Places()
  /// Event time of the first conclusion, and its id.
  let opened: CaptureTime
  let opener: ReportID
  /// When the next revision is due; `.distantFuture` when nothing is new.
  private(set) var due: CaptureTime
  /// The newest observation behind its conclusions.
  private(set) var last: CaptureTime
  /// How long what explains most of it lasted when it was held against all others last; longer ago than
  /// anything where it has begun earlier since.
  var settled: CaptureTime
  private var told: Told?
  /// In a list of one; empty as long as there is one conclusion.
  private var several: [Several] = []

  /// What was said of it last, as far as the next revision asks.
  private struct Told: Sendable, Codable {
    var id: ReportID
    var revision: UInt32
    var rankClass: RankClass
    var raised: CaptureTime
    var emitted: CaptureTime
    var kind: ReportKind
    var severity: Double
    var sources: Int
    var targets: Int
  }

  /// What is to be known of several conclusions.
  private struct Several: Sendable, Codable {
    /// How much each explains.
    var weights: [Int] = []
    /// The places of the conclusion that names the incident and of the one that explains most.
    var leading = 0
    var largest = 0
    /// What they say together; nil while there is one.
    var joined: Joined?
    /// Last words on the incidents that this one has taken in, said with its next revision.
    var farewells: [Report] = []
  }

  init(_ conclusion: Report, now: CaptureTime, due: CaptureTime) {
    conclusions = [conclusion]
    last = conclusion.last
    settled = conclusion.last
    opened = now
    opener = conclusion.id
    self.due = due
  }

  /// Whether an incident was sent.
  var isOpen: Bool { told != nil }

  /// The conclusion that names the incident: the largest explanation; of equals the one that saw
  /// most, then the one that gives most reasons, then the earliest.
  var lead: Report { conclusions[leading] }
  var leadTimes: (first: CaptureTime, last: CaptureTime) {
    (conclusions[leading].first, conclusions[leading].last)
  }

  /// Whether one may have come within its time since it was held against all others: what began after
  /// that is not yet as old as reports of one attack can lie apart.
  func mayExplainMore(at now: CaptureTime) -> Bool {
    conclusions[largest].last > settled && now - Explanation.slack > settled
  }

  /// The conclusion that explains most.
  var explanation: Report { conclusions[largest] }
  var explanationTimes: (first: CaptureTime, last: CaptureTime) {
    (conclusions[largest].first, conclusions[largest].last)
  }

  private var leading: Int { several.isEmpty ? 0 : several[0].leading }
  private var largest: Int { several.isEmpty ? 0 : several[0].largest }
  private var joined: Joined? { several.isEmpty ? nil : several[0].joined }

  private mutating func prepareForSeveral() {
    guard several.isEmpty else { return }
    several = [Several(weights: conclusions.map(Self.weight))]
  }

  /// Notes what the conclusion at `index` weighs by now, and finds both again; weights are kept, since
  /// cases are held against each other far more often than they change.
  private mutating func weigh(_ index: Int) {
    guard !several.isEmpty else { return }
    var weights: [Int] = []
    swap(&weights, &several[0].weights)
    if index == weights.count { weights.append(0) }
    weights[index] = Self.weight(conclusions[index])
    var largest = 0
    for index in weights.indices where weights[index] > weights[largest] { largest = index }
    var leading = largest
    if Explanation.staysInFamily(conclusions[largest]) {
      leading = leadingBeyondFamily(weights) ?? largest
    }
    swap(&weights, &several[0].weights)
    several[0].largest = largest
    several[0].leading = leading
  }

  private func leadingBeyondFamily(_ weights: [Int]) -> Int? {
    var best: Int?
    for index in conclusions.indices where !Explanation.staysInFamily(conclusions[index]) {
      guard let known = best else {
        best = index
        continue
      }
      let isBetter =
        weights[index] != weights[known]
        ? weights[index] > weights[known]
        : (conclusions[index].first, conclusions[index].id)
          < (conclusions[known].first, conclusions[known].id)
      if isBetter { best = index }
    }
    return best
  }

  /// Takes over what was told as another incident: its row is to go, since all that it said is here.
  mutating func takeOver(_ other: IncidentCase, _ fields: CaseFields) {
    let words = other.lastWords(fields)
    let farewells = (other.several.first?.farewells ?? []) + words
    guard !farewells.isEmpty else { return }
    prepareForSeveral()
    several[0].farewells = Array(
      (several[0].farewells + farewells).prefix(Self.conclusionLimit))
  }

  /// The revision that ends it, not yet timed; nothing when it was never told.
  private func lastWords(_ fields: CaseFields) -> [Report] {
    guard let told else { return [] }
    var report = facts(fields)
    report.reportClass = .incident
    if report.summary != nil { report.summary = nil }
    report.id = told.id
    report.revision = told.revision &+ 1
    report.raised = told.raised
    return [report]
  }

  /// Ordered by rank, then kind, then segments seen, then reasons given.
  private static func weight(_ report: Report) -> Int {
    let within: Int
    switch report.kind {
    case .wormOutbreak, .smurf, .fraggle, .amplification: within = 3
    // Forged sources come with a flood.
    case .ipSpoof: within = 1
    // What is odd about a host goes with what it did.
    case .profileAnomaly, .serviceDown: within = 0
    // A local tap that saw the whole scan tells more of it than a sum of failures.
    case .slowScan: within = 1
    // What comes before and after a scan or an attempt.
    case .pingSweep, .serviceProbe, .osFingerprint, .webScan: within = 1
    // The guessing gives the attack its name.
    case .loginAfterGuessing: within = 1
    // Who did it goes with what was done.
    case .multiStage where Explanation.namesActor(report): within = 0
    case .multiStage where Explanation.isChained(report): within = 3
    default: within = 2
    }
    return Explanation.rank(report) << 40 | within << 32
      | min(report.coverage.segments.count, 0xffff) << 16 | min(report.terms.count, 0xffff)
  }

  func place(of id: ReportID) -> Int? { conclusions.firstIndex { $0.id == id } }

  func follows(_ id: ReportID) -> Bool { place(of: id) != nil }

  /// Takes a new or revised conclusion; decides when to say so.
  /// - Parameters:
  ///   - index: where its earlier revision stands; nil for a new one.
  ///   - growth: what it has that the earlier one had not.
  mutating func update(
    _ conclusion: Report, at index: Int?, _ growth: Growth, now: CaptureTime, gap: Gap
  ) {
    if let index {
      let isLast = conclusions[index].last == last
      if conclusion.first < conclusions[index].first { settled = .distantPast }
      conclusions[index] = conclusion
      last =
        isLast
        ? conclusions.reduce(.distantPast) { max($0, $1.last) } : max(last, conclusion.last)
      if growth == .meaning { weigh(index) }
    } else if conclusions.count < Self.conclusionLimit {
      prepareForSeveral()
      conclusions.append(conclusion)
      last = max(last, conclusion.last)
      weigh(conclusions.count - 1)
    }
    join(conclusion)
    guard told != nil else {
      guard growth == .meaning else { return }
      let explanation = self.explanation
      if Explanation.rank(explanation) > 0, !Explanation.mayBeWorm(explanation) {
        due = min(due, now)
      }
      return
    }
    let span = growth == .none ? gap.prolonged : gap.grown
    schedule(now: now, gap: span.stretched(by: conclusions.count, beyond: Self.fewConclusions))
  }

  /// Least event time between two revisions: of one that has grown, and of one that only lasts longer.
  struct Gap: Sendable, Codable {
    let grown: TimeSpan
    let prolonged: TimeSpan
  }

  private mutating func schedule(now: CaptureTime, gap: TimeSpan) {
    guard let told else { return }
    let next = told.emitted + gap
    guard next > now else {
      due = min(due, now)
      return
    }
    due = min(due, isMuchWorse(than: told) ? now : next)
  }

  /// Its severity class rose, its kind changed, or its sources or targets doubled.
  private func isMuchWorse(than told: Told) -> Bool {
    let leading = leading
    let joined = joined
    let sources = joined?.sources.count ?? conclusions[leading].sources.count
    let targets = joined?.targets.count ?? conclusions[leading].targets.count
    let severity = joined?.severity ?? conclusions[leading].severity
    return conclusions[leading].kind != told.kind || Int(severity / 2) > Int(told.severity / 2)
      || sources >= max(2, told.sources * 2) || targets >= max(2, told.targets * 2)
  }

  private struct Joined: Sendable, Codable {
    /// That of the leading conclusion. A lesser explanation's own targets and sources are the larger
    /// one's too, unless it is another family's.
    let family: String
    var sources = AddressSet()
    var targets = AddressSet()
    var severity = 0.0

    mutating func add(_ conclusion: Report) {
      severity = max(severity, conclusion.severity)
      guard conclusion.kind.family == family else { return }
      sources.formUnion(conclusion.sources)
      targets.formUnion(conclusion.targets)
    }
  }

  /// Adds a conclusion, new or revised, to what they say together.
  private mutating func join(_ conclusion: Report) {
    guard conclusions.count > 1 else { return }
    prepareForSeveral()
    let family = conclusions[leading].kind.family
    if several[0].joined?.family == family {
      several[0].joined?.add(conclusion)
    } else {
      var fresh = Joined(family: family)
      for conclusion in conclusions { fresh.add(conclusion) }
      several[0].joined = fresh
    }
  }

  /// The incident as it now stands, not yet named or timed.
  private func facts(_ fields: CaseFields) -> Report {
    guard let joined else { return lead }
    var facts = CaseFacts(lead)
    let isChained = Explanation.isChained(facts.report)
    for conclusion in conclusions where conclusion.id != facts.report.id { facts.add(conclusion) }
    // A chained campaign holds them already, and has chosen which to name.
    if !isChained {
      let family = conclusions.filter { $0.kind.family == joined.family }
      facts.report.sources = joined.sources.naming(family.map(\.sources))
      facts.report.targets = joined.targets.naming(family.map(\.targets))
    }
    facts.report.severity = joined.severity
    var report = facts.report
    for reason in conclusions where reason.id != report.id && Explanation.staysInFamily(reason) {
      report.terms = Array((report.terms + reason.terms).prefix(Report.Limit.terms))
      aggregate(reason, into: &report, fields)
    }
    return report
  }

  /// What its reasons say beyond it, as far as its kind can say that too.
  private func aggregate(_ reason: Report, into report: inout Report, _ fields: CaseFields) {
    guard report.kind != .multiStage, let known = fields.schema?.kinds[report.kind]?.fields
    else { return }
    let attributes = reason.attributes
    if Explanation.namesActor(reason) {
      // Who sees more hosts follows an actor farther back.
      for name in Explanation.actorFields { report.attributes[name] = nil }
    }
    for (name, value) in attributes.sorted(by: { $0.key < $1.key })
    where report.attributes[name] == nil && known[name] == value.type {
      report.attributes[name] = value
    }
  }

  /// Who tells of incidents.
  struct Teller: Sendable, Codable {
    let monitor: MonitorName
    let tier: Tier
    let exercise: String?

    func sign(_ report: inout Report, at now: CaptureTime) {
      report.monitor = monitor
      report.tier = tier
      if report.exercise != exercise { report.exercise = exercise }
      report.emitted = now
    }
  }

  /// The opening or next revision, sent at `now`, and last words on what has become part of it.
  mutating func emit(
    now: CaptureTime, _ teller: Teller, _ fields: CaseFields, into output: inout [Report]
  ) {
    var report = facts(fields)
    report.reportClass = .incident
    teller.sign(&report, at: now)
    if let told {
      report.id = told.id
      report.revision = told.revision &+ 1
      report.raised = told.raised
    } else {
      report.id = ReportID(
        monitor: teller.monitor, kind: report.kind, subject: "incident of \(opener)",
        opened: opened, exercise: teller.exercise)
      report.revision = 0
      report.raised = now
    }
    if report.summary != nil { report.summary = nil }
    let assessment = Ranking(fields)
      .assess(report, conclusions, before: told?.rankClass)
    report.assessment = assessment
    told = Told(
      id: report.id, revision: report.revision, rankClass: assessment.rankClass,
      raised: report.raised, emitted: now, kind: report.kind, severity: report.severity,
      sources: report.sources.count, targets: report.targets.count)
    due = .distantFuture
    output.append(report)
    guard !several.isEmpty, !several[0].farewells.isEmpty else { return }
    for var farewell in several[0].farewells {
      teller.sign(&farewell, at: now)
      farewell.partOf = report.id
      output.append(farewell)
    }
    several[0].farewells = []
  }
}
