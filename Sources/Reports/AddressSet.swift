import Terms

/// A bounded set of addresses or prefixes that stays countable when it overflows: the first
/// `listLimit` are named, all are counted.
public struct AddressSet: Hashable, Sendable {
  /// Addresses and prefixes named at most.
  public static let listLimit = 64

  /// Sorted, without repeats.
  public private(set) var listed: [IPPrefix] = []
  /// Distinct addresses ever inserted; a prefix counts as one.
  public private(set) var distinct = DistinctCount()

  public init() {}

  public init(_ addresses: some Sequence<IPAddress>) {
    for address in addresses { insert(address) }
  }

  /// Rebuilds a set from its wire form; nil when the parts contradict each other.
  public init?(listed: [IPPrefix], distinct: DistinctCount) {
    guard listed.count <= Self.listLimit, zip(listed, listed.dropFirst()).allSatisfy({ $0 < $1 })
    else { return nil }
    self.listed = listed
    self.distinct = distinct
  }

  /// How many distinct members were inserted (an estimate past `DistinctCount.exactLimit`).
  public var count: Int { max(distinct.value, listed.count) }
  public var isEmpty: Bool { listed.isEmpty }
  /// Whether `listed` names every member.
  public var isComplete: Bool { distinct.isExact && distinct.hashes.count <= listed.count }

  public mutating func insert(_ address: IPAddress) { insert(IPPrefix(host: address)) }

  public mutating func insert(_ prefix: IPPrefix) {
    list(prefix)
    distinct.insert(hash: Self.hash(prefix))
  }

  /// What `distinct` counts a member by.
  static func hash(_ prefix: IPPrefix) -> UInt64 {
    prefix.isHost
      ? DistinctCount.hash(prefix.base.high, prefix.base.low)
      : DistinctCount.hash(prefix.base.high ^ UInt64(prefix.length) << 56, prefix.base.low)
  }

  public mutating func formUnion(_ other: AddressSet) {
    for prefix in other.listed { list(prefix) }
    distinct.formUnion(other.distinct)
  }

  /// Whether a listed member is, or covers, `address`.
  public func covers(_ address: IPAddress) -> Bool { listed.contains { $0.contains(address) } }

  /// Whether some listed member overlaps one of `other`'s.
  public func overlaps(_ other: AddressSet) -> Bool {
    listed.contains { mine in other.listed.contains { $0.overlaps(mine) } }
  }

  /// The smallest members are kept when the list is full, so that the result does not depend on
  /// arrival order.
  private mutating func list(_ prefix: IPPrefix) {
    if listed.count == Self.listLimit, let last = listed.last, last < prefix { return }
    var low = 0
    var high = listed.count
    while low < high {
      let middle = (low + high) / 2
      if listed[middle] < prefix { low = middle + 1 } else { high = middle }
    }
    if low < listed.count, listed[low] == prefix { return }
    guard low < Self.listLimit else { return }
    listed.insert(prefix, at: low)
    if listed.count > Self.listLimit { listed.removeLast() }
  }
}
