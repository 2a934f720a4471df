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

  /// An entry in the list of a host, in no particular order.
  private struct Link: Sendable, Codable {
    var entry: Entry
    /// The next of the list, or of those vacant; -1 for none.
    var next: Int32
  }

  /// The first links of a host's lists.
  private struct Host: Sendable, Codable {
    var givers: Int32 = -1
    var takers: Int32 = -1

    var isEmpty: Bool { givers < 0 && takers < 0 }
  }

  private var hosts: [IPAddress: Host] = [:]
  private var links: [Link] = []
  private var vacant: Int32 = -1
  /// Acts that gave way at some host.
  private(set) var evicted: UInt64 = 0

  /// Shows the acts that give something of a host.
  func eachGiver(at host: IPAddress, _ body: (Entry) -> Void) {
    show(hosts[host]?.givers ?? -1, body)
  }

  /// Shows the acts that need something of a host.
  func eachTaker(at host: IPAddress, _ body: (Entry) -> Void) {
    show(hosts[host]?.takers ?? -1, body)
  }

  private func show(_ first: Int32, _ body: (Entry) -> Void) {
    var here = first
    while here >= 0 {
      body(links[Int(here)].entry)
      here = links[Int(here)].next
    }
  }

  /// Notes an act at each of its hosts, or that it is seen again.
  mutating func note(_ act: ChainAct, _ slot: Int32) {
    var entry = Entry(
      slot: slot, id: act.id, level: 0, last: act.report.last, attacker: act.attacker)
    act.eachGivenHost { host in
      guard let level = act.foothold(at: host)?.level else { return }
      entry.level = level
      Self.note(entry, in: &hosts[host, default: Host()].givers, &links, &vacant, &evicted)
    }
    entry.level = 0
    if act.needs.target != nil {
      for host in act.targets {
        entry.isTarget = true
        entry.isSource = act.needs.source != nil && act.isFrom(host)
        Self.note(entry, in: &hosts[host, default: Host()].takers, &links, &vacant, &evicted)
      }
    }
    if act.needs.source != nil {
      entry.isSource = true
      for host in act.sources {
        entry.isTarget = act.needs.target != nil && act.isAt(host)
        if !entry.isTarget {
          Self.note(entry, in: &hosts[host, default: Host()].takers, &links, &vacant, &evicted)
        }
      }
    }
  }

  private static func note(
    _ entry: Entry, in first: inout Int32, _ links: inout [Link], _ vacant: inout Int32,
    _ evicted: inout UInt64
  ) {
    var count = 0
    var here = first
    var least = first
    while here >= 0 {
      if links[Int(here)].entry.slot == entry.slot {
        links[Int(here)].entry = entry
        return
      }
      if links[Int(here)].entry.isLess(than: links[Int(least)].entry) { least = here }
      count += 1
      here = links[Int(here)].next
    }
    if count == hostLimit {
      evicted &+= 1
      // The new one may be the least itself.
      if links[Int(least)].entry.isLess(than: entry) { links[Int(least)].entry = entry }
      return
    }
    let fresh = Link(entry: entry, next: first)
    if vacant >= 0 {
      first = vacant
      vacant = links[Int(first)].next
      links[Int(first)] = fresh
    } else {
      first = Int32(links.count)
      links.append(fresh)
    }
  }

  mutating func remove(_ act: ChainAct, _ slot: Int32) {
    act.eachGivenHost { remove(slot, at: $0, asGiver: true) }
    for host in act.targets { remove(slot, at: host, asGiver: false) }
    for host in act.sources { remove(slot, at: host, asGiver: false) }
  }

  private mutating func remove(_ slot: Int32, at host: IPAddress, asGiver: Bool) {
    guard let place = hosts.index(forKey: host) else { return }
    let first = asGiver ? hosts.values[place].givers : hosts.values[place].takers
    var (before, here): (Int32, Int32) = (-1, first)
    while here >= 0, links[Int(here)].entry.slot != slot {
      (before, here) = (here, links[Int(here)].next)
    }
    guard here >= 0 else { return }
    let next = links[Int(here)].next
    links[Int(here)].next = vacant
    vacant = here
    if before >= 0 {
      links[Int(before)].next = next
    } else if asGiver {
      hosts.values[place].givers = next
    } else {
      hosts.values[place].takers = next
    }
    if hosts.values[place].isEmpty { hosts.remove(at: place) }
  }
}

extension FootholdTable.Entry {
  /// What goes first.
  fileprivate func isLess(than other: FootholdTable.Entry) -> Bool {
    (level, last, id) < (other.level, other.last, other.id)
  }
}
