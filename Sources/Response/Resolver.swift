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
  public static let incidentsLimit = EngineLimit(
    "resolver.incidents", 16_384, .count, "Incidents followed at once; the quietest go first.")
  public static let limits = [holdLimit, stageLimit, revisionLimit, incidentsLimit]

  private let monitor: MonitorName
  private let tier: Tier
  private let exercise: String?
  private let fields: CaseFields
  private let hold: TimeSpan
  private let stageHold: TimeSpan
  private let revisionGap: TimeSpan
  private let capacity: Int
  /// By the id of the conclusion that opened it.
  private var cases: [ReportID: IncidentCase] = [:]
  /// Which case a conclusion belongs to.
  private var caseOf: [ReportID: ReportID] = [:]
  private var index = CaseIndex()
  /// When cases are due; entries that no longer agree with their case mean nothing.
  private var deadlines = EarliestFirst<Due>()

  private struct Due: Comparable, Sendable, Codable {
    var time: CaptureTime
    var key: ReportID

    static func < (left: Due, right: Due) -> Bool {
      (left.time, left.key) < (right.time, right.key)
    }
  }

  /// With a schema, an incident also says what the reasons behind it say, as far as its kind can.
  public init(
    monitor: MonitorName, tier: Tier, exercise: String? = nil, schema: Schema? = nil,
    limits: LimitTable = LimitTable()
  ) {
    fields = CaseFields(schema: schema)
    self.monitor = monitor
    self.tier = tier
    self.exercise = exercise
    hold = limits.span(Self.holdLimit)
    stageHold = limits.span(Self.stageLimit)
    revisionGap = limits.span(Self.revisionLimit)
    capacity = max(1, limits.count(Self.incidentsLimit))
  }

  /// Incidents followed now, held ones included.
  public var openCount: Int { cases.count }

  /// When `advance` is next wanted; `.distantFuture` when nothing waits.
  public private(set) var nextDeadline = CaptureTime.distantFuture

  /// Takes what the engines concluded at `now`; returns evidence and the incidents opened or
  /// revised, in order.
  public mutating func resolve(_ conclusions: [Report], asOf now: CaptureTime) -> [Report] {
    var output: [Report] = []
    let order = conclusions.count > 1 ? conclusions.sorted(by: Self.precedes) : conclusions
    for conclusion in order {
      if conclusion.reportClass == .evidence {
        output.append(conclusion)
      } else if conclusion.severity > Report.informationalSeverity {
        take(conclusion, now: now)
      }
    }
    return output + due(now)
  }

  /// Event time has reached `now`: opens what has waited long enough and sends delayed revisions.
  public mutating func advance(to now: CaptureTime) -> [Report] { due(now) }

  private mutating func take(_ conclusion: Report, now: CaptureTime) {
    if let known = caseOf[conclusion.id], cases[known] != nil {
      update(known, with: conclusion, now: now)
      absorbLesser(into: known, now: now)
      return
    }
    let near = index.candidates(for: conclusion)
    if let host = earliest(among: near, where: { $0.explains(conclusion) }) {
      update(host, with: conclusion, now: now)
      // One that is not followed any more finds its case again by what it says.
      if cases[host]?.follows(conclusion.id) == true { own(conclusion.id, host) }
      return
    }
    makeRoom()
    let rank = Explanation.rank(conclusion)
    // The open incident that a larger explanation continues under the same id.
    let explanation = Explanation(conclusion)
    let key =
      earliest(among: near, where: { $0.isOpen && explanation.covers($0.lead) })
      ?? conclusion.id
    if cases[key] != nil {
      update(key, with: conclusion, now: now)
    } else {
      var due = now
      if rank == 0 ? Explanation.mayBePart(conclusion) : Explanation.mayBeWorm(conclusion) {
        due = now + hold
      } else if rank == 0, Explanation.mayBeStage(conclusion) {
        due = now + min(hold, stageHold)
      }
      var fresh = IncidentCase(conclusion, now: now, due: due, fields: fields)
      index.add(conclusion, to: &fresh, key)
      cases[key] = fresh
      schedule(key)
    }
    own(conclusion.id, key)
    absorbLesser(into: key, now: now)
  }

  private mutating func own(_ id: ReportID, _ key: ReportID) {
    guard caseOf.updateValue(key, forKey: id) != key else { return }
    cases[key]?.members.append(id)
  }

  private mutating func update(_ key: ReportID, with conclusion: Report, now: CaptureTime) {
    // Taken out while it changes: in its place it would be copied.
    guard var incident = cases.removeValue(forKey: key) else { return }
    incident.update(conclusion, now: now, gap: revisionGap)
    index.add(conclusion, to: &incident, key)
    cases[key] = incident
    schedule(key)
  }

  private mutating func schedule(_ key: ReportID) {
    guard let due = cases[key]?.due, due < .distantFuture else { return }
    if let first = deadlines.min, first.key == key, first.time == due { return }
    deadlines.insert(Due(time: due, key: key))
    nextDeadline = min(nextDeadline, due)
  }

  private func earliest(
    among keys: [ReportID], where isMatch: (IncidentCase) -> Bool
  ) -> ReportID? {
    var best: (opened: CaptureTime, key: ReportID)?
    for key in keys {
      guard let incident = cases[key] else { continue }
      if let best, (best.opened, best.key) <= (incident.opened, key) { continue }
      if isMatch(incident) { best = (incident.opened, key) }
    }
    return best?.key
  }

  /// Folds the cases that `key` explains into it; those already told get a last revision that says so.
  private mutating func absorbLesser(into key: ReportID, now: CaptureTime) {
    guard let larger = cases[key], !Explanation.isAnomaly(larger.lead.kind) else { return }
    let explanation = Explanation(larger.explanation)
    let isLarge = Explanation.mayExplain(explanation.larger)
    let keys = Set(index.candidates(for: explanation.larger))
    let lesser = keys.filter { other in
      guard other != key, let lesser = cases[other],
        isLarge || Explanation.isAnomaly(lesser.leadKind)
      else { return false }
      return explanation.covers(lesser.lead)
    }
    for other in lesser.sorted() {
      guard let folded = cases.removeValue(forKey: other) else { continue }
      index.remove(folded, other)
      cases[key]?.takeOver(folded)
      for conclusion in folded.conclusions { update(key, with: conclusion, now: now) }
      for id in folded.members where caseOf[id] == other { own(id, key) }
    }
  }

  private mutating func due(_ now: CaptureTime) -> [Report] {
    defer {
      while let first = deadlines.min, cases[first.key]?.due != first.time {
        deadlines.removeMin()
      }
      nextDeadline = deadlines.min?.time ?? .distantFuture
    }
    guard let first = deadlines.min, first.time <= now else { return [] }
    var keys: Set<ReportID> = []
    while let first = deadlines.min, first.time <= now {
      deadlines.removeMin()
      if let due = cases[first.key]?.due, due <= now { keys.insert(first.key) }
    }
    var output: [Report] = []
    for key in keys.sorted() {
      guard var incident = cases.removeValue(forKey: key) else { continue }
      output += incident.emit(now: now, monitor: monitor, tier: tier, exercise: exercise)
      cases[key] = incident
    }
    return output.sorted(by: Self.precedes)
  }

  private mutating func makeRoom() {
    guard cases.count >= capacity else { return }
    // What still waits to be told must not be lost: the quietest told cases go.
    let order = cases.sorted {
      ($0.value.isOpen ? 0 : 1, $0.value.last, $0.key)
        < ($1.value.isOpen ? 0 : 1, $1.value.last, $1.key)
    }
    let gone = Set(order.prefix(cases.count / 8 + 1).map(\.key))
    for key in gone { if let old = cases.removeValue(forKey: key) { index.remove(old, key) } }
    caseOf = caseOf.filter { !gone.contains($0.value) }
  }

  private static func precedes(_ left: Report, _ right: Report) -> Bool {
    (left.emitted, left.id, left.revision) < (right.emitted, right.id, right.revision)
  }
}
