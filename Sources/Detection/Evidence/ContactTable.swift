import Analysis
import Flows
import Reports
import Terms

/// The rows of one epoch of first contacts, bounded: exact rows for the first sources, then rows
/// for their prefixes.
struct ContactTable: Sendable {
  /// Packet indices kept per row.
  static let packetLimit = 4
  /// Prefix lengths of ever coarser rows: IPv4 and IPv6.
  static let levels: [(v4: Int, v6: Int)] = [(24, 64), (16, 48), (0, 0)]

  private let capacity: Int
  private var places: BoundedTable<Int32>
  private var rows: [ContactRow] = []
  /// The only contact so far of each row, which is written down when a second one comes: most
  /// rows that do not fail have no other, and are forgotten.
  private var lone: [Lone] = []
  /// Rows that have not failed yet take at most half of the room.
  private var spotless = 0
  private var coarse: BoundedTable<Int32>
  private var coarseRows: [ContactRow] = []
  /// How long what was answered waits for failures to go with.
  private let memory: TimeSpan
  /// Contacts for which there was no row at all.
  private(set) var dropped: UInt64 = 0

  init(capacity: Int, memory: TimeSpan) {
    self.capacity = capacity
    self.memory = memory
    places = BoundedTable(capacity: capacity * 2, empty: -1)
    coarse = BoundedTable(capacity: capacity * 2, empty: -1)
  }

  mutating func add(_ event: UnsafePointer<FlowEvent>, hasFailed: Bool) {
    let detail = UInt64(event.pointee.transport.number) << 16 | UInt64(event.pointee.targetPort)
    let key = TableKey(event.pointee.source, detail: detail)
    let slot = places.find(key)
    if slot >= 0 {
      let place = Int(places[slot])
      if hasFailed, rows[place].failures == 0 {
        spotless -= 1
        if event.pointee.time - rows[place].last > memory { restart(place, event) }
      }
      settle(place)
      Self.add(event, hasFailed, to: &rows[place])
    } else if rows.count < capacity, hasFailed || spotless < capacity / 2,
      Self.take(key, rows.count, &places)
    {
      rows.append(Self.row(IPPrefix(host: event.pointee.source), event))
      if hasFailed {
        lone.append(.none)
        Self.add(event, true, to: &rows[rows.count - 1])
      } else {
        spotless += 1
        lone.append(
          Lone(target: event.pointee.target, packet: event.pointee.firstPacket, isWaiting: true))
      }
    } else if hasFailed {
      addCoarse(event, detail)
    }
  }

  private struct Lone: BitwiseCopyable {
    var target: IPAddress
    var packet: UInt64
    var isWaiting: Bool

    static let none = Lone(target: .unspecified, packet: 0, isWaiting: false)
  }

  /// Forgets what was answered too long ago to go with what fails now.
  private mutating func restart(_ place: Int, _ event: UnsafePointer<FlowEvent>) {
    rows[place] = Self.row(rows[place].source, event)
    lone[place] = .none
  }

  /// Writes down the row's first contact, if it waits.
  private mutating func settle(_ place: Int) {
    let contact = lone[place]
    guard contact.isWaiting else { return }
    lone[place] = .none
    rows[place].attempts &+= 1
    rows[place].targets.insert(contact.target)
    rows[place].packets.append(contact.packet)
  }

  private mutating func addCoarse(_ event: UnsafePointer<FlowEvent>, _ detail: UInt64) {
    for level in Self.levels {
      let length = event.pointee.source.isIPv4 ? level.v4 : level.v6
      let prefix = IPPrefix(event.pointee.source, length: length)
      let key = TableKey(prefix.base, detail: detail | UInt64(length) << 32)
      let slot = coarse.find(key)
      if slot >= 0 {
        Self.add(event, true, to: &coarseRows[Int(coarse[slot])])
        return
      }
      let isLast = length == 0
      guard coarseRows.count < (isLast ? capacity : capacity / 2),
        Self.take(key, coarseRows.count, &coarse)
      else { continue }
      coarseRows.append(Self.row(prefix, event))
      Self.add(event, true, to: &coarseRows[coarseRows.count - 1])
      return
    }
    dropped &+= 1
  }

  /// Gives a row's place to a key for the rest of the epoch; false when there is no room.
  private static func take(
    _ key: TableKey, _ place: Int, _ table: inout BoundedTable<Int32>
  ) -> Bool {
    let slot = table.admit(key, asOf: .distantPast, until: .distantFuture)
    guard slot >= 0 else { return false }
    table[slot] = Int32(truncatingIfNeeded: place)
    return true
  }

  private static func row(_ source: IPPrefix, _ event: UnsafePointer<FlowEvent>) -> ContactRow {
    ContactRow(
      source: source, transport: event.pointee.transport, port: event.pointee.targetPort,
      attempts: 0, failures: 0,
      targets: AddressSet(), failedTargets: AddressSet(), first: event.pointee.opened,
      last: event.pointee.opened)
  }

  private static func add(
    _ event: UnsafePointer<FlowEvent>, _ hasFailed: Bool, to row: inout ContactRow
  ) {
    row.attempts &+= 1
    row.targets.insert(event.pointee.target)
    if hasFailed {
      row.failures &+= 1
      row.failedTargets.insert(event.pointee.target)
    }
    if event.pointee.opened < row.first { row.first = event.pointee.opened }
    if event.pointee.opened > row.last { row.last = event.pointee.opened }
    if row.packets.count < packetLimit { row.packets.append(event.pointee.firstPacket) }
  }

  /// Hands over the rows with failures, at most `limit`, sorted by source, transport and port; of the
  /// others the young ones stay.
  mutating func drain(limit: Int, at now: CaptureTime) -> [ContactRow] {
    var all = rows.filter { $0.failures > 0 }
    keep(since: now - memory)
    all += coarseRows
    coarseRows.removeAll(keepingCapacity: true)
    coarse.removeAll()
    for level in Self.levels where all.count > limit {
      let ranked = Self.ranked(all)
      all =
        ranked.prefix(limit / 2).map { all[$0] }
        + Self.merged(all, ranked.dropFirst(limit / 2), level)
    }
    if all.count > limit { all = Self.ranked(all).prefix(limit).map { all[$0] } }
    let names = all.map(Name.init)
    return all.indices.sorted { names[$0] < names[$1] }.map { all[$0] }
  }

  /// Keeps the newest rows without failures: half of the room that such rows may take.
  private mutating func keep(since oldest: CaptureTime) {
    let young = rows.indices.filter { rows[$0].failures == 0 && rows[$0].last >= oldest }
    let kept = young.suffix(capacity / 4).map { (rows[$0], lone[$0]) }
    rows.removeAll(keepingCapacity: true)
    lone.removeAll(keepingCapacity: true)
    places.removeAll()
    spotless = 0
    for (row, contact) in kept {
      let detail = UInt64(row.transport.number) << 16 | UInt64(row.port)
      guard Self.take(TableKey(row.source.base, detail: detail), rows.count, &places) else {
        continue
      }
      rows.append(row)
      lone.append(contact)
      spotless += 1
    }
  }

  /// What rows are sorted by: rows themselves are dear to compare, for they hold lists.
  private struct Name: Comparable {
    var source: IPPrefix
    var transport: TransportProtocol
    var port: UInt16

    init(_ row: ContactRow) {
      source = row.source
      transport = row.transport
      port = row.port
    }

    static func < (left: Name, right: Name) -> Bool {
      (left.source, left.transport, left.port) < (right.source, right.transport, right.port)
    }
  }

  /// The rows' places, most failed targets first: a source that failed at many hosts tells more than
  /// one of many that failed at one. Rows are heavy, so places are sorted.
  private static func ranked(_ rows: [ContactRow]) -> [Int] {
    let targets = rows.map { $0.failedTargets.count }
    let failures = rows.map { $0.failures }
    let names = rows.map(Name.init)
    return rows.indices.sorted {
      if targets[$0] != targets[$1] { return targets[$0] > targets[$1] }
      if failures[$0] != failures[$1] { return failures[$0] > failures[$1] }
      return names[$0] < names[$1]
    }
  }

  /// The rows at some places, by prefixes.
  private static func merged(
    _ rows: [ContactRow], _ places: some Sequence<Int>, _ level: (v4: Int, v6: Int)
  ) -> [ContactRow] {
    var known: [TableKey: Int] = [:]
    var merged: [ContactRow] = []
    // Rows are looked at where they stand: a copy of one counts three lists.
    for row in places {
      let source = rows[row].source
      let length = source.base.isIPv4 ? level.v4 : level.v6
      let prefix = Int(source.length) <= length ? source : IPPrefix(source.base, length: length)
      let detail = UInt64(rows[row].transport.number) << 16 | UInt64(rows[row].port)
      let key = TableKey(prefix.base, detail: detail | UInt64(prefix.length) << 32)
      if let place = known[key] {
        merge(rows[row], into: &merged[place])
      } else {
        known[key] = merged.count
        merged.append(rows[row])
        merged[merged.count - 1].source = prefix
      }
    }
    return merged
  }

  private static func merge(_ row: ContactRow, into other: inout ContactRow) {
    other.attempts &+= row.attempts
    other.failures &+= row.failures
    other.targets.formUnion(row.targets)
    other.failedTargets.formUnion(row.failedTargets)
    other.first = min(other.first, row.first)
    other.last = max(other.last, row.last)
    join(row.packets, to: &other.packets)
  }

  /// The first packets of both lists, in order and each once. The lists are short, and a set of each
  /// would cost more than all else of a row.
  private static func join(_ packets: [UInt64], to other: inout [UInt64]) {
    var all = other
    all += packets
    all.sort()
    other.removeAll(keepingCapacity: true)
    for packet in all where other.count < packetLimit && other.last != packet {
      other.append(packet)
    }
  }
}
