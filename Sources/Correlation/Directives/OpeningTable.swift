import Hierarchy
import Reports
import Terms

/// A report as several directives hold it.
final class Sighting: Sendable {
  let report: Report
  /// This monitor's own conclusion, which is in no archive; what it rests on is.
  let isOwn: Bool

  init(_ report: Report, isOwn: Bool) {
    self.report = report
    self.isOwn = isOwn
  }
}

/// The reports that opened something and wait for a second stage: one ring per root, the oldest
/// goes first. Found by address, the two newest of each.
struct OpeningTable: Sendable {
  fileprivate struct Key: Hashable {
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
  }

  /// Serials of the newest opening of a key and the one before it; 0 for none.
  fileprivate struct Newest {
    var last: UInt32
    var before: UInt32
  }

  fileprivate struct Ring: Sendable {
    let finds: [ReportField]
    /// Whether some second stage is joined to it by time alone.
    let isTimed: Bool
    var slots: [Sighting?] = []
    /// The serial of the newest; slot = (serial − 1) modulo capacity.
    var serial: UInt32 = 0
    var index: [Key: Newest] = [:]
  }

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
    if let serial = rings[root].serialOf(sighting.report.id, keys) {
      rings[root].slots[slot(serial)] = sighting
      rings[root].note(serial, keys)
      return
    }
    rings[root].serial &+= 1
    if rings[root].serial == 0 { rings[root].restart() }
    let serial = rings[root].serial
    let place = slot(serial)
    if place < rings[root].slots.count {
      evict(root, serial: serial &- UInt32(capacity), asOf: sighting.report.first, within)
      rings[root].slots[place] = sighting
    } else {
      rings[root].slots.append(sighting)
    }
    rings[root].note(serial, keys)
  }

  /// The newest openings of a root that have `address` in the role, newest first.
  func find(_ root: Int, _ address: IPPrefix?, _ field: ReportField?) -> (Sighting?, Sighting?) {
    guard let newest = rings[root].index[Key(address ?? Self.anywhere, field)] else {
      return (nil, nil)
    }
    return (sighting(root, newest.last), sighting(root, newest.before))
  }

  private func sighting(_ root: Int, _ serial: UInt32) -> Sighting? {
    guard serial > 0, rings[root].serial &- serial < UInt32(capacity) else { return nil }
    return rings[root].slots[slot(serial)]
  }

  private func slot(_ serial: UInt32) -> Int { Int(serial &- 1) % capacity }

  private func keys(_ report: Report, _ root: Int) -> [Key] {
    var keys = rings[root].isTimed ? [Key(Self.anywhere, nil)] : []
    for field in rings[root].finds {
      let set = field == .source ? report.sources : report.targets
      for address in set.listed { keys.append(Key(address, field)) }
    }
    return keys
  }

  private mutating func evict(
    _ root: Int, serial: UInt32, asOf now: CaptureTime, _ within: TimeSpan
  ) {
    guard let old = rings[root].slots[slot(serial)] else { return }
    if old.report.last + within >= now { evicted &+= 1 }
    rings[root].forget(serial, keys(old.report, root))
  }
}

extension OpeningTable.Ring {
  /// The opening with this id among those its addresses lead to.
  fileprivate func serialOf(_ id: ReportID, _ keys: [OpeningTable.Key]) -> UInt32? {
    for key in keys where key.role > 0 {
      guard let newest = index[key] else { return nil }
      for serial in [newest.last, newest.before] where serial > 0 {
        let slot = Int(serial &- 1) % max(1, slots.count)
        if slots.indices.contains(slot), slots[slot]?.report.id == id { return serial }
      }
    }
    return nil
  }

  fileprivate mutating func note(_ serial: UInt32, _ keys: [OpeningTable.Key]) {
    for key in keys {
      guard let known = index[key] else {
        index[key] = .init(last: serial, before: 0)
        continue
      }
      guard known.last != serial, known.before != serial else { continue }
      index[key] = .init(last: serial, before: known.last)
    }
  }

  fileprivate mutating func forget(_ serial: UInt32, _ keys: [OpeningTable.Key]) {
    for key in keys {
      guard let known = index[key] else { continue }
      if known.last == serial {
        index[key] = nil
      } else if known.before == serial {
        index[key]?.before = 0
      }
    }
  }

  /// After four thousand million openings serials begin again.
  fileprivate mutating func restart() {
    slots = []
    index = [:]
    serial = 1
  }
}
