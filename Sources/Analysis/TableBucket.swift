import Terms

/// How the bucket of a `BoundedTable` is looked through; the same code for tables of all values.
@usableFromInline enum TableBucket {
  @inlinable static var ways: Int { 8 }

  /// The slot of the key, or -1.
  @usableFromInline static func find(
    _ key: TableKey, _ mark: UInt32, in bucket: UnsafePointer<UInt32>, _ keys: [TableKey]
  ) -> Int {
    for way in 0..<ways where bucket[way] == mark {
      let slot = Int(bucket[way &+ ways])
      if keys[slot].low == key.low, keys[slot].detail == key.detail, keys[slot].high == key.high {
        return slot
      }
    }
    return -1
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
