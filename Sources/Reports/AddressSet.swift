import Terms

/// A bounded set of addresses or prefixes that stays countable when it overflows: the first
/// `listLimit` are named, all are counted.
public struct AddressSet: Hashable, Sendable {
  /// Addresses and prefixes named at most.
  public static let listLimit = 64

  /// Sorted, without repeats.
  public private(set) var listed: [IPPrefix] = []
  /// What was ever inserted, in a list of one; empty as long as `listed` names all of it, as nearly
  /// always.
  private var counts: [DistinctCount] = []
  private var counted: DistinctCount? { counts.first }

  public init() {}

  public init(_ addresses: some Sequence<IPAddress>) {
    for address in addresses { insert(address) }
  }

  /// Rebuilds a set from its wire form; nil when the parts contradict each other.
  public init?(listed: [IPPrefix], distinct: DistinctCount) {
    self.init(listed: listed)
    counts = [distinct]
    settle()
  }

  /// A set that names all its members; nil when they are too many, or not in order.
  init?(listed: [IPPrefix]) {
    guard listed.count <= Self.listLimit, zip(listed, listed.dropFirst()).allSatisfy({ $0 < $1 })
    else { return nil }
    self.listed = listed
  }

  /// Distinct addresses ever inserted; a prefix counts as one.
  public var distinct: DistinctCount { counted ?? DistinctCount(different: listed.map(Self.hash)) }

  /// How many distinct members were inserted (an estimate past `DistinctCount.exactLimit`).
  public var count: Int { counted.map { max($0.value, listed.count) } ?? listed.count }
  public var isEmpty: Bool { listed.isEmpty }
  /// Whether `listed` names every member.
  public var isComplete: Bool {
    counted.map { $0.isExact && $0.hashes.count <= listed.count } ?? true
  }
  /// Whether `distinct` says no more than `listed`.
  var isListed: Bool { counts.isEmpty }

  public mutating func insert(_ address: IPAddress) { insert(IPPrefix(host: address)) }

  public mutating func insert(_ prefix: IPPrefix) {
    if counts.isEmpty {
      guard listed.count == Self.listLimit, place(of: prefix) == nil else {
        list(prefix)
        return
      }
      counts = [distinct]
    }
    list(prefix)
    counts[0].insert(hash: Self.hash(prefix))
    settle()
  }

  /// What `distinct` counts a member by.
  static func hash(_ prefix: IPPrefix) -> UInt64 {
    prefix.isHost
      ? DistinctCount.hash(prefix.base.high, prefix.base.low)
      : DistinctCount.hash(prefix.base.high ^ UInt64(prefix.length) << 56, prefix.base.low)
  }

  public mutating func formUnion(_ other: AddressSet) {
    if other.counts.isEmpty {
      if counts.isEmpty, other.names(all: listed) {
        listed = other.listed
      } else {
        for prefix in other.listed { insert(prefix) }
      }
      return
    }
    counts = [distinct]
    for prefix in other.listed { list(prefix) }
    counts[0].formUnion(other.distinct)
    settle()
  }

  /// This set, a union of `parts`, with a better choice of names where it cannot name all: members
  /// that a part names in full come before what is listed of a crowd, which is chance.
  public func naming(_ parts: some Sequence<AddressSet>) -> AddressSet {
    guard !isComplete else { return self }
    var named = AddressSet()
    for part in parts where part.isComplete { named.formUnion(part) }
    guard !named.isEmpty, named.isComplete else { return self }
    for prefix in listed where named.listed.count < Self.listLimit { named.list(prefix) }
    return AddressSet(listed: named.listed, distinct: distinct) ?? self
  }

  /// Whether all of an ascending list are among those named.
  public func names(all members: [IPPrefix]) -> Bool {
    guard members.count <= listed.count else { return false }
    var place = 0
    for member in members {
      while place < listed.count, listed[place] < member { place += 1 }
      guard place < listed.count, listed[place] == member else { return false }
      place += 1
    }
    return true
  }

  /// Forgets the count where the list tells as much, so that equal sets are equal.
  private mutating func settle() {
    // Most are crowds: those are not copied to be looked at.
    guard !counts.isEmpty, counts[0].isExact else { return }
    guard let counted, counted.hashes.count == listed.count,
      counted == DistinctCount(different: listed.map(Self.hash))
    else { return }
    counts = []
  }

  /// Whether a listed member is, or covers, `address`.
  public func covers(_ address: IPAddress) -> Bool { listed.contains { $0.contains(address) } }

  /// Whether some listed member overlaps one of `other`'s.
  public func overlaps(_ other: AddressSet) -> Bool {
    guard listed.allSatisfy(\.isHost), other.listed.allSatisfy(\.isHost) else {
      return listed.contains { mine in other.listed.contains { $0.overlaps(mine) } }
    }
    var mine = 0
    var theirs = 0
    while mine < listed.count, theirs < other.listed.count {
      if listed[mine] == other.listed[theirs] { return true }
      if listed[mine] < other.listed[theirs] { mine += 1 } else { theirs += 1 }
    }
    return false
  }

  /// The smallest members are kept when the list is full, so that the result does not depend on
  /// arrival order.
  private mutating func list(_ prefix: IPPrefix) {
    guard let last = listed.last, !(last < prefix) else {
      if listed.count < Self.listLimit { listed.append(prefix) }
      return
    }
    let place = lowerBound(prefix)
    if listed[place] == prefix { return }
    listed.insert(prefix, at: place)
    if listed.count > Self.listLimit { listed.removeLast() }
  }

  /// The first place whose member is not less than `prefix`.
  private func lowerBound(_ prefix: IPPrefix) -> Int {
    var low = 0
    var high = listed.count
    while low < high {
      let middle = (low + high) / 2
      if listed[middle] < prefix { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func place(of prefix: IPPrefix) -> Int? {
    let place = lowerBound(prefix)
    return place < listed.count && listed[place] == prefix ? place : nil
  }
}
