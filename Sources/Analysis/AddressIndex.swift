import Terms

/// Finds members by the addresses and prefixes that they were noted under, each in a group; for
/// those who would otherwise hold a newcomer against everybody they know.
///
/// A look costs a probe per prefix length in use, and shows at most `listLimit` members of one key:
/// the cost of a look is bounded whatever is noted. Of more members of a key the newest are found.
@frozen
public struct AddressIndex<
  Group: FixedWidthInteger & Sendable & Codable, Member: Hashable & Sendable & Codable
>: Sendable, Codable {
  @frozen public struct Key: Hashable, Sendable, Codable {
    public var prefix: IPPrefix
    /// After the prefix, in whose last word there is room.
    public var group: Group

    @inlinable public init(_ group: Group, _ prefix: IPPrefix) {
      self.group = group
      self.prefix = prefix
    }

    @inlinable public func hash(into hasher: inout Hasher) {
      hasher.combine(group)
      hasher.combine(prefix)
    }

    @inlinable public func _rawHashValue(seed: Int) -> Int {
      prefix._rawHashValue(seed: seed ^ Int(truncatingIfNeeded: group) << 40)
    }
  }

  /// The most members of one key.
  @inlinable public static var listLimit: Int { 128 }

  /// One member of a key is the rule; more of them wait in `others`, in order of arrival.
  @usableFromInline var first: [Key: Member] = [:]
  @usableFromInline var others: [Key: [Member]] = [:]
  /// Keys by prefix length, of IPv4 at 0…32 and of IPv6 at 33…161; hosts are not counted.
  @usableFromInline var lengths: [Int32] = Array(repeating: 0, count: 162)
  /// Lengths of IPv4 and IPv6 prefixes in use, shortest first.
  @usableFromInline var lengthsInUse: [[UInt8]] = [[], []]

  @inlinable public init() {}

  /// Notes a member; false when it is already noted under the key.
  @inlinable public mutating func add(_ member: Member, under key: Key) -> Bool {
    guard let holder = first[key] else {
      first[key] = member
      count(key.prefix, 1)
      return true
    }
    guard holder != member else { return false }
    guard var list = others.removeValue(forKey: key) else {
      others[key] = [member]
      return true
    }
    defer { others[key] = list }
    guard !list.contains(member) else { return false }
    list.append(member)
    if list.count >= Self.listLimit { first[key] = list.removeFirst() }
    return true
  }

  /// Forgets a member under a key; nothing where it is not noted any more.
  @inlinable public mutating func remove(_ member: Member, under key: Key) {
    guard let holder = first[key] else { return }
    var list = others.removeValue(forKey: key) ?? []
    if holder == member {
      if list.isEmpty {
        first[key] = nil
        count(key.prefix, -1)
      } else {
        first[key] = list.removeFirst()
      }
    } else {
      list.removeAll { $0 == member }
    }
    if !list.isEmpty { others[key] = list }
  }

  /// Shows the members of a group under this address or prefix, and under every prefix that
  /// contains it; some of them twice.
  @inlinable public func visit(_ group: Group, _ prefix: IPPrefix, _ body: (Member) -> Void) {
    visit(Key(group, prefix), body)
    for length in lengthsInUse[prefix.base.isIPv4 ? 0 : 1] where length < prefix.length {
      visit(Key(group, IPPrefix(prefix.base, length: Int(length))), body)
    }
  }

  @inlinable func visit(_ key: Key, _ body: (Member) -> Void) {
    guard let holder = first[key] else { return }
    body(holder)
    guard let list = others[key] else { return }
    for member in list { body(member) }
  }

  @inlinable mutating func count(_ prefix: IPPrefix, _ change: Int32) {
    guard !prefix.isHost else { return }
    let isIPv4 = prefix.base.isIPv4
    let place = Int(prefix.length) + (isIPv4 ? 0 : 33)
    guard lengths.indices.contains(place) else { return }
    lengths[place] += change
    let family = isIPv4 ? 0...31 : 33...160
    lengthsInUse[isIPv4 ? 0 : 1] = family.filter { lengths[$0] > 0 }.map {
      UInt8($0 - (isIPv4 ? 0 : 33))
    }
  }
}
