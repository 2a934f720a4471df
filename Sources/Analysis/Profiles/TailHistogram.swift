import Glibc

/// How often a statistic was how large: fading counts in half-octave bins, from which its own
/// historical tail probability follows. Works on a slice of a profile's array, so that a profile is
/// a few arrays and not many.
public enum TailHistogram {
  public static let binCount = 48
  /// Upper edge of the first bin; the last begins at 2 · 2^23.
  public static let base = 2.0
  /// Weight from which a bin counts as one that was met.
  static let leastWeight: Float = 0.2

  /// Bin 0 holds what is below `base`; bin k what lies from `base` · 2^((k−1)/2) up to the next.
  public static func bin(_ value: Double) -> Int {
    guard value >= base else { return 0 }
    guard value.isFinite else { return binCount - 1 }
    return min(binCount - 1, 1 + Int(2 * log2(value / base)))
  }

  /// Least value of a bin.
  public static func lowerEdge(_ bin: Int) -> Double {
    bin <= 0 ? 0 : base * exp2(Double(bin - 1) / 2)
  }

  /// TPROB: the share of history that was at least as large. What was never met counts as half an
  /// observation, so the tail is never 0.
  public static func tail(_ counts: ArraySlice<Float>, from bin: Int) -> Double {
    let start = counts.startIndex
    var above = 0.5
    for place in start + min(max(bin, 0), counts.count)..<counts.endIndex {
      above += Double(counts[place])
    }
    return min(1, above / (counts.reduce(0) { $0 + Double($1) } + 1))
  }

  /// The highest bin that was met; -1 without history.
  public static func peak(_ counts: ArraySlice<Float>) -> Int {
    guard let place = counts.lastIndex(where: { $0 >= leastWeight }) else { return -1 }
    return place - counts.startIndex
  }

  /// The bin in which the middle of history lies; 0 without history.
  public static func median(_ counts: ArraySlice<Float>) -> Int {
    let half = counts.reduce(0, +) / 2
    var sum: Float = 0
    for place in counts.indices {
      sum += counts[place]
      if sum > half { return place - counts.startIndex }
    }
    return 0
  }

  /// The bin from which on history's tail is below `limit`; `binCount` when none is.
  public static func threshold(_ counts: ArraySlice<Float>, tail limit: Double) -> Int {
    (0..<counts.count).first { tail(counts, from: $0) < limit } ?? counts.count
  }
}
