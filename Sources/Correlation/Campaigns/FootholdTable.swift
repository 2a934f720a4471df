import Reports
import Terms

/// Which acts give and which need something of a host. Bounded per host: what gives more, and what
/// is newer, stays.
struct FootholdTable: Sendable, Codable {
  /// Acts kept of one host in each role.
  static let hostLimit = 24

  /// An act at one of its hosts, with what tells most of the others apart without a look at them.
  struct Entry: Sendable, Codable {
    var slot: Int32
    var id: ReportID
    var level: Int
    var last: CaptureTime
    var attacker: Attacker
    /// Whether the act is at the host, or from it; both may be.
    var isTarget = false
    var isSource = false
  }

  /// Who is behind an act, as far as one address can say it.
  struct Attacker: Sendable, Codable {
    private var count: UInt8
    private var address: IPAddress

    init(_ sources: [IPAddress]) {
      count = UInt8(min(sources.count, 2))
      address = sources.first ?? .unspecified
    }

    /// false when the two have no source in common and are no neighbours in one network.
    func mayBe(_ other: Attacker) -> Bool {
      guard count > 0, other.count > 0 else { return false }
      guard count == 1, other.count == 1 else { return true }
      guard address != other.address else { return true }
      guard address.high == other.address.high else { return false }
      return !address.isIPv4 || (address.low ^ other.address.low) >> 8 == 0
    }
  }

  private var givers: [IPAddress: [Entry]] = [:]
  private var takers: [IPAddress: [Entry]] = [:]
  /// Acts that gave way at some host.
  private(set) var evicted: UInt64 = 0

  func givers(at host: IPAddress) -> [Entry] { givers[host] ?? [] }
  func takers(at host: IPAddress) -> [Entry] { takers[host] ?? [] }

  /// Notes an act at each of its hosts, or that it is seen again.
  mutating func note(_ act: ChainAct, _ slot: Int32) {
    var entry = Entry(
      slot: slot, id: act.id, level: 0, last: act.report.last, attacker: act.attacker)
    act.eachGivenHost { host in
      guard let level = act.foothold(at: host)?.level else { return }
      entry.level = level
      Self.note(entry, at: host, in: &givers, &evicted)
    }
    entry.level = 0
    if act.needs.target != nil {
      for host in act.targets {
        entry.isTarget = true
        entry.isSource = act.needs.source != nil && act.isFrom(host)
        Self.note(entry, at: host, in: &takers, &evicted)
      }
    }
    if act.needs.source != nil {
      entry.isSource = true
      for host in act.sources {
        entry.isTarget = act.needs.target != nil && act.isAt(host)
        if !entry.isTarget { Self.note(entry, at: host, in: &takers, &evicted) }
      }
    }
  }

  private static func note(
    _ entry: Entry, at host: IPAddress, in table: inout [IPAddress: [Entry]],
    _ evicted: inout UInt64
  ) {
    guard let place = table.index(forKey: host) else {
      table[host] = [entry]
      return
    }
    if let known = table.values[place].firstIndex(where: { $0.slot == entry.slot }) {
      table.values[place][known] = entry
      return
    }
    table.values[place].append(entry)
    guard table.values[place].count > hostLimit else { return }
    let least = table.values[place].indices.min {
      let (left, right) = (table.values[place][$0], table.values[place][$1])
      return (left.level, left.last, left.id) < (right.level, right.last, right.id)
    }
    if let least { table.values[place].remove(at: least) }
    evicted &+= 1
  }

  mutating func remove(_ act: ChainAct, _ slot: Int32) {
    act.eachGivenHost { Self.remove(slot, at: $0, from: &givers) }
    for host in act.targets { Self.remove(slot, at: host, from: &takers) }
    for host in act.sources { Self.remove(slot, at: host, from: &takers) }
  }

  private static func remove(
    _ slot: Int32, at host: IPAddress, from table: inout [IPAddress: [Entry]]
  ) {
    guard let place = table.index(forKey: host),
      let index = table.values[place].firstIndex(where: { $0.slot == slot })
    else { return }
    if table.values[place].count == 1 {
      table.remove(at: place)
    } else {
      table.values[place].remove(at: index)
    }
  }
}
