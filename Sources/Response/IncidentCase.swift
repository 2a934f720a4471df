import Reports
import Terms

/// One incident in the making: the conclusions that belong to it, and what was said of it so far.
struct IncidentCase: Sendable {
  /// Conclusions followed one by one; what more there is counts into the facts and is not kept.
  static let conclusionLimit = 256

  /// Newest revision of each conclusion, the opening one first.
  private(set) var conclusions: [Report]
  /// How much each explains.
  private var weights: [(Int, Int, Int, Int)]
  private var explanationIndex = 0
  private var leadIndex = 0
  /// The ids that lead here, in the resolver's table.
  var members: [ReportID] = []
  /// The addresses under which the resolver finds it.
  var addresses: [IPPrefix] = []
  /// Event time of the first conclusion.
  let opened: CaptureTime
  /// When the next revision is due; `.distantFuture` when nothing is new.
  private(set) var due: CaptureTime
  private var emitted: Report?
  /// What each kind can say; nil where only the reports' own words are used.
  private let schema: Schema?

  init(_ conclusion: Report, now: CaptureTime, due: CaptureTime, schema: Schema? = nil) {
    self.schema = schema
    conclusions = [conclusion]
    weights = [Self.weight(conclusion)]
    opened = now
    self.due = due
  }

  /// Whether an incident was sent.
  var isOpen: Bool { emitted != nil }
  var last: CaptureTime { conclusions.map(\.last).max() ?? opened }

  /// The conclusion that names the incident: the largest explanation; of equals the one that saw
  /// most, then the one that gives most reasons, then the earliest.
  var lead: Report { conclusions[leadIndex] }

  /// The conclusion that explains most.
  var explanation: Report { conclusions[explanationIndex] }

  /// Finds both again after a conclusion has changed; weights are kept, since cases are held against
  /// each other far more often than they change.
  private mutating func weigh() {
    explanationIndex = 0
    for index in weights.indices where weights[index] > weights[explanationIndex] {
      explanationIndex = index
    }
    leadIndex = explanationIndex
    guard Explanation.staysInFamily(explanation) else { return }
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
    leadIndex = best ?? explanationIndex
  }

  private static func weight(_ report: Report) -> (Int, Int, Int, Int) {
    let within: Int
    switch report.kind {
    case .wormOutbreak, .smurf, .fraggle, .amplification: within = 2
    // Forged sources come with a flood.
    case .ipSpoof: within = 0
    // What is odd about a host goes with what it did.
    case .profileAnomaly, .serviceDown: within = -1
    // A local tap that saw the whole scan tells more of it than a sum of failures.
    case .slowScan: within = 0
    // The guessing gives the attack its name.
    case .loginAfterGuessing: within = 0
    case .multiStage where Explanation.isChained(report): within = 2
    default: within = 1
    }
    return (
      Explanation.rank(report), within, report.coverage.segments.count, report.terms.count
    )
  }

  func follows(_ id: ReportID) -> Bool { conclusions.contains { $0.id == id } }

  func explains(_ conclusion: Report) -> Bool { Explanation(explanation).covers(conclusion) }

  /// Takes a new or revised conclusion; decides when to say so.
  mutating func update(_ conclusion: Report, now: CaptureTime, gap: TimeSpan) {
    if let index = conclusions.firstIndex(where: { $0.id == conclusion.id }) {
      conclusions[index] = conclusion
      weights[index] = Self.weight(conclusion)
    } else if conclusions.count < Self.conclusionLimit {
      conclusions.append(conclusion)
      weights.append(Self.weight(conclusion))
    }
    weigh()
    guard let emitted else {
      let explanation = self.explanation
      if Explanation.rank(explanation) > 0, !Explanation.mayBeWorm(explanation) {
        due = min(due, now)
      }
      return
    }
    let next = emitted.emitted + gap
    guard next > now else {
      due = min(due, now)
      return
    }
    due = min(due, isMuchWorse(than: emitted) ? now : next)
  }

  /// Its severity class rose, its kind changed, or its sources or targets doubled.
  private func isMuchWorse(than told: Report) -> Bool {
    let facts = self.facts
    return facts.kind != told.kind || Int(facts.severity / 2) > Int(told.severity / 2)
      || facts.sources.count >= max(2, told.sources.count * 2)
      || facts.targets.count >= max(2, told.targets.count * 2)
  }

  /// The incident as it now stands, not yet named or timed.
  private var facts: Report {
    var report = lead
    guard conclusions.count > 1 else { return report }
    for conclusion in conclusions where conclusion.id != report.id {
      report.first = min(report.first, conclusion.first)
      report.last = max(report.last, conclusion.last)
      report.severity = max(report.severity, conclusion.severity)
      report.confidence = max(report.confidence, conclusion.confidence)
      report.derivedFrom += conclusion.derivedFrom.filter { !report.derivedFrom.contains($0) }
      report.coverage.segments = Self.union(
        report.coverage.segments, conclusion.coverage.segments)
      report.coverage.silent = Self.union(report.coverage.silent, conclusion.coverage.silent)
      report.coverage.loss = max(report.coverage.loss, conclusion.coverage.loss)
      report.evidence = Self.union(report.evidence, conclusion.evidence)
      // A lesser explanation's own targets and sources are the larger one's too, unless it is
      // another family's. A chained campaign holds them already, and has chosen which to name.
      if conclusion.kind.family == report.kind.family, !Explanation.isChained(report) {
        report.sources.formUnion(conclusion.sources)
        report.targets.formUnion(conclusion.targets)
        report.ports = Array(
          Set(report.ports + conclusion.ports).sorted().prefix(Report.Limit.ports))
      }
    }
    report.derivedFrom = Array(report.derivedFrom.prefix(Report.Limit.derivedFrom))
    for reason in conclusions where reason.id != report.id && Explanation.staysInFamily(reason) {
      report.terms = Array((report.terms + reason.terms).prefix(Report.Limit.terms))
      aggregate(reason.attributes, into: &report)
    }
    return report
  }

  /// What its reasons say beyond it, as far as its kind can say that too.
  private func aggregate(_ attributes: [String: AttributeValue], into report: inout Report) {
    guard report.kind != .multiStage, let fields = schema?.kinds[report.kind]?.fields
    else { return }
    for (name, value) in attributes.sorted(by: { $0.key < $1.key })
    where report.attributes[name] == nil && fields[name] == value.type {
      report.attributes[name] = value
    }
  }

  private static func union<Member: Hashable & Comparable>(
    _ left: [Member], _ right: [Member]
  ) -> [Member] {
    Array(Set(left).union(right).sorted().prefix(Report.Limit.coverage))
  }

  private static func union(_ left: [Evidence], _ right: [Evidence]) -> [Evidence] {
    var merged = left
    for piece in right {
      if let index = merged.firstIndex(where: {
        $0.monitor == piece.monitor && $0.capture == piece.capture
      }) {
        let packets = Set(merged[index].packets).union(piece.packets).sorted()
        merged[index].packets = Array(packets.prefix(Report.Limit.packets))
      } else if merged.count < Report.Limit.evidence {
        merged.append(piece)
      }
    }
    return merged
  }

  /// The opening or next revision, sent at `now`.
  mutating func emit(
    now: CaptureTime, monitor: MonitorName, tier: Tier, exercise: String?
  ) -> Report {
    var report = facts
    report.reportClass = .incident
    report.monitor = monitor
    report.tier = tier
    report.exercise = exercise
    report.emitted = now
    if let told = emitted {
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
    emitted = report
    due = .distantFuture
    return report
  }
}
