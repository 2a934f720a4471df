import Analysis
import Reports
import Terms

/// Joins the evidence that several children sent of one epoch into one report per kind, for the
/// tier above.
///
/// Two taps on one path see the same packets: contact rows of one key keep the larger counts when
/// their targets mostly overlap, and the sum when they do not. Rate rows stay per segment, since
/// the tier above judges ingresses. Packet indices stay with the children's reports, which
/// `derivedFrom` names.
struct EvidenceMerging: AnalysisEngine, Codable {
  static let rowLimit = EngineLimit(
    "evidence-merging.rows", 4096, .count,
    "Rows of a merged evidence report; beyond it sources are joined by prefix.")
  static let limits = [rowLimit]
  /// Share of the smaller target set that two rows must have in common to count as one sighting.
  static let sameSighting = 0.5
  /// Prefix lengths that rows are coarsened to, in turn, while there are too many.
  static let coarserLengths = [(v4: 24, v6: 64), (v4: 16, v6: 48), (v4: 8, v6: 32), (v4: 0, v6: 0)]

  fileprivate struct Group: Sendable, Codable {
    var contacts: [ContactKey: ContactRow] = [:]
    var rates: [RateKey: RateRow] = [:]
    var grounds = Grounds()
    var first = CaptureTime.distantFuture
    var last = CaptureTime.distantPast
  }

  private let context: CorrelationContext
  private let rowLimit: Int
  /// Open epochs, by kind and start.
  private var groups: [ReportKind: [CaptureTime: Group]] = [:]

  init(_ context: CorrelationContext) {
    self.context = context
    rowLimit = min(max(1, context.limits.count(Self.rowLimit)), Report.Limit.summaryRows)
  }

  private(set) var nextDeadline = CaptureTime.distantFuture

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.reportClass == .evidence, let summary = event.summary else { return }
    let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier)
    nextDeadline = min(nextDeadline, EvidenceEpoch.settled(start, at: context.tier))
    var group = groups[event.kind]?.removeValue(forKey: start) ?? Group()
    group.grounds.add(event)
    group.first = min(group.first, event.first)
    group.last = max(group.last, event.last)
    switch summary {
    case .contacts(let rows): for row in rows { group.join(row) }
    case .rates(let rows): for row in rows { group.join(row) }
    }
    groups[event.kind, default: [:]][start] = group
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for kind in groups.keys.sorted() {
      for start in (groups[kind] ?? [:]).keys.sorted()
      where EvidenceEpoch.settled(start, at: context.tier) <= now {
        guard let group = groups[kind]?.removeValue(forKey: start) else { continue }
        emit(group, kind: kind, start: start, now: now, into: &sink)
      }
      if groups[kind]?.isEmpty == true { groups[kind] = nil }
    }
    let oldest = groups.values.compactMap { $0.keys.min() }.min()
    nextDeadline = oldest.map { EvidenceEpoch.settled($0, at: context.tier) } ?? .distantFuture
  }

  private func emit(
    _ group: Group, kind: ReportKind, start: CaptureTime, now: CaptureTime,
    into sink: inout ReportSink
  ) {
    var report = sink.opening(
      kind, .evidence, subject: "epoch \(start)", first: group.first, last: group.last, at: now,
      severity: 0, confidence: 1)
    group.grounds.apply(to: &report)
    report.summary =
      group.rates.isEmpty
      ? .contacts(Self.bounded(group.contacts, limit: rowLimit))
      : .rates(Self.bounded(group.rates, limit: rowLimit))
    sink.emit(report)
  }

  /// At most `limit` rows in key order: sources are joined by ever shorter prefixes until they fit.
  private static func bounded(_ rows: [ContactKey: ContactRow], limit: Int) -> [ContactRow] {
    var rows = rows
    for length in coarserLengths where rows.count > limit {
      var coarser: [ContactKey: ContactRow] = [:]
      for (_, row) in rows.sorted(by: { $0.key < $1.key }) {
        var row = row
        let bits = row.source.base.isIPv4 ? length.v4 : length.v6
        if row.source.length > bits { row.source = IPPrefix(row.source.base, length: bits) }
        coarser[ContactKey(row)] = coarser[ContactKey(row)].map { $0.adding(row) } ?? row
      }
      rows = coarser
    }
    return rows.sorted { $0.key < $1.key }.prefix(limit).map(\.value)
  }

  /// The biggest rows, in key order.
  private static func bounded(_ rows: [RateKey: RateRow], limit: Int) -> [RateRow] {
    var list = rows.map { (key: $0.key, row: $0.value) }
    if list.count > limit {
      list.sort {
        let left = $0.row.contacts &+ $0.row.packets
        let right = $1.row.contacts &+ $1.row.packets
        return left == right ? $0.key < $1.key : left > right
      }
      list.removeLast(list.count - limit)
    }
    return list.sorted { $0.key < $1.key }.map(\.row)
  }
}

extension EvidenceMerging.Group {
  fileprivate mutating func join(_ row: ContactRow) {
    var row = row
    row.packets = []
    let key = ContactKey(row)
    guard let known = contacts[key] else {
      contacts[key] = row
      return
    }
    contacts[key] = known.isSameSighting(as: row) ? known.widening(row) : known.adding(row)
  }

  fileprivate mutating func join(_ row: RateRow) {
    var row = row
    row.indices = []
    let key = RateKey(row)
    if let known = rates[key], known.packets >= row.packets {
      rates[key]?.sources.formUnion(row.sources)
    } else {
      if let known = rates[key] { row.sources.formUnion(known.sources) }
      rates[key] = row
    }
  }
}

private struct ContactKey: Hashable, Comparable, Sendable, Codable {
  var source: IPPrefix
  var port: PortKey

  init(_ row: ContactRow) {
    source = row.source
    port = PortKey(transport: row.transport, port: row.port)
  }

  static func < (left: ContactKey, right: ContactKey) -> Bool {
    (left.source, left.port) < (right.source, right.port)
  }
}

private struct RateKey: Hashable, Comparable, Sendable, Codable {
  var target: IPAddress
  var port: PortKey
  var segment: String
  /// A held row of an earlier epoch stays apart.
  var first: CaptureTime

  init(_ row: RateRow) {
    target = row.target
    port = PortKey(transport: row.transport, port: row.port)
    segment = row.segment
    first = row.first
  }

  static func < (left: RateKey, right: RateKey) -> Bool {
    (left.target, left.port, left.segment, left.first)
      < (right.target, right.port, right.segment, right.first)
  }
}

extension ContactRow {
  /// Whether the two rows look like one run of contacts seen at two taps.
  fileprivate func isSameSighting(as other: ContactRow) -> Bool {
    let smaller = min(targets.listed.count, other.targets.listed.count)
    guard smaller > 0 else { return true }
    let common = Set(targets.listed).intersection(other.targets.listed).count
    return Double(common) >= EvidenceMerging.sameSighting * Double(smaller)
  }

  fileprivate func widening(_ other: ContactRow) -> ContactRow {
    var row = united(with: other)
    row.attempts = max(attempts, other.attempts, UInt64(row.targets.count))
    row.failures = max(failures, other.failures, UInt64(row.failedTargets.count))
    return row
  }

  fileprivate func adding(_ other: ContactRow) -> ContactRow {
    var row = united(with: other)
    row.attempts = attempts &+ other.attempts
    row.failures = failures &+ other.failures
    return row
  }

  private func united(with other: ContactRow) -> ContactRow {
    var row = self
    row.targets.formUnion(other.targets)
    row.failedTargets.formUnion(other.failedTargets)
    row.first = min(first, other.first)
    row.last = max(last, other.last)
    return row
  }
}
