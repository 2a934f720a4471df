import Glibc

/// The one scale on which all measures of a profile are compared: tail probabilities as standard
/// deviations of a half-normal variable (Javitz & Valdes, "The NIDES Statistical Component:
/// Description and Justification", SRI 1993, 3.1).
public enum NormalScore {
  /// The largest score: no history is long enough to tell rarer from rare.
  public static let ceiling = 4.0

  /// S = Φ⁻¹(1 − tail / 2), so that a tail of 1 is 0 and one of 0.0455 is 2; at most `ceiling`.
  public static func score(tail: Double) -> Double {
    guard tail < 1 else { return 0 }
    return min(ceiling, -quantile(max(tail, 1e-12) / 2))
  }

  /// Φ⁻¹ of a probability in 0…1, to 7 digits (Wichura, algorithm AS 241, PPND7, 1988).
  public static func quantile(_ probability: Double) -> Double {
    guard probability > 0 else { return -.infinity }
    guard probability < 1 else { return .infinity }
    let offset = probability - 0.5
    if abs(offset) <= 0.425 { return offset * central(0.180625 - offset * offset) }
    let tail = sqrt(-log(min(probability, 1 - probability)))
    let value = tail <= 5 ? outer(tail - 1.6) : far(tail - 5)
    return offset < 0 ? -value : value
  }

  private static func central(_ r: Double) -> Double {
    (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)
      / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1)
  }

  private static func outer(_ r: Double) -> Double {
    (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777)
      / ((0.12021132975 * r + 0.73700164250) * r + 1)
  }

  private static func far(_ r: Double) -> Double {
    (((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150)
      / ((0.012258202635 * r + 0.24197894225) * r + 1)
  }
}
