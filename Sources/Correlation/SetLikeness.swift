import Reports
import Terms

/// How alike two lists of a report are, each by one of the schema's measures.
enum SetLikeness {
  /// Of hosts and prefixes; nil where one names none.
  static func of(
    _ left: AddressSet, _ right: AddressSet, _ measure: FeatureComparison.Measure
  ) -> Double? {
    guard !left.isEmpty, !right.isEmpty else { return nil }
    switch measure {
    case .exact: return left.listed == right.listed ? 1 : 0
    case .prefix:
      return left.listed.flatMap { mine in right.listed.map { sharedBits(mine.base, $0.base) } }
        .max()
    case .vector: return vector(common(left, right), left.count, right.count)
    case .overlap, .time:
      let few = left.listed.count <= right.listed.count ? left : right
      let many = left.listed.count <= right.listed.count ? right : left
      return Double(listedCommon(few.listed, many.listed)) / Double(few.listed.count)
    }
  }

  /// Of ports; nil where one has none.
  static func of(
    _ left: [UInt16], _ right: [UInt16], _ measure: FeatureComparison.Measure
  ) -> Double? {
    guard !left.isEmpty, !right.isEmpty else { return nil }
    switch measure {
    case .exact: return left == right ? 1 : 0
    case .vector: return vector(Double(common(left, right)), left.count, right.count)
    case .overlap, .prefix, .time:
      return Double(common(left, right)) / Double(min(left.count, right.count))
    }
  }

  /// [Σ P_X·P_Y]² / (Σ P_X² · Σ P_Y²) where each of n members has the probability 1/n.
  private static func vector(_ common: Double, _ left: Int, _ right: Int) -> Double {
    min(1, common * common / (Double(left) * Double(right)))
  }

  /// How many members the two have in common; of crowds, which name but some, as their counts tell:
  /// |X| + |Y| − |X ∪ Y|.
  private static func common(_ left: AddressSet, _ right: AddressSet) -> Double {
    let few = left.listed.count <= right.listed.count ? left : right
    let many = left.listed.count <= right.listed.count ? right : left
    let listed = listedCommon(few.listed, many.listed)
    guard !left.isComplete || !right.isComplete else { return Double(listed) }
    var union = left.distinct
    union.formUnion(right.distinct)
    let estimate = left.count + right.count - union.value
    return Double(min(max(estimate, listed), left.count, right.count))
  }

  private static func listedCommon(_ few: [IPPrefix], _ many: [IPPrefix]) -> Int {
    if few.allSatisfy(\.isHost), many.allSatisfy(\.isHost) { return common(few, many) }
    return few.count { member in many.contains { $0.overlaps(member) } }
  }

  /// How many members two ascending lists have in common.
  private static func common<Member: Comparable>(_ left: [Member], _ right: [Member]) -> Int {
    var (mine, theirs, count) = (0, 0, 0)
    while mine < left.count, theirs < right.count {
      if left[mine] == right[theirs] {
        count += 1
        mine += 1
        theirs += 1
      } else if left[mine] < right[theirs] {
        mine += 1
      } else {
        theirs += 1
      }
    }
    return count
  }

  /// The members in common over those of the smaller.
  static func overlap<Member: Hashable>(_ left: Set<Member>, _ right: Set<Member>) -> Double {
    let smaller = min(left.count, right.count)
    return smaller == 0 ? 0 : Double(left.intersection(right).count) / Double(smaller)
  }

  /// Share of leading bits that agree; 0 across families.
  static func sharedBits(_ left: IPAddress, _ right: IPAddress) -> Double {
    guard left.isIPv4 == right.isIPv4 else { return 0 }
    if left.isIPv4 { return Double((left.v4 ^ right.v4).leadingZeroBitCount) / 32 }
    let high = (left.high ^ right.high).leadingZeroBitCount
    let low = high == 64 ? (left.low ^ right.low).leadingZeroBitCount : 0
    return Double(high + low) / 128
  }
}
