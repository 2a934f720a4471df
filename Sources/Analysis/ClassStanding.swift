import Terms

/// Where the events of each class stand in a run of events: noted once, however many engines, and
/// groups of them, ask.
@frozen public struct ClassStanding: Sendable {
  /// A bit per place; for each 64 places one word per class.
  @usableFromInline var words: [UInt64]
  /// The classes that there are.
  @usableFromInline var present: UInt64 = 0
  /// Events of the run.
  @usableFromInline var count = 0

  /// - Parameter length: of the longest run, a multiple of 64.
  @inlinable init(length: Int) { words = Array(repeating: 0, count: length) }

  @inlinable mutating func note<Event: TimedEvent>(_ run: UnsafeBufferPointer<Event>) {
    present = 0
    count = 0
    guard let base = run.baseAddress else { return }
    var present: UInt64 = 0
    words.withUnsafeMutableBufferPointer { words in
      let used = Swift.min((run.count &+ 63) & ~63, words.count)
      for word in 0..<used { words[word] = 0 }
      for place in run.indices {
        var classes = Event.classes(at: base + place).rawValue
        present |= classes
        while classes != 0 {
          let word = place & ~63 &+ classes.trailingZeroBitCount
          words[word] |= 1 &<< UInt64(truncatingIfNeeded: place & 63)
          classes &= classes &- 1
        }
      }
    }
    self.present = present
    count = run.count
  }

  /// Writes the places of the events of some classes, ascending; returns how many they are.
  @inlinable func select(
    _ wanted: UInt64, into places: inout UnsafeMutableBufferPointer<Int32>, from first: Int
  ) -> Int {
    var found = first
    words.withUnsafeBufferPointer { words in
      var start = 0
      while start < count {
        var bits: UInt64 = 0
        var classes = wanted
        while classes != 0 {
          bits |= words[start &+ classes.trailingZeroBitCount]
          classes &= classes &- 1
        }
        while bits != 0 {
          places[found] = Int32(truncatingIfNeeded: start &+ bits.trailingZeroBitCount)
          found &+= 1
          bits &= bits &- 1
        }
        start &+= 64
      }
    }
    return found &- first
  }
}
