import Hierarchy
import Reports
import Terms

/// What one slot of a directive is bound to: the reports that reached its stage, and more that fit
/// it.
struct StageBinding: Sendable, Codable {
  /// Reports kept of one stage.
  static let sightingLimit = 64

  /// A report, with what is asked of all of them beside it: they lie far apart.
  private struct Entry: Sendable, Codable {
    var sighting: Sighting
    var id: ReportID
    var last: CaptureTime

    init(_ sighting: Sighting) {
      self.sighting = sighting
      id = sighting.id
      last = sighting.last
    }
  }

  private var entries: [Entry] = []
  /// The addresses that answered a question; nil for a stage of reports.
  var answers: [IPPrefix]?
  /// When the stage was reached, for one without reports.
  private let reached: CaptureTime

  init(reached: CaptureTime) { self.reached = reached }

  var sightings: some RandomAccessCollection<Sighting> { entries.lazy.map(\.sighting) }
  var count: Int { entries.count }
  var newest: Sighting? { entries.last?.sighting }

  /// Takes a report, or a newer revision of one; true when the report is new.
  mutating func add(_ sighting: Sighting) -> Bool {
    if revise(sighting) { return false }
    guard entries.count < Self.sightingLimit else { return false }
    entries.append(Entry(sighting))
    return true
  }

  /// Takes a newer revision of a report that it holds; false for any other report.
  mutating func revise(_ sighting: Sighting) -> Bool {
    let id = sighting.id
    guard let index = entries.firstIndex(where: { $0.id == id }) else { return false }
    entries[index] = Entry(sighting)
    return true
  }

  func holds(_ id: ReportID) -> Bool { entries.contains { $0.id == id } }

  /// The newest observation behind the stage.
  var last: CaptureTime { entries.reduce(reached) { max($0, $1.last) } }

  /// When what it holds began.
  var first: CaptureTime {
    entries.isEmpty ? reached : entries.reduce(.distantFuture) { min($0, $1.sighting.first) }
  }

  /// Whether the field of any of its reports has a value in common with `values`; nil when none has
  /// the field.
  func meets(_ values: FieldValues, in field: ReportField) -> Bool? {
    if let answers { return FieldValues.addresses(answers).meets(values) }
    var isKnown = false
    for entry in entries {
      guard let meets = entry.sighting.meets(values, in: field) else { continue }
      if meets { return true }
      isKnown = true
    }
    return isKnown ? false : nil
  }

  /// The share of `values` that its reports have in the field, 0–1.
  func share(of values: FieldValues, in field: ReportField) -> Double {
    values.share(in: addresses(field), field)
  }

  /// The addresses in a role, sorted, at most `AddressSet.listLimit`.
  func addresses(_ field: ReportField) -> [IPPrefix] {
    if let answers { return answers }
    guard let first = entries.first?.sighting else { return [] }
    guard entries.count > 1 else { return first.addresses(field) }
    var set = field == .source ? first.report.sources : first.report.targets
    for entry in entries.dropFirst() {
      let report = entry.sighting.report
      set.formUnion(field == .source ? report.sources : report.targets)
    }
    return set.listed
  }

  var ports: [UInt16] { Set(entries.flatMap(\.sighting.report.ports)).sorted() }
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
    let oldest = sighting.first - stage.within
    let id = sighting.id
    counted.removeAll { $0.sighting.last < oldest || $0.sighting.id == id }
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
    if let distinct = stage.distinct, !isDistinct(distinct.count) { return false }
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

  /// Whether so many different values are counted so far.
  private func isDistinct(_ least: Int) -> Bool {
    guard counted.reduce(0, { $0 + $1.values.count }) >= least else { return false }
    return Set(counted.flatMap(\.values)).count >= least
  }
}
