import Terms

/// A count over the last `slotCount` whole seconds of event time: 40 bytes, no allocation.
@frozen public struct SlidingWindow: Sendable {
  /// Seconds that the window covers.
  @inlinable public static var slotCount: Int { 8 }

  /// One lane per second, by second modulo `slotCount`.
  @usableFromInline var lanes = SIMD8<UInt32>()
  /// The newest second seen, in seconds since 1970.
  @usableFromInline var second: Int64 = .min

  @inlinable public init() {}

  /// Moves the window so that it ends with `second`; seconds that fall out are forgotten.
  @inlinable public mutating func roll(to second: Int64) {
    guard second > self.second else { return }
    if self.second == .min || second &- self.second >= Int64(Self.slotCount) {
      lanes = SIMD8()
    } else {
      var clear = self.second &+ 1
      while clear <= second {
        lanes[Int(truncatingIfNeeded: clear) & 7] = 0
        clear &+= 1
      }
    }
    self.second = second
  }

  /// Adds to the newest second; call `roll` first.
  @inlinable public mutating func add(_ count: UInt32) {
    let lane = Int(truncatingIfNeeded: second) & 7
    let (sum, overflow) = lanes[lane].addingReportingOverflow(count)
    lanes[lane] = overflow ? .max : sum
  }

  /// What the newest second holds so far.
  @inlinable public var newest: UInt32 { lanes[Int(truncatingIfNeeded: second) & 7] }

  /// The first of the whole seconds, up to the newest and without a gap, that hold at least
  /// `least`.
  public func burstStart(least: UInt32) -> Int64 {
    guard second != .min else { return second }
    var start = second
    for back in 1..<Int64(Self.slotCount) {
      guard lanes[Int(truncatingIfNeeded: second &- back) & 7] >= least else { break }
      start = second &- back
    }
    return start
  }

  /// The sum of the `seconds` (at most 7) whole seconds before `second`, where `second` is at or
  /// after the newest.
  @inlinable public func sum(before second: Int64, seconds: Int) -> UInt64 {
    guard self.second != .min else { return 0 }
    var total: UInt64 = 0
    for back in 1...Int64(Swift.min(Swift.max(seconds, 1), Self.slotCount - 1)) {
      let wanted = second &- back
      guard wanted <= self.second, self.second &- wanted < Int64(Self.slotCount) else { continue }
      total &+= UInt64(lanes[Int(truncatingIfNeeded: wanted) & 7])
    }
    return total
  }
}

extension CaptureTime {
  /// Whole seconds since 1970, rounded down.
  @inlinable public var wholeSeconds: Int64 {
    let quotient = nanoseconds / 1_000_000_000
    return nanoseconds < quotient &* 1_000_000_000 ? quotient &- 1 : quotient
  }
}
