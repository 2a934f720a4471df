import CPrefetch
import Terms

/// Remembers for a bounded time which (source, target, port) have answered, so that a contact that
/// works today and fails once is no probe. Four-way buckets; the oldest memory of a bucket goes
/// first.
@frozen public struct ContactMemory: Sendable {
  @usableFromInline static var ways: Int { 4 }

  /// A contact and when it last answered (`CaptureTime.ordered`); all zero is free. A bucket is one line of the processor's cache.
  @frozen @usableFromInline struct Entry: BitwiseCopyable, Sendable {
    @usableFromInline var hash: UInt64
    @usableFromInline var seen: UInt64

    @inlinable init(hash: UInt64, seen: UInt64) {
      self.hash = hash
      self.seen = seen
    }
  }

  @usableFromInline var entries: ZeroedArray<Entry>
  @usableFromInline let mask: Int
  /// How long a contact is remembered after it last answered.
  public let span: TimeSpan

  public init(capacity: Int, span: TimeSpan) {
    var buckets = 1
    while buckets &* Self.ways < capacity, buckets < 1 << 20 { buckets &*= 2 }
    entries = ZeroedArray(count: buckets * Self.ways)
    mask = buckets - 1
    self.span = span
  }

  /// One number for a contact.
  @inlinable public static func hash(
    _ source: IPAddress, _ target: IPAddress, port: UInt16, transport: TransportProtocol
  ) -> UInt64 {
    let detail = UInt64(port) << 8 | UInt64(transport.number)
    let one = TableKey(source, detail: detail).hash
    return Swift.max(TableKey(target, detail: one).hash, 1)
  }

  /// Asks for the memory of a contact's bucket.
  @inlinable @inline(__always) public func foresee(_ hash: UInt64) {
    beryl_prefetch(entries.elements + (Int(truncatingIfNeeded: hash) & mask) &* Self.ways)
  }

  /// The first way that holds the contact, or -1; without a branch for each of them.
  @inlinable @inline(__always)
  static func way(of hash: UInt64, in bucket: UnsafePointer<Entry>) -> Int {
    var found = -1
    for way in (0..<ways).reversed() { found = bucket[way].hash == hash ? way : found }
    return found
  }

  @inlinable public func contains(_ hash: UInt64, asOf now: CaptureTime) -> Bool {
    let bucket = entries.elements + (Int(truncatingIfNeeded: hash) & mask) &* Self.ways
    let way = Self.way(of: hash, in: bucket)
    return way >= 0 && now - CaptureTime(ordered: bucket[way].seen) <= span
  }

  /// Remembers a contact; true when it was not remembered before.
  @inlinable public mutating func insert(_ hash: UInt64, at now: CaptureTime) -> Bool {
    renew(hash, after: TimeSpan(nanoseconds: .min), at: now) == .first
  }

  /// How a contact stands when it is met.
  @frozen public enum Meeting: Sendable {
    /// It was not remembered.
    case first
    /// It was, and for longer than the gap.
    case again
    /// It was, by what happened within the gap.
    case held
  }

  /// Remembers a contact, and anew once `gap` has passed since it was; until then what is met more is
  /// of the same occasion.
  @inlinable @inline(__always) public mutating func renew(
    _ hash: UInt64, after gap: TimeSpan, at now: CaptureTime
  ) -> Meeting {
    let bucket = entries.mutableElements() + (Int(truncatingIfNeeded: hash) & mask) &* Self.ways
    let seen = now.ordered
    let known = Self.way(of: hash, in: bucket)
    if known >= 0 {
      let age = now - CaptureTime(ordered: bucket[known].seen)
      guard age > gap else { return .held }
      bucket[known].seen = seen
      return age > span ? .first : .again
    }
    var oldest = 0
    var least = bucket[0].seen
    for way in 1..<Self.ways {
      oldest = bucket[way].seen < least ? way : oldest
      least = Swift.min(bucket[way].seen, least)
    }
    bucket[oldest] = Entry(hash: hash, seen: seen)
    return .first
  }

  /// Forgets a contact.
  @inlinable public mutating func remove(_ hash: UInt64) {
    let bucket = entries.mutableElements() + (Int(truncatingIfNeeded: hash) & mask) &* Self.ways
    for way in 0..<Self.ways where bucket[way].hash == hash {
      bucket[way] = Entry(hash: 0, seen: 0)
    }
  }
}
