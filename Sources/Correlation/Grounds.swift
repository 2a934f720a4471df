import Reports
import Terms

/// What a conclusion rests on: reports, packets, and what the reporting monitors could see.
/// Bounded, and kept as a report carries it.
struct Grounds: Sendable, Codable {
  private(set) var derivedFrom: [ReportID] = []
  /// What `derivedFrom` holds, once it is long.
  private var known: Set<ReportID> = []
  /// By monitor and capture; packets in order.
  private var evidence: [Evidence] = []
  /// Sorted, each once; the first `Report.Limit.coverage`.
  private var segments: [String] = []
  private var silent: [MonitorName] = []
  private var loss = 0.0

  var isEmpty: Bool { derivedFrom.isEmpty && segments.isEmpty && evidence.isEmpty }

  /// Up to this length a list is looked through faster than a set is made.
  private static let shortList = 12

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
    see(report.coverage)
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
    Self.unite(&self.segments, segments)
    if !packets.isEmpty { add(packets, at: monitor, capture) }
  }

  mutating func formUnion(_ other: Grounds) {
    for id in other.derivedFrom { insert(id) }
    for piece in other.evidence { add(piece.packets, at: piece.monitor, piece.capture) }
    Self.unite(&segments, other.segments)
    Self.unite(&silent, other.silent)
    loss = max(loss, other.loss)
  }

  /// Writes the grounds into a report of the same conclusion.
  func apply(to report: inout Report) {
    report.derivedFrom = derivedFrom
    report.evidence = evidence
    report.coverage.segments = segments
    report.coverage.silent = silent
    report.coverage.loss = loss
  }

  private mutating func note(_ report: Report) {
    insert(report.id)
    see(report.coverage)
  }

  private mutating func see(_ coverage: Coverage) {
    Self.unite(&segments, coverage.segments)
    Self.unite(&silent, coverage.silent)
    loss = max(loss, coverage.loss)
  }

  private static func unite<Member: Comparable>(_ list: inout [Member], _ more: [Member]) {
    // Most reports see what the ones before them saw.
    guard !more.isEmpty, list != more, !list.holds(all: more) else { return }
    if list.isEmpty, more.count <= Report.Limit.coverage,
      zip(more, more.dropFirst()).allSatisfy({ $0 < $1 })
    {
      list = more
      return
    }
    for member in more {
      let place = list.lowerBound(member) { $0 }
      guard place < Report.Limit.coverage else { continue }
      if place == list.count || list[place] != member { list.insert(member, at: place) }
      if list.count > Report.Limit.coverage { list.removeLast() }
    }
  }

  private mutating func insert(_ id: ReportID) {
    guard derivedFrom.count < Report.Limit.derivedFrom else { return }
    if derivedFrom.count < Self.shortList {
      guard !derivedFrom.contains(id) else { return }
    } else {
      if known.isEmpty { known = Set(derivedFrom) }
      guard known.insert(id).inserted else { return }
    }
    derivedFrom.append(id)
  }

  private mutating func add(_ indices: [UInt64], at monitor: MonitorName, _ capture: String) {
    let place = evidence.lowerBound((monitor, capture)) { ($0.monitor, $0.capture) }
    if place == evidence.count
      || (evidence[place].monitor, evidence[place].capture)
        != (monitor, capture)
    {
      guard evidence.count < Report.Limit.evidence, !indices.isEmpty else { return }
      evidence.insert(Evidence(monitor: monitor, capture: capture, packets: []), at: place)
    }
    for index in indices where evidence[place].packets.count < Report.Limit.packets {
      let slot = evidence[place].packets.lowerBound(index) { $0 }
      if slot < evidence[place].packets.count, evidence[place].packets[slot] == index { continue }
      evidence[place].packets.insert(index, at: slot)
    }
  }
}

extension Array where Element: Comparable {
  /// Whether all of an ascending list are in this one, which is, too; both are gone through once.
  fileprivate func holds(all members: [Element]) -> Bool {
    guard members.count <= count else { return false }
    var place = 0
    for member in members {
      while place < count, self[place] < member { place += 1 }
      guard place < count, self[place] == member else { return false }
    }
    return true
  }
}

extension Array {
  /// In a list ordered by `key`, the first place whose key is not less than `value`.
  fileprivate func lowerBound<Key: Comparable>(_ value: Key, by key: (Element) -> Key) -> Int {
    lowerBound { key($0) < value }
  }

  fileprivate func lowerBound<First: Comparable, Second: Comparable>(
    _ value: (First, Second), by key: (Element) -> (First, Second)
  ) -> Int {
    lowerBound { key($0) < value }
  }

  private func lowerBound(_ isBefore: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
