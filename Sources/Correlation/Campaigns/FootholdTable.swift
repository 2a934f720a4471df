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
    var level: Int8
    /// Whether the act is at the host, or from it; both may be.
    var isTarget = false
    var isSource = false
    var attacker: Attacker
    var last: CaptureTime
    var id: ReportID
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

  /// The acts at one host, in no particular order: a list in each role, since they are gone through
  /// whenever an act is at the host.
  private struct Host: Sendable, Codable {
    var givers: [Entry] = []
    var takers: [Entry] = []

    var isEmpty: Bool { givers.isEmpty && takers.isEmpty }
  }

  private var hosts: [IPAddress: Host] = [:]
  /// Acts that gave way at some host.
  private(set) var evicted: UInt64 = 0

  /// Shows the acts that give something of a host.
  func eachGiver(at host: IPAddress, _ body: (Entry) -> Void) {
    for entry in hosts[host]?.givers ?? [] { body(entry) }
  }

  /// Shows the acts that need something of a host.
  func eachTaker(at host: IPAddress, _ body: (Entry) -> Void) {
    for entry in hosts[host]?.takers ?? [] { body(entry) }
  }

  /// Notes an act at each of its hosts, or that it is seen again.
  mutating func note(_ act: ChainAct, _ slot: Int32) {
    var entry = Entry(
      slot: slot, level: 0, attacker: act.attacker, last: act.report.last, id: act.id)
    act.eachGivenHost { host in
      guard let level = act.foothold(at: host)?.level else { return }
      entry.level = Int8(clamping: level)
      Self.note(entry, in: &hosts[host, default: Host()].givers, &evicted)
    }
    entry.level = 0
    if act.needs.target != nil {
      for host in act.targets {
        entry.isTarget = true
        entry.isSource = act.needs.source != nil && act.isFrom(host)
        Self.note(entry, in: &hosts[host, default: Host()].takers, &evicted)
      }
    }
    if act.needs.source != nil {
      entry.isSource = true
      for host in act.sources {
        entry.isTarget = act.needs.target != nil && act.isAt(host)
        if !entry.isTarget {
          Self.note(entry, in: &hosts[host, default: Host()].takers, &evicted)
        }
      }
    }
  }

  private static func note(_ entry: Entry, in list: inout [Entry], _ evicted: inout UInt64) {
    if let known = list.firstIndex(where: { $0.slot == entry.slot }) {
      list[known] = entry
      return
    }
    guard list.count == hostLimit else { return list.append(entry) }
    evicted &+= 1
    var least = 0
    for place in list.indices where list[place].isLess(than: list[least]) { least = place }
    // The new one may be the least itself.
    if list[least].isLess(than: entry) { list[least] = entry }
  }

  mutating func remove(_ act: ChainAct, _ slot: Int32) {
    act.eachGivenHost { remove(slot, at: $0, asGiver: true) }
    for host in act.targets { remove(slot, at: host, asGiver: false) }
    for host in act.sources { remove(slot, at: host, asGiver: false) }
  }

  private mutating func remove(_ slot: Int32, at host: IPAddress, asGiver: Bool) {
    guard let place = hosts.index(forKey: host) else { return }
    if asGiver {
      Self.remove(slot, from: &hosts.values[place].givers)
    } else {
      Self.remove(slot, from: &hosts.values[place].takers)
    }
    if hosts.values[place].isEmpty { hosts.remove(at: place) }
  }

  private static func remove(_ slot: Int32, from list: inout [Entry]) {
    guard let place = list.firstIndex(where: { $0.slot == slot }) else { return }
    list.swapAt(place, list.count - 1)
    list.removeLast()
  }
}

extension FootholdTable.Entry {
  /// What goes first.
  fileprivate func isLess(than other: FootholdTable.Entry) -> Bool {
    if level != other.level { return level < other.level }
    return last != other.last ? last < other.last : id < other.id
  }
}
