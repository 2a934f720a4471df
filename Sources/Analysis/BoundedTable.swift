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
/// Each key has one bucket of `ways` slots. A slot carries a *hold*: until then it cannot be given
/// away. Engines extend the hold as evidence about a key grows, so a new key (one spoofed packet)
/// replaces another new key, never a source that has been seen to misbehave. When every slot of a
/// bucket is held, the new key is refused and counted.
@frozen public struct BoundedTable<Value: Sendable>: Sendable {
  /// Slots per bucket; the most that one lookup compares.
  @inlinable public static var ways: Int { 8 }

  @usableFromInline var keys: [TableKey]
  /// `.distantPast` marks a free slot.
  @usableFromInline var holds: [CaptureTime]
  @usableFromInline var values: [Value]
  @usableFromInline let empty: Value
  @usableFromInline let bucketMask: Int
  /// Slots in use.
  public private(set) var count = 0
  /// Keys turned away because their bucket was held by others.
  public private(set) var refusedCount: UInt64 = 0

  /// At least `capacity` slots, rounded up to a power of two; `empty` is the value of a fresh slot.
  public init(capacity: Int, empty: Value) {
    var buckets = 1
    while buckets &* Self.ways < capacity, buckets < 1 << 20 { buckets &*= 2 }
    let slots = buckets * Self.ways
    keys = Array(repeating: .none, count: slots)
    holds = Array(repeating: .distantPast, count: slots)
    values = Array(repeating: empty, count: slots)
    self.empty = empty
    bucketMask = buckets - 1
  }

  @inlinable public var capacity: Int { keys.count }

  /// The slot of `key`, or -1.
  @inlinable public func find(_ key: TableKey) -> Int {
    guard count > 0 else { return -1 }
    let start = (Int(truncatingIfNeeded: key.hash) & bucketMask) &* Self.ways
    for slot in start..<start &+ Self.ways
    where keys[slot].low == key.low && keys[slot].detail == key.detail
      && keys[slot].high == key.high && holds[slot] != .distantPast
    { return slot }
    return -1
  }

  /// Where `key`, which is not in the table, could go: a free slot, or the one whose hold ran out
  /// first; -1 (and counted) when all are still held. What stands there is lost by the `occupy`
  /// that follows.
  public mutating func vacancy(for key: TableKey, asOf now: CaptureTime) -> Int {
    let start = (Int(truncatingIfNeeded: key.hash) & bucketMask) &* Self.ways
    var best = start
    for slot in start..<start &+ Self.ways where holds[slot] < holds[best] { best = slot }
    guard holds[best] <= now else {
      refusedCount &+= 1
      return -1
    }
    return best
  }

  /// Whether `slot` holds a key.
  @inlinable public func isOccupied(_ slot: Int) -> Bool { holds[slot] != .distantPast }

  /// Gives `slot` to `key` with a fresh value, held until `hold`.
  public mutating func occupy(_ slot: Int, with key: TableKey, until hold: CaptureTime) {
    if holds[slot] == .distantPast { count &+= 1 }
    keys[slot] = key
    holds[slot] = Swift.max(hold, CaptureTime(nanoseconds: .min + 1))
    values[slot] = empty
  }

  /// The slot of `key`, claimed if need be until `hold`; -1 when its bucket is held by others.
  public mutating func admit(_ key: TableKey, asOf now: CaptureTime, until hold: CaptureTime) -> Int
  {
    let known = find(key)
    if known >= 0 { return known }
    let slot = vacancy(for: key, asOf: now)
    if slot >= 0 { occupy(slot, with: key, until: hold) }
    return slot
  }

  /// Keeps the slot's key at least until `hold`.
  @inlinable public mutating func keep(_ slot: Int, until hold: CaptureTime) {
    if holds[slot] < hold { holds[slot] = hold }
  }

  public mutating func remove(_ slot: Int) {
    guard holds[slot] != .distantPast else { return }
    holds[slot] = .distantPast
    values[slot] = empty
    count &-= 1
  }

  public mutating func removeAll() {
    for slot in holds.indices where holds[slot] != .distantPast { remove(slot) }
  }

  @inlinable public func key(_ slot: Int) -> TableKey { keys[slot] }
  @inlinable public func hold(_ slot: Int) -> CaptureTime { holds[slot] }

  @inlinable public subscript(slot: Int) -> Value {
    _read { yield values[slot] }
    _modify { yield &values[slot] }
  }

  /// The occupied slots, in an order that depends on the keys only.
  public var slots: [Int] {
    guard count > 0 else { return [] }
    var slots: [Int] = []
    slots.reserveCapacity(count)
    holds.withUnsafeBufferPointer { holds in
      for slot in holds.indices where holds[slot] != .distantPast { slots.append(slot) }
    }
    return slots
  }
}
