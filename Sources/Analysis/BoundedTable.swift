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
/// A bucket is two neighbouring lines of the processor's cache: of each entry 31 bits of the hash and
/// the number of its *slot*, then how long each is held. Keys and values stand in the slots, which
/// are made as they are needed: a table takes room for what it holds, not for what it could hold.
@frozen public struct BoundedTable<Value: Sendable>: Sendable {
  /// Entries per bucket; the most that one lookup compares.
  @inlinable public static var ways: Int { TableBucket.ways }

  /// Slots from which there is room for all: what is not touched costs nothing, and is not moved.
  @inlinable static var reserveFrom: Int { 256 }

  /// What stands in a slot beside the value.
  @frozen @usableFromInline struct Head: BitwiseCopyable, Sendable {
    @usableFromInline var key: TableKey
    /// Where the slot's entry stands: bucket · `ways` + way; -1 when it is free.
    @usableFromInline var place: Int32

    @inlinable init(key: TableKey, place: Int32) {
      self.key = key
      self.place = place
    }
  }

  /// Per bucket the entries (see `TableBucket`), then their holds: times as `CaptureTime.ordered`, 0
  /// where a place is free.
  @usableFromInline var buckets: ZeroedArray<UInt64>
  /// Of each slot.
  @usableFromInline var heads: [Head] = []
  @usableFromInline var values: [Value] = []
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
    self.buckets = ZeroedArray(count: buckets &* TableBucket.words)
    self.empty = [empty]
    bucketMask = buckets - 1
  }

  @inlinable public var capacity: Int { (bucketMask &+ 1) &* Self.ways }

  /// Slots in use.
  @inlinable public var count: Int { used }

  /// Keys turned away because their bucket was held by others.
  @inlinable public var refusedCount: UInt64 { refused }

  /// The first word of the key's bucket.
  @inlinable @inline(__always) func bucketStart(_ hash: UInt64) -> Int {
    (Int(truncatingIfNeeded: hash) & bucketMask) &* TableBucket.words
  }

  /// Where a place's entry stands; its hold stands `ways` words behind.
  @inlinable @inline(__always) static func word(_ place: Int) -> Int {
    (place & ~(ways &- 1)) &* 2 &+ place & (ways &- 1)
  }

  /// Asks for the memory of a key's bucket.
  @inlinable @inline(__always) public func foresee(_ key: TableKey) { foresee(hash: key.hash) }

  @inlinable @inline(__always) public func foresee(hash: UInt64) {
    let bucket = buckets.elements + bucketStart(hash)
    beryl_prefetch(bucket)
    beryl_prefetch(bucket + Self.ways)
  }

  /// The slot of `key`, or -1.
  @inlinable @inline(__always) public func find(_ key: TableKey) -> Int {
    find(key, hash: key.hash)
  }

  /// - Parameter hash: the key's.
  @inlinable @inline(__always) public func find(_ key: TableKey, hash: UInt64) -> Int {
    guard used > 0 else { return -1 }
    let bucket = buckets.elements + bucketStart(hash)
    var found = TableBucket.marked(hash, in: bucket)
    while found != 0 {
      let slot = TableBucket.slot(bucket[found.trailingZeroBitCount])
      if heads[slot].key == key { return slot }
      found &= found &- 1
    }
    return -1
  }

  /// Where `key`, which is not in the table, could go: a free slot, or the one whose hold ran out
  /// first; -1 (and counted) when all are still held. What stands there is lost by the `occupy`
  /// that follows.
  @inlinable public mutating func vacancy(for key: TableKey, asOf now: CaptureTime) -> Int {
    vacancy(at: vacantPlace(key.hash), asOf: now)
  }

  @inlinable mutating func vacancy(at place: Int, asOf now: CaptureTime) -> Int {
    let word = Self.word(place)
    let hold = buckets.elements[word &+ Self.ways]
    guard hold <= now.ordered else {
      refused &+= 1
      return -1
    }
    if hold > 0 { return TableBucket.slot(buckets.elements[word]) }
    if free.isEmpty {
      if heads.count == Self.reserveFrom {
        heads.reserveCapacity(capacity)
        values.reserveCapacity(capacity)
      }
      free.append(Int32(truncatingIfNeeded: heads.count))
      heads.append(Head(key: .none, place: -1))
      values.append(empty[0])
    }
    return Int(free[free.count &- 1])
  }

  /// The place in a bucket whose hold is the earliest.
  @inlinable @inline(__always) func vacantPlace(_ hash: UInt64) -> Int {
    let bucket = Int(truncatingIfNeeded: hash) & bucketMask
    let holds = buckets.elements + (bucket &* TableBucket.words &+ Self.ways)
    return bucket &* Self.ways &+ TableBucket.earliest(in: holds)
  }

  /// Whether `slot` holds a key.
  @inlinable public func isOccupied(_ slot: Int) -> Bool { heads[slot].place >= 0 }

  /// Gives `slot`, the key's vacancy, to `key` with a fresh value, held until `hold`.
  @inlinable
  public mutating func occupy(_ slot: Int, with key: TableKey, until hold: CaptureTime) {
    let hash = key.hash
    occupy(slot, at: vacantPlace(hash), with: key, hash, until: hold)
  }

  @inlinable mutating func occupy(
    _ slot: Int, at place: Int, with key: TableKey, _ hash: UInt64, until hold: CaptureTime
  ) {
    if heads[slot].place < 0 {
      precondition(free.last == Int32(truncatingIfNeeded: slot), "not the key's vacancy")
      free.removeLast()
      used &+= 1
    }
    let entry = buckets.mutableElements() + Self.word(place)
    entry[0] = TableBucket.entry(hash, slot: slot)
    entry[Self.ways] = Swift.max(hold.ordered, 1)
    heads[slot] = Head(key: key, place: Int32(truncatingIfNeeded: place))
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
    if slot >= 0 { occupy(slot, at: place, with: key, hash, until: hold) }
    return slot
  }

  /// Keeps the slot's key at least until `hold`.
  @inlinable public mutating func keep(_ slot: Int, until hold: CaptureTime) {
    let place = Int(heads[slot].place)
    guard place >= 0 else { return }
    let word = Self.word(place) &+ Self.ways
    let ordered = hold.ordered
    if buckets.elements[word] < ordered { buckets.mutableElements()[word] = ordered }
  }

  @inlinable public mutating func remove(_ slot: Int) {
    let place = Int(heads[slot].place)
    guard place >= 0 else { return }
    let entry = buckets.mutableElements() + Self.word(place)
    entry[0] = 0
    entry[Self.ways] = 0
    heads[slot] = Head(key: .none, place: -1)
    values[slot] = empty[0]
    free.append(Int32(truncatingIfNeeded: slot))
    used &-= 1
  }

  @inlinable public mutating func removeAll() {
    guard used > 0 else { return }
    for slot in heads.indices where heads[slot].place >= 0 { remove(slot) }
  }

  @inlinable public func key(_ slot: Int) -> TableKey { heads[slot].key }
  @inlinable public func hold(_ slot: Int) -> CaptureTime {
    let place = Int(heads[slot].place)
    guard place >= 0 else { return .distantPast }
    return CaptureTime(ordered: buckets.elements[Self.word(place) &+ Self.ways])
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
      // Numbers that hold both, place first: they are sorted without a look at anything else.
      for slot in heads.indices where heads[slot].place >= 0 {
        slots.append(Int(heads[slot].place) &<< 32 | slot)
      }
      slots.sort()
      for index in slots.indices { slots[index] &= 0xffff_ffff }
    } else {
      for place in 0..<capacity {
        let word = Self.word(place)
        guard buckets.elements[word &+ Self.ways] > 0 else { continue }
        slots.append(TableBucket.slot(buckets.elements[word]))
      }
    }
    return slots
  }
}
