import Reports
import Terms

/// A part that a case plays, and the role in which it has an address.
struct CaseGroup: Hashable, Sendable, Codable {
  let number: UInt8

  init(number: UInt8) { self.number = number }

  init(_ part: Explanation.Part, _ role: Explanation.Role) {
    number = part.rawValue * 2 + role.rawValue
  }

  var part: Explanation.Part { Explanation.Part(rawValue: number / 2) ?? .other }

  /// Groups, a bit each.
  struct Mask: Hashable, Sendable {
    var bits: UInt32 = 0

    static let all = Mask(bits: 1 << (2 * UInt32(Explanation.Part.allCases.count)) - 1)

    init(bits: UInt32 = 0) { self.bits = bits }

    init(_ part: Explanation.Part) { bits = 3 << (UInt32(part.rawValue) * 2) }

    mutating func insert(_ group: CaseGroup) { bits |= 1 << UInt32(group.number) }
    func contains(_ group: CaseGroup) -> Bool { bits & 1 << UInt32(group.number) != 0 }
    func intersection(_ other: Mask) -> Mask { Mask(bits: bits & other.bits) }

    /// Whom a report that both rest on leads to: a campaign to all, all others to campaigns.
    static func resting(with part: Explanation.Part) -> Mask {
      part == .campaign ? .all : Mask(.campaign)
    }
  }
}

/// The cases that stand in one place; of each group the newest.
struct CasePlace: Sendable, Codable {
  /// The cases of one group: the newest are its members.
  private struct Members: Sendable, Codable {
    private static let limit = 128

    let group: CaseGroup
    /// In order of arrival, those that have given way at the front: they go many at once.
    private var slots: [Int32]

    init(_ group: CaseGroup, _ slot: Int32) {
      self.group = group
      slots = [slot]
    }

    var newest: ArraySlice<Int32> { slots.suffix(Self.limit) }
    var isEmpty: Bool { slots.isEmpty }

    mutating func append(_ slot: Int32) {
      if slots.count == 2 * Self.limit { slots.removeFirst(Self.limit) }
      slots.append(slot)
    }

    mutating func remove(_ slot: Int32) {
      slots = newest.filter { $0 != slot }
    }
  }

  /// The only one, as long as there are no lists.
  private var slot: Int32
  private var group: CaseGroup
  private var lists: [Members] = []

  init(_ slot: Int32, _ group: CaseGroup) {
    self.slot = slot
    self.group = group
  }

  /// false when the case stands here already, which a `fresh` one does not.
  mutating func add(_ slot: Int32, _ group: CaseGroup, isFresh: Bool) -> Bool {
    if lists.isEmpty {
      guard slot != self.slot || group != self.group else { return false }
      lists = [Members(self.group, self.slot)]
    }
    guard let list = lists.firstIndex(where: { $0.group == group }) else {
      lists.append(Members(group, slot))
      return true
    }
    guard isFresh || !lists[list].newest.contains(slot) else { return false }
    lists[list].append(slot)
    return true
  }

  /// true when nobody is left.
  mutating func remove(_ slot: Int32, _ group: CaseGroup) -> Bool {
    guard !lists.isEmpty else { return slot == self.slot && group == self.group }
    guard let list = lists.firstIndex(where: { $0.group == group }) else { return false }
    lists[list].remove(slot)
    if lists[list].isEmpty { lists.remove(at: list) }
    return lists.isEmpty
  }

  @inline(__always) func visit(_ wanted: CaseGroup.Mask, _ body: (Int32) -> Void) {
    guard !lists.isEmpty else {
      if wanted.contains(group) { body(slot) }
      return
    }
    for list in lists where wanted.contains(list.group) { for slot in list.newest { body(slot) } }
  }
}

/// The lengths of prefixes in use, hosts apart.
struct PrefixLengths: Sendable, Codable {
  /// Keys by prefix length, of IPv4 at 0…32 and of IPv6 at 33…161.
  private var counts: [Int32] = Array(repeating: 0, count: 162)
  /// Those in use of IPv4 and IPv6, shortest first.
  private var used: [[UInt8]] = [[], []]

  mutating func count(_ prefix: IPPrefix, _ change: Int32) {
    guard !prefix.isHost else { return }
    let isIPv4 = prefix.base.isIPv4
    let place = Int(prefix.length) + (isIPv4 ? 0 : 33)
    guard counts.indices.contains(place) else { return }
    counts[place] += change
    let family = isIPv4 ? 0...31 : 33...160
    used[isIPv4 ? 0 : 1] = family.filter { counts[$0] > 0 }.map { UInt8($0 - (isIPv4 ? 0 : 33)) }
  }

  /// The lengths of prefixes that may contain this one.
  func shorter(than prefix: IPPrefix) -> ArraySlice<UInt8> {
    used[prefix.base.isIPv4 ? 0 : 1].prefix { $0 < prefix.length }
  }
}
