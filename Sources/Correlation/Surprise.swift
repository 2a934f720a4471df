import Glibc

/// How unlikely a count is where chance alone is at work.
enum Surprise {
  /// −log₁₀ P(X ≥ count) for a Poisson variable with this mean; 0 where the count is no more than
  /// expected.
  ///
  /// The tail is bounded by its first term times the geometric series 1/(1 − λ/(k+1)), which is
  /// tight for counts well above the mean, the only ones that matter here.
  static func poisson(_ count: Int, mean: Double) -> Double {
    let k = Double(count)
    guard mean > 0, mean.isFinite, k > mean else { return 0 }
    let first = k * log(mean) - mean - logFactorial(count)
    let tail = first - log(1 - mean / (k + 1))
    return max(0, -tail / log(10))
  }

  /// ln n!: exact sum while small, Stirling's series beyond.
  static func logFactorial(_ n: Int) -> Double {
    guard n > 1 else { return 0 }
    if n < 32 { return (2...n).reduce(0.0) { $0 + log(Double($1)) } }
    let x = Double(n)
    return x * log(x) - x + 0.5 * log(2 * Double.pi * x) + 1 / (12 * x)
  }

  /// A confidence from a surprise: 0.5 at the threshold, towards 0.99 far beyond it.
  static func confidence(_ surprise: Double, threshold: Double) -> Double {
    guard threshold > 0, surprise > threshold else { return 0.5 }
    return min(0.99, 1 - 0.5 * threshold / surprise)
  }
}
