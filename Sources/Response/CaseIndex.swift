import Analysis
import Reports
import Terms

/// Finds the cases that a conclusion may explain, or be explained by, without looking at all of
/// them: by the addresses that the two must share, in the roles in which they must share them, and
/// by the reports that both rest on.
///
/// What may explain without a common address (worms and distributed scans, by ports) stands in
/// `wide`. All lists are bounded, so that no reports make a conclusion dear for others.
struct CaseIndex: Sendable, Codable {
  /// Keys of one case; with more it is found by its first ones, and by its place in `wide`.
  private static let keyLimit = 512
  /// Cases that explain by what they are after, the newest.
  private static let wideLimit = 128
  /// Newest cases that a conclusion about a whole prefix is held against.
  private static let recentLimit = 128

  /// Where one case stands.
  struct Places: Sendable, Codable {
    /// Of IPv4 hosts, who are the most, as numbers: group and address. Most cases have two.
    private var first = UInt64.max
    private var second = UInt64.max
    private var hosts: [UInt64] = []
    fileprivate var addresses: [AddressKey] = []
    fileprivate var reports: [ReportKey] = []
    fileprivate var isKnown = false

    private var hostCount: Int {
      first == .max ? 0 : second == .max ? 1 : 2 + hosts.count
    }

    fileprivate var count: Int { hostCount + addresses.count }

    fileprivate mutating func add(_ prefix: IPPrefix, _ group: CaseGroup) {
      if prefix.isHost, prefix.base.isIPv4 {
        let host = UInt64(group.number) << 32 | UInt64(prefix.base.v4)
        switch hostCount {
        case 0: first = host
        case 1: second = host
        default: hosts.append(host)
        }
      } else {
        addresses.append(AddressKey(prefix: prefix, group: group))
      }
    }

    fileprivate var keys: [AddressKey] {
      ([first, second] + hosts).prefix(hostCount).map {
        AddressKey(
          prefix: IPPrefix(host: IPAddress(v4: UInt32(truncatingIfNeeded: $0))),
          group: CaseGroup(number: UInt8(truncatingIfNeeded: $0 >> 32)))
      } + addresses
    }
  }

  fileprivate struct AddressKey: Sendable, Codable {
    var prefix: IPPrefix
    var group: CaseGroup
  }

  fileprivate struct ReportKey: Sendable, Codable {
    var id: ReportID
    var group: CaseGroup
  }

  private var byAddress: [IPPrefix: CasePlace] = [:]
  /// By the reports that conclusions rest on: only campaigns are found by these, and only once there
  /// is one.
  private var byReport: [ReportID: CasePlace] = [:]
  private(set) var followsReports = false
  private var lengths = PrefixLengths()
  /// How many keys there are of each part.
  private var population = Array(repeating: 0, count: Explanation.Part.allCases.count)
  private var wide: [Int32] = []
  private var recent: [Int32] = []

  /// Notes a conclusion of a case, and what is new since its revision before.
  mutating func add(
    _ conclusion: Report, since old: Report?, _ part: Explanation.Part, to places: inout Places,
    _ slot: Int32
  ) {
    let isFresh = !places.isKnown
    if isFresh {
      places.isKnown = true
      push(slot, to: &recent, Self.recentLimit)
    }
    if part.explainsByPorts { push(slot, to: &wide, Self.wideLimit) }
    for role in Explanation.Role.allCases {
      let addresses = conclusion.addresses(role)
      let group = CaseGroup(part, role)
      for address in old.map({ addresses.listed(since: $0.addresses(role)) }) ?? addresses.listed {
        guard places.count < Self.keyLimit else {
          push(slot, to: &wide, Self.wideLimit)
          return
        }
        guard note(slot, group, address, isFresh: isFresh) else { continue }
        places.add(address, group)
        population[Int(part.rawValue)] += 1
      }
    }
    if followsReports { rest(conclusion, since: old, part, in: &places, slot) }
  }

  private mutating func note(
    _ slot: Int32, _ group: CaseGroup, _ address: IPPrefix, isFresh: Bool
  ) -> Bool {
    guard let known = byAddress.index(forKey: address) else {
      byAddress[address] = CasePlace(slot, group)
      lengths.count(address, 1)
      return true
    }
    return byAddress.values[known].add(slot, group, isFresh: isFresh)
  }

  /// From now on cases are found by what they rest on.
  mutating func followReports() { followsReports = true }

  /// Notes the reports that a conclusion rests on.
  mutating func rest(
    _ conclusion: Report, since old: Report? = nil, _ part: Explanation.Part,
    in places: inout Places, _ slot: Int32
  ) {
    let group = CaseGroup(part, .source)
    let reports = conclusion.derivedFrom
    // Reports come to those already known, so only the end is looked at.
    let known = old?.derivedFrom ?? []
    let start = reports.starts(with: known) ? known.count : 0
    for id in reports[start...] {
      guard places.reports.count < Self.keyLimit else {
        push(slot, to: &wide, Self.wideLimit)
        return
      }
      if let place = byReport.index(forKey: id) {
        guard byReport.values[place].add(slot, group, isFresh: false) else { continue }
      } else {
        byReport[id] = CasePlace(slot, group)
      }
      places.reports.append(ReportKey(id: id, group: group))
    }
  }

  private func push(_ slot: Int32, to list: inout [Int32], _ limit: Int) {
    guard !list.contains(slot) else { return }
    list.append(slot)
    if list.count > limit { list.removeFirst() }
  }

  /// Forgets a case.
  mutating func remove(_ places: Places, _ slot: Int32) {
    wide.removeAll { $0 == slot }
    recent.removeAll { $0 == slot }
    for key in places.keys {
      population[Int(key.group.part.rawValue)] -= 1
      guard let known = byAddress.index(forKey: key.prefix) else { continue }
      if byAddress.values[known].remove(slot, key.group) {
        byAddress.remove(at: known)
        lengths.count(key.prefix, -1)
      }
    }
    for key in places.reports {
      guard let known = byReport.index(forKey: key.id) else { continue }
      if byReport.values[known].remove(slot, key.group) { byReport.remove(at: known) }
    }
  }

  /// Whether there are cases of the part at all.
  func has(_ part: Explanation.Part) -> Bool { population[Int(part.rawValue)] > 0 }

  /// Shows the cases that the conclusion may have to do with, some of them twice; `only` those of
  /// some parts. Where an earlier revision is given, its addresses are left out.
  func visit(
    _ conclusion: Report, since old: Report? = nil, _ part: Explanation.Part,
    only parts: CaseGroup.Mask = .all, _ body: (Int32) -> Void
  ) {
    if parts == .all { for slot in wide { body(slot) } }
    var hasPrefix = false
    for role in Explanation.Role.allCases {
      let wanted = part.wanted(role).intersection(parts)
      guard hasAny(wanted) else { continue }
      let addresses = conclusion.addresses(role)
      for address in old.map({ addresses.listed(since: $0.addresses(role)) }) ?? addresses.listed {
        if !address.isHost { hasPrefix = true }
        byAddress[address]?.visit(wanted, body)
        for length in lengths.shorter(than: address) {
          byAddress[IPPrefix(address.base, length: Int(length))]?.visit(wanted, body)
        }
      }
    }
    if followsReports, old == nil {
      let wanted = CaseGroup.Mask.resting(with: part).intersection(parts)
      if hasAny(wanted) {
        for id in conclusion.derivedFrom { byReport[id]?.visit(wanted, body) }
      }
    }
    if hasPrefix { for slot in recent { body(slot) } }
  }

  private func hasAny(_ wanted: CaseGroup.Mask) -> Bool {
    var rest = wanted.bits
    while rest != 0 {
      if population[rest.trailingZeroBitCount / 2] > 0 { return true }
      rest &= rest - 1
    }
    return false
  }
}

extension Report {
  fileprivate func addresses(_ role: Explanation.Role) -> AddressSet {
    role == .source ? sources : targets
  }
}
