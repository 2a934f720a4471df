/// The rank of an incident: a Bayes tree in the manner of M-Correlator (Porras, Fong and Valdes, RAID
/// 2002). Its shape is theirs: relevance, priority (what the asset is worth, interest in the kind)
/// and outcome are evidence for how much an incident matters; confidence in the report is added.
/// The tables are Beryl's own.
///
///                     matters: low, medium, high
///            ┌───────────────┬───────┴───────┬──────────────┐
///        relevance        priority        outcome       confidence
///                    ┌───────┴───────┐
///                  value          interest
///
/// What is not known is evidence for nothing: its row is even. Between the rows of a table a value
/// lies in proportion.
public struct RankTree: Hashable, Sendable {
  /// A likelihood or belief over low, medium and high.
  public struct Belief: Hashable, Sendable {
    public var low: Double
    public var medium: Double
    public var high: Double

    init(_ low: Double, _ medium: Double, _ high: Double) {
      (self.low, self.medium, self.high) = (low, medium, high)
    }

    static let even = Belief(1.0 / 3, 1.0 / 3, 1.0 / 3)

    static func * (left: Belief, right: Belief) -> Belief {
      Belief(left.low * right.low, left.medium * right.medium, left.high * right.high)
    }

    var normalised: Belief {
      let sum = low + medium + high
      guard sum > 0, sum.isFinite else { return .even }
      return Belief(low / sum, medium / sum, high / sum)
    }

    /// 0–1: medium counts half.
    public var mean: Double { medium / 2 + high }

    func mixed(with other: Belief, share: Double) -> Belief {
      let share = min(1, max(0, share))
      return Belief(
        low + (other.low - low) * share, medium + (other.medium - medium) * share,
        high + (other.high - high) * share)
    }
  }

  /// P(relevance | matters) at 0 and at 255; 128 is even.
  static let irrelevant = Belief(0.90, 0.09, 0.01)
  static let vulnerable = Belief(0.02, 0.18, 0.80)
  /// P(outcome | matters).
  static let failed = Belief(0.65, 0.28, 0.07)
  static let succeeded = Belief(0.03, 0.17, 0.80)
  /// P(confidence | matters) at 0 and at 1; half is even.
  static let doubted = Belief(0.60, 0.30, 0.10)
  static let trusted = Belief(0.20, 0.35, 0.45)
  /// P(value | priority), by the value.
  static let worth = [
    Belief(0.30, 0.10, 0.04), Belief(0.25, 0.15, 0.09), Belief(0.18, 0.20, 0.13),
    Belief(0.13, 0.22, 0.19), Belief(0.08, 0.18, 0.25), Belief(0.06, 0.15, 0.30),
  ]
  /// P(interest | priority) at 0 and at 1; half is even.
  static let uninteresting = Belief(0.80, 0.15, 0.05)
  static let interesting = Belief(0.05, 0.15, 0.80)
  /// P(priority low, medium, high | matters low), and so on.
  static let lowMatters = Belief(0.70, 0.25, 0.05)
  static let mediumMatters = Belief(0.25, 0.50, 0.25)
  static let highMatters = Belief(0.05, 0.25, 0.70)

  /// What each part speaks for, by itself.
  public let relevance: Belief
  public let priority: Belief
  public let outcome: Belief
  public let confidence: Belief
  /// All of them together.
  public let belief: Belief

  public init(_ known: Assessment) {
    let relevance = Double(known.relevance)
    let neutral = Double(Assessment.neutral)
    self.relevance =
      relevance >= neutral
      ? Belief.even.mixed(with: Self.vulnerable, share: (relevance - neutral) / (255 - neutral))
      : Self.irrelevant.mixed(with: .even, share: relevance / neutral)
    let worth = Self.worth[min(Int(known.value), Self.worth.count - 1)]
    let ofPriority =
      (worth * Self.share(known.interest, Self.uninteresting, Self.interesting)).normalised
    func message(_ row: Belief) -> Double {
      let sum = row * ofPriority
      return sum.low + sum.medium + sum.high
    }
    let priority = Belief(
      message(Self.lowMatters), message(Self.mediumMatters), message(Self.highMatters)
    ).normalised
    self.priority = priority
    switch known.outcome {
    case .unknown: outcome = .even
    case .failed: outcome = Self.failed
    case .succeeded: outcome = Self.succeeded
    }
    confidence = Self.share(known.confidence, Self.doubted, Self.trusted)
    // Before any evidence all are alike.
    belief = (self.relevance * priority * outcome * confidence).normalised
  }

  private static func share(_ value: Double, _ none: Belief, _ whole: Belief) -> Belief {
    value >= 0.5
      ? Belief.even.mixed(with: whole, share: value * 2 - 1)
      : none.mixed(with: .even, share: value * 2)
  }

  /// 0–255.
  public var rank: UInt8 { UInt8(min(255, max(0, (belief.mean * 255).rounded()))) }
}
