import Analysis
import Reports
import Terms

/// Makes one conclusion of one attack that several monitors report, revised as more is told, never
/// repeated.
///
/// A report joins the open attack that it resembles most (`Similarity`), or opens one. A further
/// revision of a report goes where its earlier ones went. Informational reports open nothing.
struct AttackFusion: AnalysisEngine, Codable {
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
  /// Attacks by slot; `vacant` slots hold nil.
  private var attacks: [FusedAttack?] = []
  private var vacant: [Int32] = []
  private var slotOfMember: [ReportID: Int32] = [:]
  /// The numbers of kinds, in order of appearance.
  private var kindNumbers: [ReportKind: UInt16] = [:]
  private var kinds = Remade<[Plan]>()
  private var index = AttackIndex()
  /// The quietest first; entries older than their attack are put back when they come up.
  private var quiet = EarliestFirst<Quiet>()
  /// The attacks that one report is held against.
  private var near = Remade<[Int32]>()
  /// For each slot, the look in which it was seen last; a look has a number.
  private var seen = Remade<[UInt32]>()
  private var look: UInt32 = 0
  private var lists = CommonLists()
  /// Attacks that gave way.
  private var evicted: UInt64 = 0

  /// How attacks of a kind are told apart.
  private struct Plan {
    let similarity: Similarity
    let anchor: Similarity.Anchor
    /// Whether the kind can say which other techniques there were.
    let namesOthers: Bool
  }

  private struct Quiet: Comparable, Sendable, Codable {
    var last: CaptureTime
    var id: ReportID
    var slot: Int32

    static func < (left: Quiet, right: Quiet) -> Bool {
      (left.last, left.id) < (right.last, right.id)
    }
  }

  var nextDeadline: CaptureTime { .distantFuture }

  init(_ context: CorrelationContext) {
    self.context = context
    threshold = context.limits[Self.similarityLimit]
    capacity = max(1, min(context.limits.count(Self.attacksLimit), Int(Int32.max)))
    memberCapacity = max(1, context.limits.count(Self.membersLimit))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {}

  var interest: EventClasses { .attacks }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.reportClass != .evidence, event.severity > Report.informationalSeverity,
      !AttackChains.joins(event, context.schema)
    else { return }
    let kind = number(event.kind)
    let plan = plan(event.kind, kind)
    if let slot = slotOfMember[event.id], let known = attacks[Int(slot)]?.askKind() {
      if known == kind { return join(event, slot, plan, similarity: nil, into: &sink) }
      if attacks[Int(slot)]?.isAlone == true {
        // The only report behind it has changed its mind: a port scan that proved to be a worm.
        change(slot, to: event.kind, kind, plan)
        return join(event, slot, plan, similarity: nil, into: &sink)
      }
    }
    if let best = closest(to: event, kind, plan) {
      join(event, best.slot, plan, similarity: best.similarity, into: &sink)
    } else {
      open(event, kind, plan, into: &sink)
    }
  }

  /// The kind's number, the same as long as the engine lives. The schema bounds how many there are;
  /// what is beyond shares the last number.
  private mutating func number(_ kind: ReportKind) -> UInt16 {
    if let known = kindNumbers[kind] { return known }
    let fresh = UInt16(min(kindNumbers.count, Int(UInt16.max)))
    kindNumbers[kind] = fresh
    return fresh
  }

  private mutating func plan(_ kind: ReportKind, _ number: UInt16) -> Plan {
    if kinds.value.count <= Int(number) {
      let order = kindNumbers.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
      kinds.value = order.map {
        let similarity = Similarity($0.key, schema: context.schema)
        return Plan(
          similarity: similarity, anchor: similarity.anchor,
          namesOthers: context.allows("also", .text, in: $0.key))
      }
    }
    return kinds.value[Int(number)]
  }

  private mutating func closest(
    to event: Report, _ kind: UInt16, _ plan: Plan
  ) -> (slot: Int32, similarity: Double)? {
    while seen.value.count < attacks.count { seen.value.append(0) }
    look &+= 1
    if look == 0 {
      seen.value = Array(repeating: 0, count: attacks.count)
      look = 1
    }
    // Gathered before they are looked at: what looks would else be copied for the index to call.
    var near: [Int32] = []
    swap(&near, &self.near.value)
    near.removeAll(keepingCapacity: true)
    index.visit(event, kind: kind, anchor: plan.anchor) {
      near.append($0)
      return near.count < 2 * AttackIndex.lookLimit
    }
    var looks = 0
    var best: (slot: Int32, id: ReportID, similarity: Double)?
    for slot in near where seen.value[Int(slot)] != look {
      guard looks < AttackIndex.lookLimit else { break }
      seen.value[Int(slot)] = look
      looks += 1
      guard let (id, value) = attacks[Int(slot)]?.likeness(event, plan.similarity),
        value >= threshold
      else { continue }
      // Ties go to the smaller id, so that the order of looking cannot show.
      if let known = best, (known.similarity, id) > (value, known.id) { continue }
      best = (slot, id, value)
    }
    swap(&near, &self.near.value)
    return best.map { ($0.slot, $0.similarity) }
  }

  private mutating func open(
    _ event: Report, _ kind: UInt16, _ plan: Plan, into sink: inout ReportSink
  ) {
    var report = sink.opening(
      event.kind, subject: "fusion of ", about: event.id, first: event.first, last: event.last,
      at: event.emitted, severity: event.severity, confidence: event.confidence)
    report.transport = event.transport
    var attack = FusedAttack(report: report, kind: kind, by: event)
    attack.namesOthers = plan.namesOthers
    attack.absorb(event, memberCapacity: memberCapacity)
    attack.explain(similarity: nil, threshold: threshold, &lists)
    lists.share(segmentsOf: &attack.report)
    makeRoom()
    let slot: Int32
    if let free = vacant.popLast() {
      slot = free
    } else {
      slot = Int32(attacks.count)
      attacks.append(nil)
    }
    index.add(&attack, slot, anchor: plan.anchor)
    slotOfMember[event.id] = slot
    quiet.insert(Quiet(last: attack.report.last, id: report.id, slot: slot))
    sink.emit(attack.report)
    attacks[Int(slot)] = attack
  }

  private mutating func change(
    _ slot: Int32, to kind: ReportKind, _ number: UInt16, _ plan: Plan
  ) {
    guard var attack = attacks[Int(slot)].take() else { return }
    index.remove(&attack, slot)
    attack.kind = number
    attack.report.kind = kind
    attack.report.attributes = [:]
    attack.namesOthers = plan.namesOthers
    attacks[Int(slot)] = attack
  }

  /// Takes a report into an attack of its kind, in its place.
  /// - Parameter similarity: of the report to the attack; nil for a further revision.
  private mutating func join(
    _ event: Report, _ slot: Int32, _ plan: Plan, similarity: Double?,
    into sink: inout ReportSink
  ) {
    // Once it has joined, it is like itself.
    if similarity != nil { attacks[Int(slot)]?.compare(event, plan.similarity) }
    let isFollowed = attacks[Int(slot)]?.absorb(event, memberCapacity: memberCapacity)
    if isFollowed == true, similarity != nil { slotOfMember[event.id] = slot }
    attacks[Int(slot)]?.explain(similarity: similarity, threshold: threshold, &lists)
    attacks[Int(slot)]?.revise(at: event.emitted, in: &index, slot, plan.anchor, into: &sink)
  }

  private mutating func makeRoom() {
    while attacks.count - vacant.count >= capacity, let quietest = quiet.popMin() {
      guard let known = attacks[Int(quietest.slot)]?.report, known.id == quietest.id
      else { continue }
      if known.last > quietest.last {
        quiet.insert(Quiet(last: known.last, id: known.id, slot: quietest.slot))
        continue
      }
      guard var gone = attacks[Int(quietest.slot)].take() else { continue }
      vacant.append(quietest.slot)
      index.remove(&gone, quietest.slot)
      for member in gone.members where slotOfMember[member] == quietest.slot {
        slotOfMember[member] = nil
      }
      evicted &+= 1
    }
  }
}

extension AttackFusion: LossCounting {
  var losses: UInt64 { evicted }
}
