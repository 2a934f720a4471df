import Hierarchy
import Reports
import Terms

/// What one slot of a directive is bound to: the reports that reached its stage, and more that fit
/// it.
struct StageBinding: Sendable, Codable {
  /// Reports kept of one stage.
  static let sightingLimit = 64

  private(set) var sightings: [Sighting] = []
  /// The addresses that answered a question; nil for a stage of reports.
  var answers: [IPPrefix]?
  /// When the stage was reached, for one without reports.
  var reached: CaptureTime

  /// Takes a report, or a newer revision of one; true when the report is new.
  mutating func add(_ sighting: Sighting) -> Bool {
    let id = sighting.report.id
    if let index = sightings.firstIndex(where: { $0.report.id == id }) {
      sightings[index] = sighting
      return false
    }
    guard sightings.count < Self.sightingLimit else { return false }
    sightings.append(sighting)
    return true
  }

  func holds(_ id: ReportID) -> Bool { sightings.contains { $0.report.id == id } }

  /// The newest observation behind the stage.
  var last: CaptureTime { sightings.reduce(reached) { max($0, $1.report.last) } }

  /// Whether the field of any of its reports has a value in common with `values`; nil when none has
  /// the field.
  func meets(_ values: FieldValues, in field: ReportField) -> Bool? {
    if let answers { return FieldValues.addresses(answers).meets(values) }
    var isKnown = false
    for sighting in sightings {
      let mine = FieldValues(field, of: sighting.report)
      if mine.isEmpty { continue }
      if mine.meets(values) { return true }
      isKnown = true
    }
    return isKnown ? false : nil
  }

  /// The share of `values` that its reports have in the field, 0–1.
  func share(of values: FieldValues, in field: ReportField) -> Double {
    guard case .addresses(let list) = values, !list.isEmpty, field.isAddress else { return 1 }
    let known = addresses(field)
    let found = list.count { value in known.contains { $0.contains(value) } }
    return Double(found) / Double(list.count)
  }

  /// The addresses in a role, sorted, at most `AddressSet.listLimit`.
  func addresses(_ field: ReportField) -> [IPPrefix] {
    if let answers { return answers }
    guard let first = sightings.first else { return [] }
    var set = field == .source ? first.report.sources : first.report.targets
    for sighting in sightings.dropFirst() {
      set.formUnion(field == .source ? sighting.report.sources : sighting.report.targets)
    }
    return set.listed
  }

  var ports: [UInt16] { Set(sightings.flatMap(\.report.ports)).sorted() }
}

/// What has been counted towards a stage.
struct StageProgress: Sendable, Codable {
  private struct Counted: Sendable, Codable {
    var sighting: Sighting
    var values: [UInt64]
    var number: Double?
  }

  private var counted: [Counted] = []

  /// Reports counted so far.
  var count: Int { counted.count }
  var sightings: [Sighting] { counted.map(\.sighting) }
  var first: Sighting? { counted.first?.sighting }

  /// Counts a report; those that ended longer than the stage's time before it no longer count. True
  /// when the stage is reached.
  mutating func add(_ sighting: Sighting, to stage: Stage) -> Bool {
    let oldest = sighting.report.first - stage.within
    counted.removeAll {
      $0.sighting.report.last < oldest || $0.sighting.report.id == sighting.report.id
    }
    let limit = max(stage.count, stage.distinct?.count ?? 0, StageBinding.sightingLimit)
    if counted.count >= limit { counted.removeFirst() }
    counted.append(
      Counted(
        sighting: sighting,
        values: stage.distinct.map { FieldValues($0.field, of: sighting.report).hashes } ?? [],
        number: stage.measure.flatMap { sighting.report.number($0.attribute) }))
    return isReached(stage)
  }

  private func isReached(_ stage: Stage) -> Bool {
    guard counted.count >= stage.count else { return false }
    if let distinct = stage.distinct, self.distinct < distinct.count { return false }
    guard let measure = stage.measure else { return true }
    let numbers = counted.compactMap(\.number).sorted()
    guard !numbers.isEmpty else { return false }
    let total = numbers.reduce(0, +)
    switch measure.function {
    case .total: return measure.comparison.holds(total)
    case .mean: return measure.comparison.holds(total / Double(numbers.count))
    case .percentile(let rank):
      // The nearest-rank percentile.
      let index = (numbers.count * rank + 99) / 100 - 1
      return measure.comparison.holds(numbers[min(max(index, 0), numbers.count - 1)])
    }
  }

  /// Different values counted so far.
  var distinct: Int { Set(counted.flatMap(\.values)).count }
}

/// A directive on its way through its stages.
struct DirectiveInstance: Sendable, Codable {
  /// How long a completed one still takes what belongs to it.
  static let afterglow = TimeSpan.minutes(30)

  let directive: Int
  /// The report that opened it.
  let opener: Sighting
  /// Nodes passed, in order.
  var path: [Int] = []
  /// By slot.
  var bindings: [StageBinding?]
  /// Nodes that may come next, and what is counted towards each.
  var waiting: [Int] = []
  var progress: [StageProgress] = []
  var priority: Int
  var reliability: Int
  /// The newest observation of the stage reached last: timeouts run from here.
  var entered: CaptureTime
  /// When something happened last, in the monitor's time.
  var touched: CaptureTime
  var isComplete = false
  /// The newest revision of what it concluded.
  var told: Report?
  /// When what has come since is told; nil for nothing.
  var retell: CaptureTime?
  /// The reports that it holds, a bit for some.
  private(set) var held: UInt64 = 0
  /// Where the engine finds it.
  var keys: [DirectiveInstances.Key] = []

  init(_ directive: Directive, index: Int, opener: Sighting, now: CaptureTime) {
    self.directive = index
    self.opener = opener
    bindings = Array(repeating: nil, count: directive.slots.count)
    priority = directive.priority
    reliability = directive.reliability
    entered = opener.report.last
    touched = now
  }

  mutating func hold(_ id: ReportID) { held |= Self.bit(id) }

  /// Which bit of `held` stands for a report.
  static func bit(_ id: ReportID) -> UInt64 { 1 << ((id.low ^ id.low >> 32 ^ id.high) & 63) }

  /// The binding that a back-reference means; nil when its stage was not reached.
  func binding(_ reference: Join.Reference) -> StageBinding? {
    switch reference {
    case .slot(let slot): return bindings[slot]
    case .opener:
      var binding = StageBinding(reached: opener.report.first)
      _ = binding.add(opener)
      return binding
    }
  }

  /// Reports that it holds.
  var sightingCount: Int { bindings.reduce(0) { $0 + ($1?.sightings.count ?? 0) } }

  func isBound(_ reference: Join.Reference) -> Bool {
    if case .slot(let slot) = reference { bindings[slot] != nil } else { true }
  }

  /// The addresses that a report brought to the binding of a join.
  func addresses(_ sighting: Sighting, _ join: Join) -> [IPPrefix] {
    guard case .slot(let slot) = join.reference,
      bindings[slot]?.holds(sighting.report.id) == true
    else { return [] }
    return (join.other == .source ? sighting.report.sources : sighting.report.targets).listed
  }

  /// Whether the report hangs together with what came before as the stage asks.
  func agrees(_ report: Report, with stage: Stage) -> Bool {
    stage.joins.allSatisfy { join in
      guard let binding = binding(join.reference) else { return false }
      let values = FieldValues(join.field, of: report)
      guard !values.isEmpty, let meets = binding.meets(values, in: join.other) else {
        return false
      }
      guard meets, !join.isNegated, stage.share > 0 else { return meets != join.isNegated }
      return binding.share(of: values, in: join.other) >= stage.share
    }
  }

  /// Whether the report has in common with those already counted what the stage groups by.
  func groups(_ report: Report, _ stage: Stage, _ progress: StageProgress) -> Bool {
    guard !stage.grouping.isEmpty, let first = progress.first else { return true }
    return stage.grouping.allSatisfy {
      FieldValues($0, of: report).meets(FieldValues($0, of: first.report))
    }
  }
}
