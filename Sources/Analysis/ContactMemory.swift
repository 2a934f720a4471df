import Terms

/// Remembers for a bounded time which (source, target, port) have answered, so that a contact that
/// works today and fails once is no probe. Four-way buckets; the oldest memory of a bucket goes
/// first.
@frozen public struct ContactMemory: Sendable {
  @usableFromInline static var ways: Int { 4 }

  /// Hash of the contact; 0 is free.
  @usableFromInline var hashes: [UInt64]
  @usableFromInline var times: [CaptureTime]
  @usableFromInline let mask: Int
  /// How long a contact is remembered after it last answered.
  public let span: TimeSpan

  public init(capacity: Int, span: TimeSpan) {
    var buckets = 1
    while buckets &* Self.ways < capacity, buckets < 1 << 20 { buckets &*= 2 }
    hashes = Array(repeating: 0, count: buckets * Self.ways)
    times = Array(repeating: .distantPast, count: buckets * Self.ways)
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

  @inlinable public func contains(_ hash: UInt64, asOf now: CaptureTime) -> Bool {
    let start = (Int(truncatingIfNeeded: hash) & mask) &* Self.ways
    for slot in start..<start &+ Self.ways where hashes[slot] == hash {
      return now - times[slot] <= span
    }
    return false
  }

  /// Remembers a contact; true when it was not remembered before.
  @inlinable public mutating func insert(_ hash: UInt64, at now: CaptureTime) -> Bool {
    let start = (Int(truncatingIfNeeded: hash) & mask) &* Self.ways
    var oldest = start
    for slot in start..<start &+ Self.ways {
      if hashes[slot] == hash {
        let isNew = now - times[slot] > span
        times[slot] = now
        return isNew
      }
      if times[slot] < times[oldest] { oldest = slot }
    }
    hashes[oldest] = hash
    times[oldest] = now
    return true
  }

  /// Whether (and, from now on, that) the contact was seen; for counting distinct contacts.
  @inlinable public mutating func remove(_ hash: UInt64) {
    let start = (Int(truncatingIfNeeded: hash) & mask) &* Self.ways
    for slot in start..<start &+ Self.ways where hashes[slot] == hash {
      hashes[slot] = 0
      times[slot] = .distantPast
    }
  }
}
