import Reports
import Terms

/// One incident in the making: the conclusions that belong to it, and what was said of it so far.
struct IncidentCase: Sendable, Codable {
  /// Conclusions followed one by one; what more there is counts into the facts and is not kept.
  static let conclusionLimit = 256

  /// Newest revision of each conclusion, the opening one first.
  private(set) var conclusions: [Report]
  /// How much each explains.
  private var weights: [Int]
  /// The ids that lead here, in the resolver's table.
  var members: [ReportID] = []
  /// Where the resolver finds it.
  var places = CaseIndex.Places()
  /// Event time of the first conclusion, and its id.
  let opened: CaptureTime
  let opener: ReportID
  /// When the next revision is due; `.distantFuture` when nothing is new.
  private(set) var due: CaptureTime
  private var told: Told?
  /// What each kind can say; nil where only the reports' own words are used.
  let fields: CaseFields

  /// What was said of it last, as far as the next revision asks.
  private struct Told: Sendable, Codable {
    var id: ReportID
    var revision: UInt32
    var raised: CaptureTime
    var emitted: CaptureTime
    var kind: ReportKind
    var severity: Double
    var sources: Int
    var targets: Int
    var rankClass: RankClass
  }

  init(_ conclusion: Report, now: CaptureTime, due: CaptureTime, fields: CaseFields) {
    self.fields = fields
    conclusions = [conclusion]
    weights = [Self.weight(conclusion)]
    last = conclusion.last
    opened = now
    opener = conclusion.id
    self.due = due
  }

  /// Whether an incident was sent.
  var isOpen: Bool { told != nil }
  /// The newest observation behind its conclusions.
  private(set) var last: CaptureTime

  /// The conclusion that names the incident: the largest explanation; of equals the one that saw
  /// most, then the one that gives most reasons, then the earliest.
  var lead: Report { conclusions[leading] }

  /// The conclusion that explains most.
  var explanation: Report { conclusions[largest] }

  /// Their places.
  private var leading = 0
  private var largest = 0

  /// Notes what the conclusion at `index` weighs by now, and finds both again; weights are kept, since
  /// cases are held against each other far more often than they change.
  private mutating func weigh(_ index: Int) {
    if index == weights.count { weights.append(0) }
    weights[index] = Self.weight(conclusions[index])
    largest = 0
    for index in weights.indices where weights[index] > weights[largest] { largest = index }
    leading = largest
    guard Explanation.staysInFamily(conclusions[largest]) else { return }
    var best: Int?
    for index in conclusions.indices where !Explanation.staysInFamily(conclusions[index]) {
      guard let known = best else {
        best = index
        continue
      }
      let (mine, other) = (conclusions[index], conclusions[known])
      if weights[index] != weights[known]
        ? weights[index] > weights[known] : (mine.first, mine.id) < (other.first, other.id)
      {
        best = index
      }
    }
    leading = best ?? largest
  }

  /// Last words on the incidents that this one has taken in, said with its next revision.
  private var farewells: [Report] = []

  /// Takes over what was told as another incident: its row is to go, since all that it said is here.
  mutating func takeOver(_ other: IncidentCase) {
    farewells = Array((farewells + other.farewells + other.lastWords).prefix(Self.conclusionLimit))
  }

  /// The revision that ends it, not yet timed; nothing when it was never told.
  private var lastWords: [Report] {
    guard let told else { return [] }
    var report = facts
    report.reportClass = .incident
    report.summary = nil
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

  private func place(of id: ReportID) -> Int? { conclusions.firstIndex { $0.id == id } }

  func follows(_ id: ReportID) -> Bool { place(of: id) != nil }

  /// The conclusion with this id, as it was told last.
  func conclusion(_ id: ReportID) -> Report? { place(of: id).map { conclusions[$0] } }

  /// What is asked of it most.
  var gist: CaseGist {
    CaseGist(
      opened: opened, opener: opener, isOpen: isOpen, conclusions: conclusions, leading: leading,
      largest: largest)
  }

  /// Takes a new or revised conclusion; decides when to say so.
  mutating func update(_ conclusion: Report, now: CaptureTime, gap: TimeSpan) {
    if let index = place(of: conclusion.id) {
      let isLast = conclusions[index].last == last
      conclusions[index] = conclusion
      last =
        isLast
        ? conclusions.reduce(.distantPast) { max($0, $1.last) } : max(last, conclusion.last)
      weigh(index)
    } else if conclusions.count < Self.conclusionLimit {
      conclusions.append(conclusion)
      last = max(last, conclusion.last)
      weigh(conclusions.count - 1)
    }
    join(conclusion)
    guard let told else {
      let explanation = self.explanation
      if Explanation.rank(explanation) > 0, !Explanation.mayBeWorm(explanation) {
        due = min(due, now)
      }
      return
    }
    let next = told.emitted + gap
    guard next > now else {
      due = min(due, now)
      return
    }
    due = min(due, isMuchWorse(than: told) ? now : next)
  }

  /// Its severity class rose, its kind changed, or its sources or targets doubled.
  private func isMuchWorse(than told: Told) -> Bool {
    let lead = conclusions[leading]
    let sources = joined?.sources ?? lead.sources
    let targets = joined?.targets ?? lead.targets
    return lead.kind != told.kind
      || Int((joined?.severity ?? lead.severity) / 2) > Int(told.severity / 2)
      || sources.count >= max(2, told.sources * 2) || targets.count >= max(2, told.targets * 2)
  }

  /// What several conclusions say together; nil while there is one.
  private var joined: Joined?

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
    let family = conclusions[leading].kind.family
    if joined?.family == String(family) {
      joined?.add(conclusion)
    } else {
      var fresh = Joined(family: String(family))
      for conclusion in conclusions { fresh.add(conclusion) }
      joined = fresh
    }
  }

  /// The incident as it now stands, not yet named or timed.
  private var facts: Report {
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
      aggregate(reason, into: &report)
    }
    return report
  }

  /// What its reasons say beyond it, as far as its kind can say that too.
  private func aggregate(_ reason: Report, into report: inout Report) {
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

  /// The opening or next revision, sent at `now`, and last words on what has become part of it.
  mutating func emit(
    now: CaptureTime, monitor: MonitorName, tier: Tier, exercise: String?
  ) -> [Report] {
    var report = facts
    report.reportClass = .incident
    report.monitor = monitor
    report.tier = tier
    report.exercise = exercise
    report.emitted = now
    defer { farewells = [] }
    if let told {
      report.id = told.id
      report.revision = told.revision &+ 1
      report.raised = told.raised
    } else {
      report.id = ReportID(
        monitor: monitor, kind: report.kind, subject: "incident of \(conclusions[0].id)",
        opened: opened, exercise: exercise)
      report.revision = 0
      report.raised = now
    }
    report.summary = nil
    let assessment = Ranking(site: fields.site, schema: fields.schema)
      .assess(report, conclusions, before: told?.rankClass)
    report.assessment = assessment
    told = Told(
      id: report.id, revision: report.revision, raised: report.raised, emitted: now,
      kind: report.kind, severity: report.severity, sources: report.sources.count,
      targets: report.targets.count, rankClass: assessment.rankClass)
    due = .distantFuture
    return [report]
      + farewells.map { farewell in
        var last = farewell
        last.monitor = monitor
        last.tier = tier
        last.exercise = exercise
        last.emitted = now
        last.partOf = report.id
        return last
      }
  }
}
