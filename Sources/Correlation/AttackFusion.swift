import Analysis
import Reports
import Terms

/// Makes one conclusion of one attack that several monitors report, revised as more is told, never
/// repeated.
///
/// A report joins the open attack that it resembles most (`Similarity`), or opens one. A further
/// revision of a report goes where its earlier ones went. Informational reports open nothing.
struct AttackFusion: AnalysisEngine {
  static let similarityLimit = EngineLimit(
    "attack-fusion.similarity", 0.6, .ratio,
    "Least similarity (Valdes & Skinner 2001) at which two reports are the same attack.")
  static let attacksLimit = EngineLimit(
    "attack-fusion.attacks", 2048, .count, "Attacks remembered at once; the quietest go first.")
  static let membersLimit = EngineLimit(
    "attack-fusion.members", 256, .count,
    "Reports of one attack whose revisions are followed one by one.")
  static let limits = [similarityLimit, attacksLimit, membersLimit]

  fileprivate struct Attack: Sendable {
    var report: Report
    var grounds = Grounds()
    /// Confidence of each report that joined.
    var members: [ReportID: Double] = [:]
    var monitors: Set<MonitorName> = []
    var similarity = 1.0
  }

  private let context: CorrelationContext
  private let threshold: Double
  private let capacity: Int
  private let memberCapacity: Int
  /// By the id of the conclusion.
  private var attacks: [ReportID: Attack] = [:]
  private var attackOfMember: [ReportID: ReportID] = [:]
  private var similarities: [ReportKind: Similarity] = [:]

  let nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    self.context = context
    threshold = context.limits[Self.similarityLimit]
    capacity = max(1, context.limits.count(Self.attacksLimit))
    memberCapacity = max(1, context.limits.count(Self.membersLimit))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {}

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.reportClass != .evidence, event.severity > Report.informationalSeverity
    else { return }
    if let known = attackOfMember[event.id], var attack = attacks[known] {
      if attack.report.kind != event.kind, attack.members.count == 1 {
        // The only report behind it has changed its mind: a port scan that proved to be a worm.
        attack.report.kind = event.kind
        attack.report.attributes = [:]
      }
      if attack.report.kind == event.kind {
        join(event, attack, known, similarity: attack.similarity, into: &sink)
        return
      }
    }
    if let best = closest(to: event), let attack = attacks[best.id] {
      join(event, attack, best.id, similarity: best.similarity, into: &sink)
    } else {
      open(event, into: &sink)
    }
  }

  private mutating func closest(to event: Report) -> (id: ReportID, similarity: Double)? {
    let similarity = similarities[event.kind] ?? Similarity(event.kind, schema: context.schema)
    similarities[event.kind] = similarity
    var best: (id: ReportID, similarity: Double)?
    for (id, attack) in attacks where attack.report.kind == event.kind {
      let value = similarity.compare(event, attack.report)
      guard value >= threshold else { continue }
      // Ties go to the smaller id, so that the dictionary's order cannot show.
      guard let current = best else {
        best = (id, value)
        continue
      }
      if value > current.similarity || (value == current.similarity && id < current.id) {
        best = (id, value)
      }
    }
    return best
  }

  private mutating func open(_ event: Report, into sink: inout ReportSink) {
    var report = sink.opening(
      event.kind, subject: "fusion of \(event.id)", first: event.first, last: event.last,
      at: event.emitted, severity: event.severity, confidence: event.confidence)
    report.transport = event.transport
    var attack = Attack(report: report)
    attack.absorb(event, memberCapacity: memberCapacity)
    makeRoom()
    attacks[report.id] = attack
    attackOfMember[event.id] = report.id
    sink.emit(attack.report)
  }

  private mutating func join(
    _ event: Report, _ attack: Attack, _ id: ReportID, similarity: Double,
    into sink: inout ReportSink
  ) {
    var attack = attack
    attack.similarity = similarity
    attack.absorb(event, memberCapacity: memberCapacity)
    attack.report.revision &+= 1
    attack.report.emitted = event.emitted
    if attack.members[event.id] != nil { attackOfMember[event.id] = id }
    attack.report.terms = [
      Term("similarity", similarity, threshold: threshold),
      Term("monitors", Double(attack.monitors.count), unit: "monitors"),
      Term("severity", attack.report.severity, threshold: Report.informationalSeverity),
    ]
    attacks[id] = attack
    sink.emit(attack.report)
  }

  private mutating func makeRoom() {
    guard attacks.count >= capacity,
      let quietest = attacks.min(by: {
        ($0.value.report.last, $0.key) < ($1.value.report.last, $1.key)
      })?.key
    else { return }
    for member in attacks[quietest]?.members.keys ?? [:].keys { attackOfMember[member] = nil }
    attacks[quietest] = nil
  }
}

extension AttackFusion.Attack {
  /// Takes the facts of one more report, or of one more revision of it.
  fileprivate mutating func absorb(_ event: Report, memberCapacity: Int) {
    if members[event.id] != nil || members.count < memberCapacity {
      members[event.id] = event.confidence
    }
    if monitors.count < memberCapacity { monitors.insert(event.monitor) }
    grounds.add(event)
    report.first = min(report.first, event.first)
    report.last = max(report.last, event.last)
    report.sources.formUnion(event.sources)
    report.targets.formUnion(event.targets)
    report.ports = Array(Set(report.ports + event.ports).sorted().prefix(Report.Limit.ports))
    if report.transport != event.transport { report.transport = nil }
    report.severity = max(report.severity, event.severity)
    report.confidence = combinedConfidence
    if report.terms.isEmpty {
      report.terms = [
        Term("severity", event.severity, threshold: Report.informationalSeverity)
      ]
    }
    let isOpener = members.count == 1 && members[event.id] != nil
    for (name, value) in event.attributes.sorted(by: { $0.key < $1.key }) {
      if isOpener, report.attributes[name] != nil { report.attributes[name] = value }
      merge(value, as: name)
    }
    grounds.apply(to: &report)
  }

  /// Independent sightings confirm one another: 1 − Π(1 − confidence), short of certainty.
  private var combinedConfidence: Double {
    let doubt = members.sorted { $0.key < $1.key }.reduce(1.0) { $0 * (1 - $1.value) }
    return min(max(0.99, members.values.max() ?? 0), 1 - doubt)
  }

  /// Counts grow to the larger; of other values the first told stays, unless only one report tells
  /// them.
  private mutating func merge(_ value: AttributeValue, as name: String) {
    switch (report.attributes[name], value) {
    case (.count(let old)?, .count(let new)): report.attributes[name] = .count(max(old, new))
    case (.bytes(let old)?, .bytes(let new)): report.attributes[name] = .bytes(max(old, new))
    case (nil, _):
      // The schema bounds the names of one kind; the limit stands against a foreign report.
      guard report.attributes.count < Report.Limit.attributes else { return }
      report.attributes[name] = value
    default: break
    }
  }
}
