/// Some of a plan's roots, by their numbers: a word for the first, more where there are very many.
struct RootSet: Sendable, Equatable, Codable {
  /// The first 64.
  private(set) var low: UInt64 = 0
  private var more: [UInt64] = []

  /// Whether `low` says all.
  var isShort: Bool { more.isEmpty }

  /// All of them in one word: a bit may stand for several.
  var folded: UInt64 { more.isEmpty ? low : more.reduce(low, |) }

  var isEmpty: Bool { low == 0 && more.allSatisfy { $0 == 0 } }

  mutating func insert(_ root: Int) {
    guard root >= 64 else {
      low |= 1 << UInt64(root)
      return
    }
    let word = root / 64 - 1
    while more.count <= word { more.append(0) }
    more[word] |= 1 << UInt64(root % 64)
  }

  func contains(_ root: Int) -> Bool {
    guard root >= 64 else { return low & 1 << UInt64(root) != 0 }
    let word = root / 64 - 1
    return word < more.count && more[word] & 1 << UInt64(root % 64) != 0
  }

  mutating func formUnion(_ other: RootSet) {
    low |= other.low
    guard !other.more.isEmpty else { return }
    while more.count < other.more.count { more.append(0) }
    for word in other.more.indices { more[word] |= other.more[word] }
  }

  func intersection(_ other: RootSet) -> RootSet {
    var common = self
    common.low &= other.low
    guard !more.isEmpty else { return common }
    if common.more.count > other.more.count {
      common.more.removeLast(common.more.count - other.more.count)
    }
    for word in common.more.indices { common.more[word] &= other.more[word] }
    return common
  }

  /// Each, in order.
  var members: [Int] {
    var list: [Int] = []
    Self.add(low, from: 0, to: &list)
    for word in more.indices { Self.add(more[word], from: 64 * (word + 1), to: &list) }
    return list
  }

  private static func add(_ word: UInt64, from start: Int, to list: inout [Int]) {
    var bits = word
    while bits != 0 {
      list.append(start + bits.trailingZeroBitCount)
      bits &= bits &- 1
    }
  }
}
