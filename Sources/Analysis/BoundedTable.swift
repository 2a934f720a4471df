import CPrefetch
import Terms

/// What a `BoundedTable` is keyed by: an address and 64 bits of detail (a port, a transport, or
/// nothing).
@frozen public struct TableKey: Hashable, Sendable {
  public var high: UInt64
  public var low: UInt64
  public var detail: UInt64

  @inlinable public init(_ address: IPAddress, detail: UInt64 = 0) {
    high = address.high
    low = address.low
    self.detail = detail
  }

  public static let none = TableKey(.unspecified)

  @inlinable public var address: IPAddress { IPAddress(high: high, low: low) }

  @inlinable public func hash(into hasher: inout Hasher) { hasher.combine(hash) }

  /// A well-mixed 64-bit hash; the same in every run, so that results are reproducible.
  @inlinable public var hash: UInt64 {
    let first = (low ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(by: high ^ 0xa076_1d64_78bd_642f)
    let second = (first.high ^ first.low ^ detail).multipliedFullWidth(by: 0xe703_7ed1_a0b4_28db)
    return second.high ^ second.low
  }
}

/// A table of fixed size that a flood of new keys cannot empty of what it has learnt.
///
/// Each key has one bucket of `ways` places. An entry carries a *hold*: until then it cannot be
/// given away. Engines extend the hold as evidence about a key grows, so a new key (one spoofed
/// packet) replaces another new key, never a source that has been seen to misbehave. When every
/// place of a bucket is held, the new key is refused and counted.
///
/// A bucket is one line of the processor's cache: of each entry 31 bits of the hash and the number
/// of its *slot*. Keys and values stand in the slots, which are made as they are needed: a table
/// takes room for what it holds, not for what it could hold.
@frozen public struct BoundedTable<Value: Sendable>: Sendable {
  /// Entries per bucket; the most that one lookup compares.
  @inlinable public static var ways: Int { TableBucket.ways }

  /// Per bucket the marks of its entries (0 is free), then their slots.
  @usableFromInline var buckets: ZeroedArray<UInt32>
  /// Of each place in a bucket; its time as `CaptureTime.ordered`, 0 where it is free.
  @usableFromInline var holds: ZeroedArray<UInt64>
  /// Of each slot.
  @usableFromInline var keys: [TableKey] = []
  @usableFromInline var values: [Value] = []
  /// Where the slot's mark stands: bucket · `ways` + way; -1 when it is free.
  @usableFromInline var places: [Int32] = []
  /// Free slots; the last is taken next.
  @usableFromInline var free: [Int32] = []
  /// The value of a fresh slot, in an array so that a table itself is small: methods that only look
  /// are lent a copy of it.
  @usableFromInline let empty: [Value]
  @usableFromInline let bucketMask: Int
  @usableFromInline var used = 0
  @usableFromInline var refused: UInt64 = 0

  /// Room for at least `capacity` entries, rounded up to a power of two; `empty` is the value of a
  /// fresh slot.
  public init(capacity: Int, empty: Value) {
    var buckets = 1
    while buckets &* Self.ways < capacity, buckets < 1 << 20 { buckets &*= 2 }
    self.buckets = ZeroedArray(count: buckets &* Self.ways &* 2)
    holds = ZeroedArray(count: buckets &* Self.ways)
    self.empty = [empty]
    bucketMask = buckets - 1
  }

  @inlinable public var capacity: Int { holds.count }

  /// Slots in use.
  @inlinable public var count: Int { used }

  /// Keys turned away because their bucket was held by others.
  @inlinable public var refusedCount: UInt64 { refused }

  @inlinable static func mark(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash &>> 32) | 1
  }

  @inlinable @inline(__always) func bucketStart(_ hash: UInt64) -> Int {
    (Int(truncatingIfNeeded: hash) & bucketMask) &* Self.ways
  }

  /// Asks for the memory of a key's bucket.
  @inlinable @inline(__always) public func foresee(_ key: TableKey) { foresee(hash: key.hash) }

  @inlinable @inline(__always) public func foresee(hash: UInt64) {
    let start = bucketStart(hash)
    beryl_prefetch(buckets.elements + start &* 2)
    beryl_prefetch(holds.elements + start)
  }

  /// The slot of `key`, or -1.
  @inlinable @inline(__always) public func find(_ key: TableKey) -> Int {
    find(key, hash: key.hash)
  }

  /// - Parameter hash: the key's.
  @inlinable @inline(__always) public func find(_ key: TableKey, hash: UInt64) -> Int {
    guard used > 0 else { return -1 }
    return TableBucket.find(
      key, Self.mark(hash), in: buckets.elements + bucketStart(hash) &* 2, keys)
  }

  /// Where `key`, which is not in the table, could go: a free slot, or the one whose hold ran out
  /// first; -1 (and counted) when all are still held. What stands there is lost by the `occupy`
  /// that follows.
  @inlinable public mutating func vacancy(for key: TableKey, asOf now: CaptureTime) -> Int {
    vacancy(at: vacantPlace(key.hash), asOf: now)
  }

  @inlinable mutating func vacancy(at place: Int, asOf now: CaptureTime) -> Int {
    guard holds.elements[place] <= now.ordered else {
      refused &+= 1
      return -1
    }
    if holds.elements[place] > 0 { return Int(buckets.elements[Self.slotIndex(place)]) }
    if free.isEmpty {
      free.append(Int32(truncatingIfNeeded: keys.count))
      keys.append(.none)
      values.append(empty[0])
      places.append(-1)
    }
    return Int(free[free.count &- 1])
  }

  /// Where a bucket's slot number stands.
  @inlinable static func slotIndex(_ place: Int) -> Int {
    (place & ~(ways &- 1)) &* 2 &+ ways &+ place & (ways &- 1)
  }

  /// The place in a bucket whose hold is the earliest.
  @inlinable @inline(__always) func vacantPlace(_ hash: UInt64) -> Int {
    let start = bucketStart(hash)
    return start &+ TableBucket.earliest(in: holds.elements + start)
  }

  /// Whether `slot` holds a key.
  @inlinable public func isOccupied(_ slot: Int) -> Bool { places[slot] >= 0 }

  /// Gives `slot`, the key's vacancy, to `key` with a fresh value, held until `hold`.
  @inlinable
  public mutating func occupy(_ slot: Int, with key: TableKey, until hold: CaptureTime) {
    let hash = key.hash
    occupy(slot, at: vacantPlace(hash), with: key, Self.mark(hash), until: hold)
  }

  @inlinable mutating func occupy(
    _ slot: Int, at place: Int, with key: TableKey, _ mark: UInt32, until hold: CaptureTime
  ) {
    if places[slot] < 0 {
      precondition(free.last == Int32(truncatingIfNeeded: slot), "not the key's vacancy")
      free.removeLast()
      places[slot] = Int32(truncatingIfNeeded: place)
      used &+= 1
    }
    let index = Self.slotIndex(place)
    let bucket = buckets.mutableElements()
    bucket[index] = UInt32(truncatingIfNeeded: slot)
    bucket[index &- Self.ways] = mark
    holds.mutableElements()[place] = Swift.max(hold.ordered, 1)
    keys[slot] = key
    values[slot] = empty[0]
  }

  /// The slot of `key`, claimed if need be until `hold`; -1 when its bucket is held by others.
  @inlinable
  public mutating func admit(_ key: TableKey, asOf now: CaptureTime, until hold: CaptureTime) -> Int
  {
    let hash = key.hash
    let known = find(key, hash: hash)
    if known >= 0 { return known }
    let place = vacantPlace(hash)
    let slot = vacancy(at: place, asOf: now)
    if slot >= 0 { occupy(slot, at: place, with: key, Self.mark(hash), until: hold) }
    return slot
  }

  /// Keeps the slot's key at least until `hold`.
  @inlinable public mutating func keep(_ slot: Int, until hold: CaptureTime) {
    let place = Int(places[slot])
    guard place >= 0 else { return }
    let ordered = hold.ordered
    if holds.elements[place] < ordered { holds.mutableElements()[place] = ordered }
  }

  @inlinable public mutating func remove(_ slot: Int) {
    let place = Int(places[slot])
    guard place >= 0 else { return }
    buckets.mutableElements()[Self.slotIndex(place) &- Self.ways] = 0
    holds.mutableElements()[place] = 0
    places[slot] = -1
    keys[slot] = .none
    values[slot] = empty[0]
    free.append(Int32(truncatingIfNeeded: slot))
    used &-= 1
  }

  @inlinable public mutating func removeAll() {
    guard used > 0 else { return }
    for slot in places.indices where places[slot] >= 0 { remove(slot) }
  }

  @inlinable public func key(_ slot: Int) -> TableKey { keys[slot] }
  @inlinable public func hold(_ slot: Int) -> CaptureTime {
    places[slot] < 0 ? .distantPast : CaptureTime(ordered: holds.elements[Int(places[slot])])
  }

  @inlinable public subscript(slot: Int) -> Value {
    _read { yield values[slot] }
    _modify { yield &values[slot] }
  }

  /// The occupied slots, in the order of their places in the table.
  public var slots: [Int] {
    guard used > 0 else { return [] }
    var slots: [Int] = []
    slots.reserveCapacity(used)
    if used &* 16 < capacity {
      for slot in places.indices where places[slot] >= 0 { slots.append(slot) }
      slots.sort { places[$0] < places[$1] }
    } else {
      for place in 0..<capacity where holds.elements[place] > 0 {
        slots.append(Int(buckets.elements[Self.slotIndex(place)]))
      }
    }
    return slots
  }
}
