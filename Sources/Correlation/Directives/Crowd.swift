import Reports
import Terms

/// Who answers for a report where room is shared out: the monitor that told it, and the block of
/// addresses that its first source lies in. Room is taken from whoever holds most of it, so that a
/// flood, of sources in one network or of one child's forging, makes room at its own expense.
struct Crowd: Hashable, Sendable, Codable {
  let child: MonitorName
  let block: IPPrefix

  func hash(into hasher: inout Hasher) {
    hasher.combine(block)
    hasher.combine(child.text.utf8.count)
  }

  func _rawHashValue(seed: Int) -> Int {
    // Names of one length share a place: children are few, and blocks many.
    block._rawHashValue(seed: seed ^ child.text.utf8.count << 48)
  }

  /// What one holder of addresses commonly has: /16, or /32 of IPv6.
  private static let blockLength = (v4: 16, v6: 32)

  init(_ report: Report) {
    child = report.monitor
    let first = report.sources.listed.first ?? report.targets.listed.first
    let address = first?.base ?? .unspecified
    block = IPPrefix(
      address, length: address.isIPv4 ? Self.blockLength.v4 : Self.blockLength.v6)
  }
}

/// How many entries each child and each block of a child's hold.
struct CrowdCounts: Sendable, Codable {
  private var children: [MonitorName: Int] = [:]
  private var crowds: [Crowd: Int] = [:]
  private var total = 0

  mutating func add(_ crowd: Crowd) {
    children[crowd.child, default: 0] += 1
    crowds[crowd, default: 0] += 1
    total += 1
  }

  mutating func remove(_ crowd: Crowd) {
    guard let count = crowds[crowd] else { return }
    crowds[crowd] = count > 1 ? count - 1 : nil
    let ofChild = children[crowd.child] ?? 1
    children[crowd.child] = ofChild > 1 ? ofChild - 1 : nil
    total -= 1
  }

  /// Entries of the child, and of the block.
  func weight(_ crowd: Crowd) -> (child: Int, block: Int) {
    (children[crowd.child] ?? 0, crowds[crowd] ?? 0)
  }

  /// Whether whose entries are so many holds its share or more, as a child and as a block.
  func isHeavy(_ weight: (child: Int, block: Int)) -> Bool {
    weight.child * children.count >= total && weight.block * crowds.count >= total
  }
}
