import Reports
import Terms

/// What a conclusion rests on: reports, packets, and what the reporting monitors could see.
/// Bounded.
struct Grounds: Sendable, Codable {
  private(set) var derivedFrom: [ReportID] = []
  private var known: Set<ReportID> = []
  private var packets: [Place: Set<UInt64>] = [:]
  private var segments: Set<String> = []
  private var silent: Set<MonitorName> = []
  private var loss = 0.0

  var isEmpty: Bool { known.isEmpty && segments.isEmpty && packets.isEmpty }

  private struct Place: Hashable, Comparable, Codable {
    var monitor: MonitorName
    var capture: String

    static func < (left: Place, right: Place) -> Bool {
      (left.monitor, left.capture) < (right.monitor, right.capture)
    }
  }

  /// Adds a report as a whole, with the evidence that it brings.
  mutating func add(_ report: Report) {
    note(report)
    for piece in report.evidence { add(piece.packets, at: piece.monitor, piece.capture) }
  }

  /// Adds one row of a local evidence report: only that row's packets count.
  mutating func add(_ report: Report, packets row: [UInt64]) {
    note(report)
    guard !row.isEmpty else { return }
    add(row, at: report.monitor, report.evidence.first?.capture ?? "")
  }

  /// Adds what a report brings under other names than its own.
  mutating func add(_ report: Report, as ids: [ReportID]) {
    for id in ids { insert(id) }
    segments.formUnion(report.coverage.segments)
    silent.formUnion(report.coverage.silent)
    loss = max(loss, report.coverage.loss)
    for piece in report.evidence { add(piece.packets, at: piece.monitor, piece.capture) }
  }

  /// Adds what a conclusion of this monitor rests on, instead of the conclusion.
  mutating func add(resting report: Report) {
    add(report, as: report.derivedFrom)
  }

  /// Adds what was kept of a report.
  mutating func add(
    id: ReportID, monitor: MonitorName, capture: String, packets: [UInt64], segments: [String]
  ) {
    insert(id)
    self.segments.formUnion(segments)
    if !packets.isEmpty { add(packets, at: monitor, capture) }
  }

  mutating func formUnion(_ other: Grounds) {
    for id in other.derivedFrom { insert(id) }
    for (place, indices) in other.packets.sorted(by: { $0.key < $1.key }) {
      add(indices.sorted(), at: place.monitor, place.capture)
    }
    segments.formUnion(other.segments)
    silent.formUnion(other.silent)
    loss = max(loss, other.loss)
  }

  /// Writes the grounds into a report of the same conclusion.
  func apply(to report: inout Report) {
    report.derivedFrom = derivedFrom
    report.evidence = packets.sorted { $0.key < $1.key }.prefix(Report.Limit.evidence).map {
      Evidence(monitor: $0.key.monitor, capture: $0.key.capture, packets: $0.value.sorted())
    }
    report.coverage.segments = Array(segments.sorted().prefix(Report.Limit.coverage))
    report.coverage.silent = Array(silent.sorted().prefix(Report.Limit.coverage))
    report.coverage.loss = loss
  }

  private mutating func note(_ report: Report) {
    insert(report.id)
    segments.formUnion(report.coverage.segments)
    silent.formUnion(report.coverage.silent)
    loss = max(loss, report.coverage.loss)
  }

  private mutating func insert(_ id: ReportID) {
    guard derivedFrom.count < Report.Limit.derivedFrom, known.insert(id).inserted else { return }
    derivedFrom.append(id)
  }

  private mutating func add(_ indices: [UInt64], at monitor: MonitorName, _ capture: String) {
    let place = Place(monitor: monitor, capture: capture)
    guard packets[place] != nil || packets.count < Report.Limit.evidence else { return }
    for index in indices where packets[place, default: []].count < Report.Limit.packets {
      packets[place, default: []].insert(index)
    }
  }
}
