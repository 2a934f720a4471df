import Analysis
import HeapModule
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
    "attack-fusion.attacks", 32_768, .count, "Attacks remembered at once; the quietest go first.")
  static let membersLimit = EngineLimit(
    "attack-fusion.members", 256, .count,
    "Reports of one attack whose revisions are followed one by one.")
  static let limits = [similarityLimit, attacksLimit, membersLimit]

  private let context: CorrelationContext
  private let threshold: Double
  private let capacity: Int
  private let memberCapacity: Int
  /// By the id of the conclusion.
  private var attacks: [ReportID: FusedAttack] = [:]
  private var attackOfMember: [ReportID: ReportID] = [:]
  private var similarities: [ReportKind: Similarity] = [:]
  private var index = AttackIndex()
  /// The quietest first; entries older than their attack are put back when they come up.
  private var quiet = Heap<Quiet>()

  private struct Quiet: Comparable, Sendable {
    var last: CaptureTime
    var id: ReportID

    static func < (left: Quiet, right: Quiet) -> Bool {
      (left.last, left.id) < (right.last, right.id)
    }
  }

  let nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    self.context = context
    threshold = context.limits[Self.similarityLimit]
    capacity = max(1, context.limits.count(Self.attacksLimit))
    memberCapacity = max(1, context.limits.count(Self.membersLimit))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {}

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.reportClass != .evidence, event.severity > Report.informationalSeverity,
      !AttackChains.joins(event, context.schema)
    else { return }
    if let known = attackOfMember[event.id], let kind = attacks[known]?.report.kind {
      let hasChangedMind = kind != event.kind
      if !hasChangedMind || attacks[known]?.members.count == 1 {
        guard var attack = attacks.removeValue(forKey: known) else { return }
        if hasChangedMind {
          // The only report behind it has changed its mind: a port scan that proved to be a worm.
          index.remove(attack, known)
          attack.report.kind = event.kind
          attack.report.attributes = [:]
        }
        join(event, &attack, known, similarity: attack.similarity, into: &sink)
        attacks[known] = attack
        return
      }
    }
    if let best = closest(to: event), var attack = attacks.removeValue(forKey: best.id) {
      join(event, &attack, best.id, similarity: best.similarity, into: &sink)
      attacks[best.id] = attack
    } else {
      open(event, into: &sink)
    }
  }

  private mutating func similarity(_ kind: ReportKind) -> Similarity {
    if let known = similarities[kind] { return known }
    let fresh = Similarity(kind, schema: context.schema)
    similarities[kind] = fresh
    return fresh
  }

  private mutating func closest(to event: Report) -> (id: ReportID, similarity: Double)? {
    let similarity = similarity(event.kind)
    var best: (id: ReportID, similarity: Double)?
    index.visit(event, anchor: similarity.anchor) { id in
      guard let attack = attacks[id] else { return }
      let value = similarity.compare(event, attack.report)
      guard value >= threshold else { return }
      // Ties go to the smaller id, so that the order of looking cannot show.
      guard let current = best else {
        best = (id, value)
        return
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
    var attack = FusedAttack(report: report)
    attack.absorb(event, memberCapacity: memberCapacity)
    makeRoom()
    index.add(&attack, report.id, anchor: similarity(event.kind).anchor)
    attackOfMember[event.id] = report.id
    quiet.insert(Quiet(last: attack.report.last, id: report.id))
    sink.emit(attack.report)
    attacks[report.id] = attack
  }

  private mutating func join(
    _ event: Report, _ attack: inout FusedAttack, _ id: ReportID, similarity: Double,
    into sink: inout ReportSink
  ) {
    attack.similarity = similarity
    let isFollowed = attack.absorb(event, memberCapacity: memberCapacity)
    attack.report.revision &+= 1
    attack.report.emitted = event.emitted
    if isFollowed { attackOfMember[event.id] = id }
    attack.report.terms = [
      Term("similarity", similarity, threshold: threshold),
      Term("monitors", Double(attack.monitors.count), unit: "monitors"),
      Term("severity", attack.report.severity, threshold: Report.informationalSeverity),
    ]
    index.add(&attack, id, anchor: self.similarity(attack.report.kind).anchor)
    sink.emit(attack.report)
  }

  private mutating func makeRoom() {
    while attacks.count >= capacity, let quietest = quiet.popMin() {
      guard let last = attacks[quietest.id]?.report.last else { continue }
      if last > quietest.last {
        quiet.insert(Quiet(last: last, id: quietest.id))
        continue
      }
      guard let gone = attacks.removeValue(forKey: quietest.id) else { continue }
      index.remove(gone, quietest.id)
      for member in gone.members { attackOfMember[member.id] = nil }
      evicted &+= 1
    }
  }

  /// Attacks that gave way.
  private var evicted: UInt64 = 0
}

extension AttackFusion: LossCounting {
  var losses: UInt64 { evicted }
}
