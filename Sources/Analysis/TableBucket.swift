import CPrefetch

/// How the bucket of a `BoundedTable` is looked through: words for its entries, then as many for
/// their holds. An entry has 31 bits of its key's hash above the number of its slot; 0 is none.
@usableFromInline enum TableBucket {
  @inlinable static var ways: Int { 8 }
  /// Entries and holds.
  @inlinable static var words: Int { 2 * ways }

  @inlinable @inline(__always) static func mark(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash &>> 32) | 1
  }

  @inlinable @inline(__always) static func entry(_ hash: UInt64, slot: Int) -> UInt64 {
    UInt64(mark(hash)) &<< 32 | UInt64(UInt32(truncatingIfNeeded: slot))
  }

  @inlinable @inline(__always) static func slot(_ entry: UInt64) -> Int {
    Int(UInt32(truncatingIfNeeded: entry))
  }

  /// The ways whose entries may be of a key with this hash, one bit each.
  @inlinable @inline(__always)
  static func marked(_ hash: UInt64, in bucket: UnsafePointer<UInt64>) -> UInt32 {
    beryl_marked8(bucket, mark(hash))
  }

  /// The way whose hold is the earliest.
  @inlinable @inline(__always) static func earliest(in holds: UnsafePointer<UInt64>) -> Int {
    var best = 0
    var earliest = holds[0]
    for way in 1..<ways {
      let hold = holds[way]
      best = hold < earliest ? way : best
      earliest = Swift.min(hold, earliest)
    }
    return best
  }
}
