import Glibc

/// The short-term mix of categories against the long-term one (Javitz & Valdes 1993, 4; as used
/// on traffic by Porras & Valdes, "Live Traffic Analysis of TCP/IP Gateways", 1998).
public enum CategoryMix {
  /// Observations after which a share of the short-term mix has halved.
  public static let halfLife = 100.0
  /// γ = 2^(−1/h).
  public static let gamma = exp2(-1 / halfLife)
  /// Categories with a smaller long-term share are pooled as RARE; those never met are NEW.
  public static let rareShare = 0.01

  /// What the categories of a measure are pooled into.
  public enum Group: Sendable, Hashable {
    /// The category at this place of the measure.
    case category(Int)
    case rare
    case new
  }

  /// A group's short-term share beside its long-term one, and its part of Q.
  public struct Deviation: Sendable, Hashable {
    public var group: Group
    public var observed: Double
    public var expected: Double
    public var weight: Double
  }

  /// V = f (1 − f) (1 − γ) / (1 + γ): the variance of an exponentially weighted share whose
  /// observations are independent. A share below `rareShare` counts as that much: fewer
  /// observations than one in a hundred tell nothing of the spread.
  public static func variance(share: Double) -> Double {
    let share = min(max(share, rareShare), 1 - rareShare)
    return share * (1 - share) * (1 - gamma) / (1 + gamma)
  }

  /// Q = Σ_c (g_c − f_c)² / V_c over the groups, and the group that adds most.
  ///
  /// The short-term share g_c ← γ g_c + (1 − γ) [observation in c] starts from the long-term one.
  /// It is kept as a sum of weights that grow by 1 / γ per observation, which leaves the other
  /// categories alone.
  ///
  /// - Parameters:
  ///   - recent: sums of the weights; all zero before the first observation.
  ///   - step: the weight of the newest observation.
  ///   - usual: long-term counts of the same categories.
  public static func statistic(
    recent: ArraySlice<Float>, step: Float, usual: ArraySlice<Float>
  ) -> (q: Double, largest: Deviation) {
    let recentScale = (1 - gamma) / Double(max(step, 1))
    let total = usual.reduce(0.0) { $0 + Double($1) }
    let usualScale = total > 0 ? 1 / total : 0
    let remainder = max(0, 1 - recentScale * recent.reduce(0.0) { $0 + Double($1) })
    var q = 0.0
    var largest = Deviation(group: .new, observed: 0, expected: 0, weight: -1)
    var rare = (0.0, 0.0)
    var new = 0.0
    func weigh(_ group: Group, _ observed: Double, _ expected: Double) {
      let difference = observed - expected
      let part = difference * difference / variance(share: expected)
      q += part
      // What there is too much of tells more than what is missing for it.
      let weight = difference > 0 ? part : part / 4
      if weight > largest.weight {
        largest = Deviation(group: group, observed: observed, expected: expected, weight: weight)
      }
    }
    for place in 0..<recent.count {
      let count = usual[usual.startIndex + place]
      let share = Double(count) * usualScale
      let now = Double(recent[recent.startIndex + place]) * recentScale + remainder * share
      if count <= 0 {
        new += now
      } else if share < rareShare {
        rare.0 += now
        rare.1 += share
      } else {
        weigh(.category(place), now, share)
      }
    }
    weigh(.rare, rare.0, rare.1)
    weigh(.new, new, 0)
    return (q, largest)
  }

  /// Long-term counts in a circle, a quarter of each given to either neighbour.
  public static func smoothed(_ usual: ArraySlice<Float>) -> ArraySlice<Float> {
    let counts = Array(usual)
    guard counts.count > 2 else { return usual }
    return ArraySlice(
      counts.indices.map { place in
        let before = counts[(place + counts.count - 1) % counts.count]
        let after = counts[(place + 1) % counts.count]
        return counts[place] / 2 + (before + after) / 4
      })
  }
}
