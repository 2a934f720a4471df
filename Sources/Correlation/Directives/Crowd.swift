import Reports
import Terms

/// Who answers for a report where room is shared out: the monitor that told it, and the block of
/// addresses that its first source lies in. Room is taken from whoever holds most of it, so that a
/// flood, of sources in one network or of one child's forging, makes room at its own expense.
struct Crowd: Hashable, Sendable, Codable {
  /// The monitor that told it, by the FNV-1a hash of its name.
  struct Child: Hashable, Sendable, Codable {
    let mark: UInt64

    func hash(into hasher: inout Hasher) { hasher.combine(mark) }
    func _rawHashValue(seed: Int) -> Int { TableHash.of(mark, 0, seed: seed) }
  }

  let child: Child
  let block: IPPrefix

  func hash(into hasher: inout Hasher) {
    hasher.combine(block)
    hasher.combine(child)
  }

  func _rawHashValue(seed: Int) -> Int {
    block._rawHashValue(seed: seed ^ Int(truncatingIfNeeded: child.mark))
  }

  static let nobody = Crowd(
    child: Child(mark: 0), block: IPPrefix(.unspecified, length: 0))

  private init(child: Child, block: IPPrefix) {
    self.child = child
    self.block = block
  }

  /// What one holder of addresses commonly has: /16, or /32 of IPv6.
  private static let blockLength = (v4: 16, v6: 32)

  init(_ report: Report) {
    child = Child(mark: report.monitor.text.utf8.fnv1a)
    let first = report.sources.listed.first ?? report.targets.listed.first
    let address = first?.base ?? .unspecified
    block = IPPrefix(
      address, length: address.isIPv4 ? Self.blockLength.v4 : Self.blockLength.v6)
  }
}

/// How many entries each child and each block of a child's hold. Who holds some has a number, by
/// which the counts are found without a look-up.
struct CrowdCounts: Sendable, Codable {
  private struct Holder: Sendable, Codable {
    var crowd: Crowd
    var child: Int32
    var count: Int
  }

  private struct ChildHolder: Sendable, Codable {
    var child: Crowd.Child
    var count: Int
  }

  private var numbers: [Crowd: Int32] = [:]
  private var holders: [Holder] = []
  private var vacant: [Int32] = []
  private var childNumbers: [Crowd.Child: Int32] = [:]
  private var children: [ChildHolder] = []
  private var vacantChildren: [Int32] = []
  private var total = 0

  /// Counts one more entry; the crowd's number, good as long as it holds any.
  mutating func add(_ crowd: Crowd) -> Int32 {
    total += 1
    if let known = numbers[crowd] {
      holders[Int(known)].count += 1
      children[Int(holders[Int(known)].child)].count += 1
      return known
    }
    let child = self.child(crowd.child)
    children[Int(child)].count += 1
    let holder = Holder(crowd: crowd, child: child, count: 1)
    let number = vacant.popLast() ?? Int32(holders.count)
    if Int(number) == holders.count {
      holders.append(holder)
    } else {
      holders[Int(number)] = holder
    }
    numbers[crowd] = number
    return number
  }

  private mutating func child(_ child: Crowd.Child) -> Int32 {
    if let known = childNumbers[child] { return known }
    let holder = ChildHolder(child: child, count: 0)
    let number = vacantChildren.popLast() ?? Int32(children.count)
    if Int(number) == children.count {
      children.append(holder)
    } else {
      children[Int(number)] = holder
    }
    childNumbers[child] = number
    return number
  }

  mutating func remove(_ number: Int32) {
    total -= 1
    let child = Int(holders[Int(number)].child)
    holders[Int(number)].count -= 1
    children[child].count -= 1
    if holders[Int(number)].count == 0 {
      numbers[holders[Int(number)].crowd] = nil
      vacant.append(number)
    }
    if children[child].count == 0 {
      childNumbers[children[child].child] = nil
      vacantChildren.append(Int32(child))
    }
  }

  /// Entries of the child, and of the block.
  func weight(_ number: Int32) -> (child: Int, block: Int) {
    let holder = holders[Int(number)]
    return (children[Int(holder.child)].count, holder.count)
  }

  /// Whether whose entries are so many holds its share or more, as a child and as a block.
  func isHeavy(_ weight: (child: Int, block: Int)) -> Bool {
    weight.child * childNumbers.count >= total && weight.block * numbers.count >= total
  }
}
