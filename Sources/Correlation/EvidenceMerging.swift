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
    var logins: [LoginKey: LoginRow] = [:]
    var leases: [LeaseKey: LeaseRow] = [:]
    var grounds = Grounds()
    var first = CaptureTime.distantFuture
    var last = CaptureTime.distantPast
  }

  private let context: CorrelationContext
  private let rowLimit: Int
  /// Open epochs, by kind and start.
  private var groups: [ReportKind: [CaptureTime: Group]] = [:]
  /// Logins and leases that found no room.
  private(set) var losses: UInt64 = 0

  init(_ context: CorrelationContext) {
    self.context = context
    rowLimit = min(max(1, context.limits.count(Self.rowLimit)), Report.Limit.summaryRows)
  }

  private(set) var nextDeadline = CaptureTime.distantFuture

  var interest: EventClasses { [.contactRows, .rateRows, .loginRows, .leaseRows] }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.reportClass == .evidence, let summary = event.summary else { return }
    let length = EvidenceEpoch.length(of: event.kind)
    let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier, length: length)
    nextDeadline = min(
      nextDeadline, EvidenceEpoch.settled(start, at: context.tier, length: length))
    var group = groups[event.kind]?.removeValue(forKey: start) ?? Group()
    group.grounds.add(event)
    group.first = min(group.first, event.first)
    group.last = max(group.last, event.last)
    switch summary {
    case .contacts(let rows): for row in rows { group.join(row) }
    case .rates(let rows): for row in rows { group.join(row) }
    case .logins(let rows): for row in rows { group.join(row) }
    case .leases(let rows): for row in rows { group.join(row) }
    }
    groups[event.kind, default: [:]][start] = group
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for kind in groups.keys.sorted() {
      let length = EvidenceEpoch.length(of: kind)
      for start in (groups[kind] ?? [:]).keys.sorted()
      where EvidenceEpoch.settled(start, at: context.tier, length: length) <= now {
        guard let group = groups[kind]?.removeValue(forKey: start) else { continue }
        emit(group, kind: kind, start: start, now: now, into: &sink)
      }
      if groups[kind]?.isEmpty == true { groups[kind] = nil }
    }
    nextDeadline = groups.reduce(.distantFuture) { earliest, group in
      guard let start = group.value.keys.min() else { return earliest }
      let length = EvidenceEpoch.length(of: group.key)
      return min(earliest, EvidenceEpoch.settled(start, at: context.tier, length: length))
    }
  }

  private mutating func emit(
    _ group: Group, kind: ReportKind, start: CaptureTime, now: CaptureTime,
    into sink: inout ReportSink
  ) {
    var report = sink.opening(
      kind, .evidence, subject: "epoch \(start)", first: group.first, last: group.last, at: now,
      severity: 0, confidence: 1)
    group.grounds.apply(to: &report)
    if !group.logins.isEmpty {
      losses &+= UInt64(max(0, group.logins.count - rowLimit))
      report.summary = .logins(Self.bounded(group.logins, limit: rowLimit))
    } else if !group.leases.isEmpty {
      losses &+= UInt64(max(0, group.leases.count - rowLimit))
      report.summary = .leases(Array(Self.inOrder(group.leases).prefix(rowLimit)))
    } else if group.rates.isEmpty {
      report.summary = .contacts(Self.bounded(group.contacts, limit: rowLimit))
    } else {
      report.summary = .rates(Self.bounded(group.rates, limit: rowLimit))
    }
    sink.emit(report)
  }

  /// Rows by key: their places are put in order, since to move rows is dear.
  private static func inOrder<Key: Comparable, Row>(_ rows: [Key: Row]) -> [Row] {
    var order: [(key: Key, place: Dictionary<Key, Row>.Index)] = []
    order.reserveCapacity(rows.count)
    for place in rows.indices { order.append((rows.keys[place], place)) }
    order.sort { $0.key < $1.key }
    return order.map { rows.values[$0.place] }
  }

  /// Those that were let in before those refused, in key order.
  private static func bounded(_ rows: [LoginKey: LoginRow], limit: Int) -> [LoginRow] {
    var list = inOrder(rows)
    if list.count > limit {
      list =
        list.filter { $0.outcome != .refused } + list.filter { $0.outcome == .refused }
    }
    return Array(list.prefix(limit))
  }

  /// At most `limit` rows in key order: sources are joined by ever shorter prefixes until they fit.
  private static func bounded(_ rows: [ContactKey: ContactRow], limit: Int) -> [ContactRow] {
    var rows = rows
    for length in coarserLengths where rows.count > limit {
      var coarser: [ContactKey: ContactRow] = [:]
      for row in inOrder(rows) {
        var row = row
        let bits = row.source.base.isIPv4 ? length.v4 : length.v6
        if row.source.length > bits { row.source = IPPrefix(row.source.base, length: bits) }
        coarser[ContactKey(row)] = coarser[ContactKey(row)].map { $0.adding(row) } ?? row
      }
      rows = coarser
    }
    return Array(inOrder(rows).prefix(limit))
  }

  /// The biggest rows, in key order.
  private static func bounded(_ rows: [RateKey: RateRow], limit: Int) -> [RateRow] {
    guard rows.count > limit else { return inOrder(rows) }
    var list = rows.map { (key: $0.key, row: $0.value) }
    list.sort {
      let left = $0.row.contacts &+ $0.row.packets
      let right = $1.row.contacts &+ $1.row.packets
      return left == right ? $0.key < $1.key : left > right
    }
    list.removeLast(list.count - limit)
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
    guard let known = rates[key] else {
      rates[key] = row
      return
    }
    row.busiest = SourceCount.joined(known.busiest, row.busiest)
    if known.packets >= row.packets {
      rates[key]?.sources.formUnion(row.sources)
      rates[key]?.busiest = row.busiest
    } else {
      row.sources.formUnion(known.sources)
      rates[key] = row
    }
  }
}

extension EvidenceMerging: LossCounting {}

private struct ContactKey: Hashable, Comparable, Sendable, Codable {
  var source: IPPrefix
  var port: PortKey

  init(_ row: ContactRow) {
    source = row.source
    port = PortKey(transport: row.transport, port: row.port)
  }

  func _rawHashValue(seed: Int) -> Int { source._rawHashValue(seed: seed ^ port.bits) }

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

  func _rawHashValue(seed: Int) -> Int {
    var segment = segment
    let own = segment.withUTF8 { TableHash.of($0, seed: seed ^ port.bits) }
    return target._rawHashValue(seed: own ^ Int(truncatingIfNeeded: first.nanoseconds))
  }

  static func < (left: RateKey, right: RateKey) -> Bool {
    if left.target != right.target { return left.target < right.target }
    if left.port != right.port { return left.port < right.port }
    return left.segment != right.segment
      ? left.segment < right.segment : left.first < right.first
  }
}

/// A connection; what was refused is counted by client and service alone.
private struct LoginKey: Hashable, Comparable, Sendable, Codable {
  var client: IPAddress
  var server: IPAddress
  var clientPort: UInt16
  var serverPort: UInt16
  var service: String
  var isRefused: Bool

  init(_ row: LoginRow) {
    client = row.client
    server = row.server
    clientPort = row.outcome == .refused ? 0 : row.clientPort
    serverPort = row.serverPort
    service = row.service
    isRefused = row.outcome == .refused
  }

  static func < (left: LoginKey, right: LoginKey) -> Bool {
    (left.client, left.server, left.clientPort, left.serverPort, left.service)
      < (right.client, right.server, right.clientPort, right.serverPort, right.service)
  }
}

private struct LeaseKey: Hashable, Comparable, Sendable, Codable {
  var hardware: UInt64
  var address: IPAddress
  var isReleased: Bool

  init(_ row: LeaseRow) {
    hardware = row.hardware.bits
    address = row.address
    isReleased = row.isReleased
  }

  static func < (left: LeaseKey, right: LeaseKey) -> Bool {
    (left.hardware, left.address, left.isReleased ? 1 : 0)
      < (right.hardware, right.address, right.isReleased ? 1 : 0)
  }
}

extension EvidenceMerging.Group {
  /// Two taps on one path see the same session.
  fileprivate mutating func join(_ row: LoginRow) {
    let key = LoginKey(row)
    logins[key] = logins[key]?.united(with: row) ?? row.withoutPackets
  }

  fileprivate mutating func join(_ row: LeaseRow) {
    var row = row
    row.packets = []
    let key = LeaseKey(row)
    if let known = leases[key] {
      row.granted = min(row.granted, known.granted)
      row.until = max(row.until, known.until)
      if row.name.isEmpty { row.name = known.name }
      if row.client == 0 { row.client = known.client }
    }
    leases[key] = row
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
