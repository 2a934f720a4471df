import Hierarchy
import Reports
import Terms

/// The reports that opened something and wait for a second stage: one ring per root. Found by
/// address, the two newest of each.
///
/// The oldest goes first, but of those only whoever holds its share of the ring or more (`Crowd`):
/// a flood of openings pushes out its own.
struct OpeningTable: Sendable, Codable {
  fileprivate struct Key: Hashable, Codable {
    var address: IPPrefix
    var role: UInt8

    init(_ address: IPPrefix, _ field: ReportField?) {
      self.address = address
      role = field == .source ? 1 : field == .target ? 2 : 0
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(address.base.low)
      hasher.combine(address.base.high ^ UInt64(role) << 56)
    }

    func _rawHashValue(seed: Int) -> Int {
      address._rawHashValue(seed: seed ^ Int(role) << 40)
    }
  }

  /// Slots of the newest opening of a key and the one before it.
  fileprivate struct Newest: Codable {
    var last: Int
    var before: Int?
  }

  fileprivate struct Opening: Codable {
    var sighting: Sighting
    let crowd: Crowd
  }

  fileprivate struct Ring: Sendable, Codable {
    let finds: [ReportField]
    /// Whether some second stage is joined to it by time alone.
    let isTimed: Bool
    var slots: [Opening] = []
    /// The slot that gives way next, once all are taken.
    var hand = 0
    var counts = CrowdCounts()
    var index: [Key: Newest] = [:]
  }

  /// How many older openings are passed over, at most, for the sake of one that holds less.
  private static let patience = 8

  private let capacity: Int
  private var rings: [Ring]
  /// Openings that gave way to newer ones while they could still have been continued.
  private(set) var evicted: UInt64 = 0

  /// What joins where no address does.
  private static let anywhere = IPPrefix(.unspecified, length: 0)

  init(_ plan: DirectivePlan, capacity: Int) {
    self.capacity = max(1, min(capacity, 1 << 20))
    rings = plan.roots.map { Ring(finds: $0.finds, isTimed: $0.isTimed) }
  }

  /// Keeps an opening, or the newer revision of one.
  mutating func insert(_ sighting: Sighting, root: Int, within: TimeSpan) {
    let keys = keys(sighting.report, root)
    // A first revision is new.
    if sighting.report.revision > 0, let slot = rings[root].slotOf(sighting.report.id, keys) {
      let old = self.keys(rings[root].slots[slot].sighting.report, root)
      rings[root].slots[slot].sighting = sighting
      rings[root].forget(slot, old.filter { !keys.contains($0) })
      rings[root].note(slot, keys)
      return
    }
    let opening = Opening(sighting: sighting, crowd: Crowd(sighting.report))
    let slot: Int
    if rings[root].slots.count < capacity {
      slot = rings[root].slots.count
      rings[root].slots.append(opening)
    } else {
      slot = vacate(root, asOf: sighting.report.first, within)
      rings[root].slots[slot] = opening
    }
    rings[root].counts.add(opening.crowd)
    rings[root].note(slot, keys)
  }

  /// The newest openings of a root that have `address` in the role, newest first.
  func find(_ root: Int, _ address: IPPrefix?, _ field: ReportField?) -> (Sighting?, Sighting?) {
    guard let newest = rings[root].index[Key(address ?? Self.anywhere, field)] else {
      return (nil, nil)
    }
    let slots = rings[root].slots
    return (slots[newest.last].sighting, newest.before.map { slots[$0].sighting })
  }

  private func keys(_ report: Report, _ root: Int) -> [Key] {
    var keys = rings[root].isTimed ? [Key(Self.anywhere, nil)] : []
    for field in rings[root].finds {
      let set = field == .source ? report.sources : report.targets
      for address in set.listed { keys.append(Key(address, field)) }
    }
    return keys
  }

  /// Empties a slot: the next that is past its time or of a crowd that holds its share, else of the
  /// next few the one whose crowd holds most.
  private mutating func vacate(_ root: Int, asOf now: CaptureTime, _ within: TimeSpan) -> Int {
    var victim = rings[root].hand
    var most = (child: 0, block: 0)
    var steps = 0
    while steps < min(Self.patience, capacity) {
      let slot = (rings[root].hand + steps) % capacity
      steps += 1
      let opening = rings[root].slots[slot]
      let isOver = opening.sighting.report.last + within < now
      let weight = rings[root].counts.weight(opening.crowd)
      if isOver || rings[root].counts.isHeavy(opening.crowd) {
        victim = slot
        break
      }
      if weight > most {
        most = weight
        victim = slot
      }
    }
    rings[root].hand = (rings[root].hand + steps) % capacity
    let old = rings[root].slots[victim]
    if old.sighting.report.last + within >= now { evicted &+= 1 }
    rings[root].counts.remove(old.crowd)
    rings[root].forget(victim, keys(old.sighting.report, root))
    return victim
  }
}

extension OpeningTable.Ring {
  /// The opening with this id among those its addresses lead to.
  fileprivate func slotOf(_ id: ReportID, _ keys: [OpeningTable.Key]) -> Int? {
    for key in keys where key.role > 0 {
      guard let newest = index[key] else { return nil }
      for slot in [newest.last, newest.before ?? newest.last]
      where slots[slot].sighting.report.id == id {
        return slot
      }
    }
    return nil
  }

  fileprivate mutating func note(_ slot: Int, _ keys: [OpeningTable.Key]) {
    for key in keys {
      guard let known = index[key] else {
        index[key] = .init(last: slot, before: nil)
        continue
      }
      guard known.last != slot, known.before != slot else { continue }
      index[key] = .init(last: slot, before: known.last)
    }
  }

  fileprivate mutating func forget(_ slot: Int, _ keys: [OpeningTable.Key]) {
    for key in keys {
      guard let known = index[key] else { continue }
      if known.last == slot {
        index[key] = known.before.map { .init(last: $0, before: nil) }
      } else if known.before == slot {
        index[key]?.before = nil
      }
    }
  }
}
