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
public struct Resolver: Sendable {
  /// How long a conclusion of a small kind waits for a larger explanation.
  public static let holdLimit = EngineLimit(
    "resolver.hold", 15, .duration,
    "How long a scan or flood waits for a larger explanation before it opens an incident.")
  public static let revisionLimit = EngineLimit(
    "resolver.revision", 5, .duration,
    "Least event time between two revisions of an incident, unless it grows much worse.")
  public static let incidentsLimit = EngineLimit(
    "resolver.incidents", 4096, .count, "Incidents followed at once; the quietest go first.")
  public static let limits = [holdLimit, revisionLimit, incidentsLimit]

  private let monitor: MonitorName
  private let tier: Tier
  private let exercise: String?
  private let hold: TimeSpan
  private let revisionGap: TimeSpan
  private let capacity: Int
  /// By the id of the conclusion that opened it.
  private var cases: [ReportID: IncidentCase] = [:]
  /// Which case a conclusion belongs to.
  private var caseOf: [ReportID: ReportID] = [:]

  public init(
    monitor: MonitorName, tier: Tier, exercise: String? = nil, limits: LimitTable = LimitTable()
  ) {
    self.monitor = monitor
    self.tier = tier
    self.exercise = exercise
    hold = limits.span(Self.holdLimit)
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
    for conclusion in conclusions.sorted(by: Self.precedes) {
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
    if let known = caseOf[conclusion.id], var incident = cases[known] {
      incident.update(conclusion, now: now, gap: revisionGap)
      cases[known] = incident
      absorbLesser(into: known, now: now)
      return
    }
    if let host = closest(to: conclusion, where: { $0.explains(conclusion) }) {
      cases[host]?.update(conclusion, now: now, gap: revisionGap)
      // One that is not followed any more finds its case again by what it says.
      if cases[host]?.follows(conclusion.id) == true { caseOf[conclusion.id] = host }
      return
    }
    makeRoom()
    let rank = Explanation.rank(conclusion.kind)
    let key = takenOver(by: conclusion) ?? conclusion.id
    if cases[key] != nil {
      cases[key]?.update(conclusion, now: now, gap: revisionGap)
    } else {
      cases[key] = IncidentCase(
        conclusion, now: now,
        due: rank == 0 && Explanation.mayBePart(conclusion.kind) ? now + hold : now)
    }
    caseOf[conclusion.id] = key
    absorbLesser(into: key, now: now)
  }

  /// The open incident that a larger explanation continues under the same id: the earliest of those
  /// it explains.
  private func takenOver(by conclusion: Report) -> ReportID? {
    let explained = cases.filter {
      $0.value.isOpen && Explanation(conclusion).covers($0.value.lead)
    }
    return explained.min { ($0.value.opened, $0.key) < ($1.value.opened, $1.key) }?.key
  }

  private func closest(
    to conclusion: Report, where isMatch: (IncidentCase) -> Bool
  ) -> ReportID? {
    cases.filter { isMatch($0.value) }
      .min { ($0.value.opened, $0.key) < ($1.value.opened, $1.key) }?.key
  }

  /// Folds the cases that `key` explains into it; those already open are not revised any more.
  private mutating func absorbLesser(into key: ReportID, now: CaptureTime) {
    guard let larger = cases[key], !Explanation.isAnomaly(larger.lead.kind) else { return }
    let isLarge = Explanation.mayExplain(larger.lead.kind)
    let lesser = cases.filter {
      $0.key != key && (isLarge || Explanation.isAnomaly($0.value.lead.kind))
        && larger.explains($0.value.lead)
    }
    for (other, _) in lesser.sorted(by: { $0.key < $1.key }) {
      guard let folded = cases.removeValue(forKey: other) else { continue }
      for conclusion in folded.conclusions {
        cases[key]?.update(conclusion, now: now, gap: revisionGap)
      }
      for (id, owner) in caseOf where owner == other { caseOf[id] = key }
    }
  }

  private mutating func due(_ now: CaptureTime) -> [Report] {
    defer { nextDeadline = cases.values.reduce(.distantFuture) { min($0, $1.due) } }
    var output: [Report] = []
    for key in cases.filter({ $0.value.due <= now }).keys.sorted() {
      guard var incident = cases[key] else { continue }
      output.append(incident.emit(now: now, monitor: monitor, tier: tier, exercise: exercise))
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
    for key in gone { cases[key] = nil }
    caseOf = caseOf.filter { !gone.contains($0.value) }
  }

  private static func precedes(_ left: Report, _ right: Report) -> Bool {
    (left.emitted, left.id, left.revision) < (right.emitted, right.id, right.revision)
  }
}
