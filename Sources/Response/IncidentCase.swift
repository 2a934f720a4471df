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

  /// Newest revision of the conclusion that opened it, and of the others.
  var initial: Report
  var later: [Report] = []
  /// The ids that lead here in the resolver's table, but for the opener's.
  var members: [ReportID] = []
  /// Where the resolver finds it.
  var places = CaseIndex.Places()
  /// Event time of the first conclusion, and its id.
  let opened: CaptureTime
  let opener: ReportID
  /// When the next revision is due; `.distantFuture` when nothing is new.
  var due: CaptureTime
  /// The newest observation behind its conclusions.
  private(set) var last: CaptureTime
  /// How long what explains most of it lasted when it was held against all others last; longer ago than
  /// anything where it has begun earlier since.
  var settled: CaptureTime
  var told: Told?
  /// Whether no conclusion has words of what came of it: when it is told, they are not read again.
  var isWordless: Bool
  /// In a list of one; empty as long as there is one conclusion.
  var several: [Several] = []

  /// What was said of it last, as far as the next revision asks.
  struct Told: Sendable, Codable {
    var id: ReportID
    var revision: UInt32
    var rankClass: RankClass
    var raised: CaptureTime
    var emitted: CaptureTime
    var kind: ReportKind
    var severity: Double
    var sources: Int32
    var targets: Int32
  }

  /// What is to be known of several conclusions.
  struct Several: Sendable, Codable {
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
    initial = conclusion
    isWordless = OutcomeReading.isWordless(conclusion)
    last = conclusion.last
    settled = conclusion.last
    opened = now
    opener = conclusion.id
    self.due = due
  }

  var count: Int { 1 + later.count }

  /// Newest revision of each conclusion, the opening one first.
  var conclusions: [Report] { later.isEmpty ? [initial] : [initial] + later }

  subscript(place: Int) -> Report {
    _read {
      if place == 0 { yield initial } else { yield later[place - 1] }
    }
    _modify {
      if place == 0 { yield &initial } else { yield &later[place - 1] }
    }
  }

  /// Whether an incident was sent.
  var isOpen: Bool { told != nil }

  /// The conclusion that names the incident: the largest explanation; of equals the one that saw
  /// most, then the one that gives most reasons, then the earliest.
  var lead: Report { self[leading] }
  /// The conclusion that explains most.
  var explanation: Report { self[largest] }

  // What follows is mutating, since to lend a case would be to copy it.

  /// Whether one may have come within its time since it was held against all others: what began after
  /// that is not yet as old as reports of one attack can lie apart.
  mutating func mayExplainMore(at now: CaptureTime) -> Bool {
    self[largest].last > settled && now - Explanation.slack > settled
  }

  /// Notes that it is held against all others; or only against those at the new hosts of a conclusion,
  /// and then false where another one explains most.
  mutating func settles(since old: ReportID?) -> Bool {
    guard let old else {
      settled = self[largest].last
      return true
    }
    return self[largest].id == old
  }

  mutating func isExplained(by larger: Explanation) -> Bool { larger.covers(self[leading]) }

  /// - Parameter facts: of the conclusion that explains most.
  mutating func explains(_ lesser: Report, _ facts: Explanation.Facts) -> Bool {
    Explanation(self[largest], facts).covers(lesser)
  }

  mutating func largestExplanation() -> Report { self[largest] }

  mutating func gist() -> CaseGist { CaseGist(self) }

  private var leading: Int { several.isEmpty ? 0 : several[0].leading }
  private var largest: Int { several.isEmpty ? 0 : several[0].largest }
  var joined: Joined? { several.isEmpty ? nil : several[0].joined }

  mutating func prepareForSeveral() {
    guard several.isEmpty else { return }
    several = [Several(weights: [Explanation.weight(initial)])]
  }

  /// Notes what the conclusion at `index` weighs by now, and finds both again; weights are kept, since
  /// cases are held against each other far more often than they change.
  private mutating func weigh(_ index: Int) {
    guard !several.isEmpty else { return }
    var weights: [Int] = []
    swap(&weights, &several[0].weights)
    if index == weights.count { weights.append(0) }
    weights[index] = Explanation.weight(self[index])
    var largest = 0
    for index in weights.indices where weights[index] > weights[largest] { largest = index }
    var leading = largest
    if Explanation.staysInFamily(self[largest]) {
      leading = leadingBeyondFamily(weights) ?? largest
    }
    swap(&weights, &several[0].weights)
    several[0].largest = largest
    several[0].leading = leading
  }

  private func leadingBeyondFamily(_ weights: [Int]) -> Int? {
    var best: Int?
    for index in 0..<count where !Explanation.staysInFamily(self[index]) {
      guard let known = best else {
        best = index
        continue
      }
      let isBetter =
        weights[index] != weights[known]
        ? weights[index] > weights[known]
        : (self[index].first, self[index].id) < (self[known].first, self[known].id)
      if isBetter { best = index }
    }
    return best
  }

  func follows(_ id: ReportID) -> Bool {
    initial.id == id || later.contains { $0.id == id }
  }

  /// What a conclusion, new or revised, has changed.
  struct Change {
    /// What it has that its earlier revision had not.
    var growth = Growth.meaning
    /// The earlier revision, where something is new; nil of a new conclusion.
    var old: Report?
    /// Whether it began earlier, or has other attributes.
    var isSooner = false
    var hasOtherWords = false
    /// When the case is due by now.
    var due = CaptureTime.distantFuture
    /// The times of the conclusion that leads, and of the one that explains most; not told where its
    /// meaning may be another.
    var lead = (first: CaptureTime.distantFuture, last: CaptureTime.distantPast)
    var explanation = (first: CaptureTime.distantFuture, last: CaptureTime.distantPast)
  }

  /// Lets the resolver find it by a conclusion, where that has something which its revision before had
  /// not.
  mutating func note(
    _ conclusion: Report, since old: Report?, _ part: Explanation.Part, in index: inout CaseIndex,
    _ slot: Int32
  ) {
    index.add(conclusion, since: old, part, to: &places, slot)
  }

  /// Takes a new or revised conclusion; decides when to say so.
  mutating func update(_ conclusion: Report, now: CaptureTime, gap: Gap) -> Change {
    var change = Change()
    if initial.id == conclusion.id {
      renew(&change, with: conclusion, at: 0)
    } else if let index = later.firstIndex(where: { $0.id == conclusion.id }) {
      renew(&change, with: conclusion, at: index + 1)
    } else if count < Self.conclusionLimit {
      prepareForSeveral()
      isWordless = isWordless && OutcomeReading.isWordless(conclusion)
      later.append(conclusion)
      last = max(last, conclusion.last)
      weigh(count - 1)
    }
    if !later.isEmpty { join(conclusion) }
    when(change.growth, now, gap)
    change.due = due
    guard change.growth != .meaning else { return change }
    if later.isEmpty {
      change.lead = (initial.first, initial.last)
      change.explanation = change.lead
    } else {
      change.lead = (self[leading].first, self[leading].last)
      change.explanation = (self[largest].first, self[largest].last)
    }
    return change
  }

  private mutating func renew(_ change: inout Change, with conclusion: Report, at index: Int) {
    let isFirst = index == 0
    let isLast = (isFirst ? initial.last : later[index - 1].last) == last
    if isFirst {
      Self.renew(&initial, by: conclusion, isAlone: later.isEmpty, &change)
    } else {
      Self.renew(&later[index - 1], by: conclusion, isAlone: false, &change)
    }
    if change.isSooner { settled = .distantPast }
    if change.hasOtherWords, isWordless { isWordless = OutcomeReading.isWordless(conclusion) }
    last =
      isLast ? later.reduce(initial.last) { max($0, $1.last) } : max(last, conclusion.last)
    if change.growth == .meaning { weigh(index) }
  }

  /// Puts a newer revision in the place of the one before, and tells what is new.
  private static func renew(
    _ known: inout Report, by conclusion: Report, isAlone: Bool, _ change: inout Change
  ) {
    change.isSooner = conclusion.first < known.first
    let parts = conclusion.parts(unlike: known)
    change.growth = Growth(from: known, to: conclusion, parts, isAlone: isAlone)
    change.hasOtherWords = parts.contains(.attributes)
    if change.growth == .none {
      known = conclusion
    } else {
      var old = conclusion
      swap(&old, &known)
      change.old = old
    }
  }

  /// When to say so.
  private mutating func when(_ growth: Growth, _ now: CaptureTime, _ gap: Gap) {
    guard told != nil else {
      guard growth == .meaning, due > now, Explanation.rank(self[largest]) > 0,
        !Explanation.mayBeWorm(self[largest])
      else { return }
      due = now
      return
    }
    let span = growth == .none ? gap.prolonged : gap.grown
    schedule(now: now, gap: span.stretched(by: count, beyond: Self.fewConclusions))
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
    let joined = joined
    let sources = joined?.sources.count ?? initial.sources.count
    let targets = joined?.targets.count ?? initial.targets.count
    let severity = joined?.severity ?? initial.severity
    return self[leading].kind != told.kind || Int(severity / 2) > Int(told.severity / 2)
      || sources >= max(2, Int(told.sources) * 2) || targets >= max(2, Int(told.targets) * 2)
  }

  struct Joined: Sendable, Codable {
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
    let family = self[leading].kind.family
    if several[0].joined?.family == family {
      several[0].joined?.add(conclusion)
    } else {
      var fresh = Joined(family: family)
      for conclusion in conclusions { fresh.add(conclusion) }
      several[0].joined = fresh
    }
  }
}
