import Analysis
import Reports
import Terms

/// Decides what is one incident: opens it, revises it, and folds smaller explanations into larger
/// ones.
///
/// Conclusions of the engines go in, this monitor's reports come out. Evidence passes through. A
/// conclusion of a *small* kind (a port scan, a flood) waits for `hold` before it opens an
/// incident, so that a larger explanation (a worm, a distributed scan or flood) can absorb it; a
/// larger explanation that comes later takes over the incident that is already open, under its id:
/// the incident's kind is part of what a revision can change. So one attack is one incident.
/// Everything depends on event time and on the order of conclusions only.
public struct Resolver: Sendable, Codable {
  /// How long a conclusion of a small kind waits for a larger explanation.
  public static let holdLimit = EngineLimit(
    "resolver.hold", 15, .duration,
    "How long a scan or flood waits for a larger explanation before it opens an incident.")
  public static let stageLimit = EngineLimit(
    "resolver.stage-hold", 7, .duration,
    "How long any other conclusion waits to be a stage of what a directive follows.")
  public static let revisionLimit = EngineLimit(
    "resolver.revision", 5, .duration,
    "Least event time between two revisions of an incident, unless it grows much worse.")
  public static let prolongationLimit = EngineLimit(
    "resolver.prolongation", 30, .duration,
    "The same for one that has no new hosts, ports or reasons, and only lasts longer.")
  public static let incidentsLimit = EngineLimit(
    "resolver.incidents", 16_384, .count, "Incidents followed at once; the quietest go first.")
  public static let limits = [
    holdLimit, stageLimit, revisionLimit, prolongationLimit, incidentsLimit,
  ]

  private let teller: IncidentCase.Teller
  private let fields: CaseFields
  private let hold: TimeSpan
  private let stageHold: TimeSpan
  private let revisionGap: IncidentCase.Gap
  private let capacity: Int
  /// By slot; `vacant` ones hold nil. `gists` is what is asked of each most; nil while it changes,
  /// and after a state was read.
  private var cases: [IncidentCase?] = []
  private var gists = Remade<[CaseGist?]>()
  /// When each is due: to look into a case where it stands would copy it.
  private var dues = Remade<[CaptureTime]>()
  private var vacant: [Int32] = []
  /// Which case a conclusion belongs to.
  private var caseOf: [ReportID: Int32] = [:]
  private var index = CaseIndex()
  /// The cases that one conclusion is held against.
  private var near = Remade<[Int32]>()
  /// When cases are due; entries that no longer agree with their case mean nothing.
  private var deadlines = EarliestFirst<Due>()

  private struct Due: Comparable, Sendable, Codable {
    var time: CaptureTime
    var slot: Int32

    static func < (left: Due, right: Due) -> Bool {
      (left.time, left.slot) < (right.time, right.slot)
    }
  }

  /// With a schema, an incident also says what the reasons behind it say, as far as its kind can; its
  /// rank rests on what is known of the site.
  public init(
    monitor: MonitorName, tier: Tier, exercise: String? = nil, schema: Schema? = nil,
    site: SiteKnowledge = .none, limits: LimitTable = LimitTable()
  ) {
    fields = CaseFields(schema: schema, site: site)
    teller = IncidentCase.Teller(monitor: monitor, tier: tier, exercise: exercise)
    hold = limits.span(Self.holdLimit)
    stageHold = limits.span(Self.stageLimit)
    let grown = limits.span(Self.revisionLimit)
    revisionGap = IncidentCase.Gap(
      grown: grown, prolonged: max(grown, limits.span(Self.prolongationLimit)))
    capacity = max(1, limits.count(Self.incidentsLimit))
  }

  /// Incidents followed now, held ones included.
  public var openCount: Int { cases.count - vacant.count }

  /// When `advance` is next wanted; `.distantFuture` when nothing waits.
  public private(set) var nextDeadline = CaptureTime.distantFuture

  /// Takes what the engines concluded at `now`; adds evidence and the incidents opened or revised, in
  /// order.
  public mutating func resolve(
    _ conclusions: [Report], asOf now: CaptureTime, into output: inout [Report]
  ) {
    if conclusions.count == 1 {
      take(conclusions[0], now: now, into: &output)
    } else {
      let order = conclusions.indices.sorted { Self.precedes(conclusions[$0], conclusions[$1]) }
      for place in order { take(conclusions[place], now: now, into: &output) }
    }
    due(now, into: &output)
  }

  /// Event time has reached `now`: opens what has waited long enough and sends delayed revisions.
  public mutating func advance(to now: CaptureTime, into output: inout [Report]) {
    due(now, into: &output)
  }

  private mutating func take(
    _ conclusion: Report, now: CaptureTime, into output: inout [Report]
  ) {
    if conclusion.reportClass == .evidence {
      output.append(conclusion)
    } else if conclusion.severity > Report.informationalSeverity {
      take(conclusion, now: now)
    }
  }

  private mutating func take(_ conclusion: Report, now: CaptureTime) {
    remakeGists()
    if let known = caseOf[conclusion.id] { return revise(known, with: conclusion, now: now) }
    let part = Explanation.Part(conclusion)
    if part == .campaign, !index.followsReports { followReports() }
    look(for: conclusion, part)
    let facts = Explanation.Facts(conclusion)
    // Mostly there is nobody near it.
    guard !near.value.isEmpty else {
      makeRoom()
      open(conclusion, part, facts, now: now)
      return
    }
    let span = CaseGist.Span(conclusion)
    if let host = host(of: conclusion, span) {
      update(host, with: conclusion, now: now)
      // One that is not followed any more finds its case again by what it says.
      if cases[Int(host)]?.follows(conclusion.id) == true { own(conclusion.id, host) }
      return
    }
    makeRoom()
    // The open incident that a larger explanation continues under the same id.
    let explanation = Explanation(conclusion, facts)
    if let known = continued(by: explanation, span) {
      update(known, with: conclusion, now: now)
      own(conclusion.id, known)
      absorbLesser(into: known, now: now)
    } else {
      let slot = open(conclusion, part, facts, now: now)
      // Those near it are known.
      absorb(near.value, into: slot, explanation, now: now)
    }
  }

  private mutating func remakeGists() {
    guard gists.value.count < cases.count else { return }
    gists.value = cases.map { $0.map { CaseGist($0) } }
    dues.value = cases.map { $0?.due ?? .distantFuture }
  }

  /// - Parameter old: the conclusion as it was looked for before: only its new hosts are asked for.
  private mutating func look(
    for conclusion: Report, since old: Report? = nil, _ part: Explanation.Part,
    only parts: CaseGroup.Mask = .all
  ) {
    var found: [Int32] = []
    swap(&found, &near.value)
    found.removeAll(keepingCapacity: true)
    index.visit(conclusion, since: old, part, only: parts) { found.append($0) }
    swap(&found, &near.value)
  }

  @discardableResult
  private mutating func open(
    _ conclusion: Report, _ part: Explanation.Part, _ facts: Explanation.Facts, now: CaptureTime
  ) -> Int32 {
    var due = now
    if facts.rank == 0 ? Explanation.mayBePart(conclusion) : Explanation.mayBeWorm(conclusion) {
      due = now + hold
    } else if facts.rank == 0, Explanation.mayBeStage(conclusion) {
      due = now + min(hold, stageHold)
    }
    var fresh = IncidentCase(conclusion, now: now, due: due)
    let slot = vacant.popLast() ?? Int32(cases.count)
    if Int(slot) == cases.count {
      cases.append(nil)
      gists.value.append(nil)
      dues.value.append(.distantFuture)
    }
    fresh.note(conclusion, since: nil, part, in: &index, slot)
    gists.value[Int(slot)] = CaseGist(conclusion, facts, opened: now)
    cases[Int(slot)] = fresh
    caseOf[conclusion.id] = slot
    schedule(slot, due)
    return slot
  }

  /// The first campaign has come: from now on it matters what cases rest on.
  private mutating func followReports() {
    index.followReports()
    for slot in cases.indices {
      guard var places = cases[slot]?.places else { continue }
      for conclusion in cases[slot]?.conclusions ?? [] {
        index.rest(conclusion, Explanation.Part(conclusion), in: &places, Int32(slot))
      }
      cases[slot]?.places = places
    }
  }

  private mutating func own(_ id: ReportID, _ slot: Int32) {
    guard caseOf.updateValue(slot, forKey: id) != slot else { return }
    if cases[Int(slot)]?.opener != id { cases[Int(slot)]?.members.append(id) }
  }

  /// A further revision of a conclusion. What only lasts longer is held against others when it is told
  /// next; new hosts are looked for at once.
  private mutating func revise(_ slot: Int32, with conclusion: Report, now: CaptureTime) {
    guard let change = update(slot, with: conclusion, now: now) else { return }
    switch change.growth {
    case .none: break
    case .hosts: absorbLesser(into: slot, since: change.old, now: now)
    case .meaning: absorbLesser(into: slot, now: now)
    }
  }

  /// Takes a conclusion into a case.
  @discardableResult
  private mutating func update(
    _ slot: Int32, with conclusion: Report, now: CaptureTime
  ) -> IncidentCase.Change? {
    let place = Int(slot)
    guard let change = cases[place]?.update(conclusion, now: now, gap: revisionGap)
    else { return nil }
    if change.growth != .none {
      let part = Explanation.Part(conclusion)
      let hadPart =
        change.growth == .hosts || change.old.map { Explanation.Part($0) == part } ?? false
      cases[place]?.note(conclusion, since: hadPart ? change.old : nil, part, in: &index, slot)
    }
    if change.growth == .meaning {
      gists.value[place] = cases[place]?.gist()
    } else {
      gists.value[place]?.prolong(change)
    }
    schedule(slot, change.due)
    return change
  }

  private mutating func schedule(_ slot: Int32, _ due: CaptureTime) {
    dues.value[Int(slot)] = due
    guard due < .distantFuture else { return }
    if let first = deadlines.min, first.slot == slot, first.time == due { return }
    deadlines.insert(Due(time: due, slot: slot))
    nextDeadline = min(nextDeadline, due)
  }

  /// Of the cases near, the one opened first that explains the conclusion.
  private mutating func host(of conclusion: Report, _ span: CaseGist.Span) -> Int32? {
    var best: (gist: CaseGist, slot: Int32)?
    for slot in near.value {
      guard let gist = gists.value[Int(slot)], gist.explanationSpan.meets(span) else { continue }
      if let best, !CaseGist.precedes(gist, best.gist) { continue }
      if cases[Int(slot)]?.explains(conclusion, gist.facts) == true { best = (gist, slot) }
    }
    return best?.slot
  }

  /// Of the open incidents near, the one opened first that is explained.
  private mutating func continued(by explanation: Explanation, _ span: CaseGist.Span) -> Int32? {
    var best: (gist: CaseGist, slot: Int32)?
    for slot in near.value {
      guard let gist = gists.value[Int(slot)], gist.isOpen, gist.leadSpan.meets(span),
        explanation.mayCover(rank: Int(gist.leadRank))
      else { continue }
      if let best, !CaseGist.precedes(gist, best.gist) { continue }
      if cases[Int(slot)]?.isExplained(by: explanation) == true { best = (gist, slot) }
    }
    return best?.slot
  }

  /// Folds the cases that `slot` explains into it; those already told get a last revision that
  /// says so.
  /// - Parameter old: the conclusion that explains them as it was before: only cases at its new hosts
  ///   are looked at. Where another one explains most, nothing is new.
  private mutating func absorbLesser(
    into slot: Int32, since old: Report? = nil, now: CaptureTime
  ) {
    guard let facts = gists.value[Int(slot)]?.facts,
      cases[Int(slot)]?.settles(since: old?.id) == true, facts.isLarge || index.has(.anomaly),
      let larger = cases[Int(slot)]?.largestExplanation()
    else { return }
    let explanation = Explanation(larger, facts)
    look(
      for: larger, since: old, Explanation.Part(larger),
      only: facts.isLarge ? .all : CaseGroup.Mask(.anomaly))
    absorb(near.value, into: slot, explanation, now: now)
  }

  private mutating func absorb(
    _ candidates: [Int32], into slot: Int32, _ explanation: Explanation, now: CaptureTime
  ) {
    guard gists.value[Int(slot)]?.isAnomaly == false else { return }
    let span = CaseGist.Span(explanation.larger)
    var lesser: [(opener: ReportID, slot: Int32)] = []
    for other in candidates {
      guard other != slot, let gist = gists.value[Int(other)],
        explanation.isLarge || gist.isAnomaly,
        span.meets(gist.leadSpan), explanation.mayCover(rank: Int(gist.leadRank)),
        !lesser.contains(where: { $0.slot == other }),
        cases[Int(other)]?.isExplained(by: explanation) == true
      else { continue }
      lesser.append((gist.opener, other))
    }
    for (_, other) in lesser.sorted(by: { $0.opener < $1.opener }) {
      guard let folded = forget(other) else { continue }
      cases[Int(slot)]?.takeOver(folded, fields)
      for conclusion in folded.conclusions { update(slot, with: conclusion, now: now) }
      for id in [folded.opener] + folded.members where caseOf[id] == other { own(id, slot) }
    }
  }

  private mutating func forget(_ slot: Int32) -> IncidentCase? {
    guard let gone = cases[Int(slot)].take() else { return nil }
    gists.value[Int(slot)] = nil
    dues.value[Int(slot)] = .distantFuture
    vacant.append(slot)
    index.remove(gone.places, slot)
    return gone
  }

  /// Adds what is due to be told, in order.
  private mutating func due(_ now: CaptureTime, into output: inout [Report]) {
    remakeGists()
    defer {
      while let first = deadlines.min, dues.value[Int(first.slot)] != first.time {
        deadlines.removeMin()
      }
      nextDeadline = deadlines.min?.time ?? .distantFuture
    }
    guard let first = deadlines.min, first.time <= now else { return }
    let start = output.count
    while let first = deadlines.min, first.time <= now {
      deadlines.removeMin()
      let place = Int(first.slot)
      // Once it has been told, nothing is due.
      guard dues.value[place] <= now else { continue }
      if cases[place]?.mayExplainMore(at: now) == true { absorbLesser(into: first.slot, now: now) }
      cases[place]?.emit(now: now, teller, fields, into: &output)
      dues.value[place] = .distantFuture
      gists.value[place]?.isOpen = true
    }
    if output.count > start + 1 { output[start...].sort(by: Self.precedes) }
  }

  private mutating func makeRoom() {
    guard openCount >= capacity else { return }
    // What still waits to be told must not be lost: the quietest told cases go.
    var order: [Quietness] = []
    order.reserveCapacity(openCount)
    for slot in cases.indices {
      guard let gist = gists.value[slot], let last = cases[slot]?.last else { continue }
      order.append(
        Quietness(isHeld: !gist.isOpen, last: last, opener: gist.opener, slot: Int32(slot)))
    }
    for entry in order.least(openCount / 8 + 1) {
      guard let gone = forget(entry.slot) else { continue }
      for id in [gone.opener] + gone.members where caseOf[id] == entry.slot { caseOf[id] = nil }
    }
  }

  /// What goes first.
  private struct Quietness: Comparable {
    var isHeld: Bool
    var last: CaptureTime
    var opener: ReportID
    var slot: Int32

    static func < (left: Quietness, right: Quietness) -> Bool {
      if left.isHeld != right.isHeld { return right.isHeld }
      return (left.last, left.opener) < (right.last, right.opener)
    }
  }

  private static func precedes(_ left: Report, _ right: Report) -> Bool {
    (left.emitted, left.id, left.revision) < (right.emitted, right.id, right.revision)
  }
}
