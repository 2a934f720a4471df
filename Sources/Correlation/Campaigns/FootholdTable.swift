import Reports
import Terms

/// Which acts give and which need something of a host. Bounded per host: what gives more, and what
/// is newer, stays.
struct FootholdTable: Sendable, Codable {
  /// Acts kept of one host in each role.
  static let hostLimit = 24

  private struct Entry: Sendable, Codable {
    var id: ReportID
    var level: Int
    var last: CaptureTime
  }

  private var givers: [IPAddress: [Entry]] = [:]
  private var takers: [IPAddress: [Entry]] = [:]
  /// Acts that gave way at some host.
  private(set) var evicted: UInt64 = 0

  func givers(at host: IPAddress) -> [ReportID] { givers[host]?.map(\.id) ?? [] }
  func takers(at host: IPAddress) -> [ReportID] { takers[host]?.map(\.id) ?? [] }

  /// Notes an act at each of its hosts, or that it is seen again.
  mutating func note(_ act: ChainAct) {
    let last = act.report.last
    for host in act.givenHosts {
      guard let level = act.foothold(at: host)?.level else { continue }
      Self.note(Entry(id: act.id, level: level, last: last), at: host, in: &givers, &evicted)
    }
    if act.needs.target != nil {
      for host in act.targets {
        Self.note(Entry(id: act.id, level: 0, last: last), at: host, in: &takers, &evicted)
      }
    }
    if act.needs.source != nil {
      for host in act.sources {
        Self.note(Entry(id: act.id, level: 0, last: last), at: host, in: &takers, &evicted)
      }
    }
  }

  private static func note(
    _ entry: Entry, at host: IPAddress, in table: inout [IPAddress: [Entry]],
    _ evicted: inout UInt64
  ) {
    var entries = table[host] ?? []
    if let index = entries.firstIndex(where: { $0.id == entry.id }) {
      entries[index] = entry
    } else {
      entries.append(entry)
      if entries.count > hostLimit,
        let least = entries.min(by: { ($0.level, $0.last, $0.id) < ($1.level, $1.last, $1.id) })
      {
        entries.removeAll { $0.id == least.id }
        evicted &+= 1
      }
    }
    table[host] = entries
  }

  mutating func remove(_ act: ChainAct) {
    for host in act.givenHosts.union(act.targets).union(act.sources) {
      Self.remove(act.id, at: host, from: &givers)
      Self.remove(act.id, at: host, from: &takers)
    }
  }

  private static func remove(
    _ id: ReportID, at host: IPAddress, from table: inout [IPAddress: [Entry]]
  ) {
    guard var entries = table[host] else { return }
    entries.removeAll { $0.id == id }
    table[host] = entries.isEmpty ? nil : entries
  }
}
