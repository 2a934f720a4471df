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
  fileprivate static let patience = 8

  private let capacity: Int
  private var rings: [Ring]
  /// Openings that gave way to newer ones while they could still have been continued.
  private(set) var evicted: UInt64 = 0

  /// What joins where no address does.
  fileprivate static let anywhere = IPPrefix(.unspecified, length: 0)

  init(_ plan: DirectivePlan, capacity: Int) {
    self.capacity = max(1, min(capacity, 1 << 20))
    rings = plan.roots.map { Ring(finds: $0.finds, isTimed: $0.isTimed) }
  }

  /// Keeps an opening, or the newer revision of one.
  mutating func insert(_ sighting: Sighting, root: Int, within: TimeSpan) {
    if rings[root].insert(sighting, within: within, capacity: capacity) { evicted &+= 1 }
  }

  /// The newest openings of a root that have `address` in the role, newest first.
  func find(_ root: Int, _ address: IPPrefix?, _ field: ReportField?) -> (Sighting?, Sighting?) {
    guard let newest = rings[root].index[Key(address ?? Self.anywhere, field)] else {
      return (nil, nil)
    }
    return (
      rings[root].slots[newest.last].sighting,
      newest.before.map { rings[root].slots[$0].sighting }
    )
  }
}

extension OpeningTable.Ring {
  /// true when one that could still have been continued gave way.
  fileprivate mutating func insert(
    _ sighting: Sighting, within: TimeSpan, capacity: Int
  ) -> Bool {
    let keys = keys(sighting.report)
    // A first revision is new.
    if sighting.report.revision > 0, let slot = slotOf(sighting.report.id, keys) {
      let old = self.keys(slots[slot].sighting.report)
      slots[slot].sighting = sighting
      if old != keys { forget(slot, old.filter { !keys.contains($0) }) }
      note(slot, keys)
      return false
    }
    let opening = OpeningTable.Opening(sighting: sighting, crowd: Crowd(sighting.report))
    var isLost = false
    let slot: Int
    if slots.count < capacity {
      slot = slots.count
      slots.append(opening)
    } else {
      (slot, isLost) = vacate(asOf: sighting.report.first, within, capacity)
      slots[slot] = opening
    }
    counts.add(opening.crowd)
    note(slot, keys)
    return isLost
  }

  private func keys(_ report: Report) -> [OpeningTable.Key] {
    var keys = isTimed ? [OpeningTable.Key(OpeningTable.anywhere, nil)] : []
    for field in finds {
      for address in (field == .source ? report.sources : report.targets).listed {
        keys.append(OpeningTable.Key(address, field))
      }
    }
    return keys
  }

  /// Empties a slot: the next that is past its time or of a crowd that holds its share, else of the
  /// next few the one whose crowd holds most; and whether it was not past its time.
  private mutating func vacate(
    asOf now: CaptureTime, _ within: TimeSpan, _ capacity: Int
  ) -> (slot: Int, isLost: Bool) {
    var victim = hand
    var most = (child: 0, block: 0)
    var steps = 0
    while steps < min(OpeningTable.patience, capacity) {
      let slot = (hand + steps) % capacity
      steps += 1
      let isOver = slots[slot].sighting.report.last + within < now
      let weight = isOver ? most : counts.weight(slots[slot].crowd)
      if isOver || counts.isHeavy(weight) {
        victim = slot
        break
      }
      if weight > most {
        most = weight
        victim = slot
      }
    }
    hand = (hand + steps) % capacity
    let old = slots[victim]
    counts.remove(old.crowd)
    forget(victim, keys(old.sighting.report))
    return (victim, old.sighting.report.last + within >= now)
  }

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
