import Terms

/// How much an incident deserves attention: whether it concerns the host attacked, what that is
/// worth, whether it succeeded; and where that puts it among the others.
public struct Assessment: Hashable, Sendable {
  /// Whether the attack came to something, as far as anybody saw.
  public enum Outcome: UInt8, Sendable, Hashable, CaseIterable, Comparable {
    case unknown = 0
    case failed
    case succeeded

    public static func < (left: Outcome, right: Outcome) -> Bool {
      left.rawValue < right.rawValue
    }
  }

  /// The relevance of an attack of which nothing is known.
  public static let neutral: UInt8 = 128
  /// Grounds of one assessment at most.
  public static let groundLimit = 16

  /// 0 (the target has not got what it needs) to 255 (the target is known to be vulnerable).
  public var relevance: UInt8
  /// The worth of the host that makes the rank, 0–5.
  public var value: UInt8
  /// Interest in the kind, 0–1: the site's, else from the severity.
  public var interest: Double
  public var outcome: Outcome
  /// That of the report when it was assessed, 0–1.
  public var confidence: Double
  /// Where it stands; follows the rank, but not every wavering of it.
  public var rankClass: RankClass
  /// The worth of the most valuable target: the asset value in the report's risk.
  public var riskValue: UInt8
  /// The host that makes the rank: the one for which it is highest; nil where none is at stake.
  public var host: IPAddress?
  /// What relevance and outcome rest on: factors of the odds, and what was seen.
  public var grounds: [Term] = []

  public init(
    relevance: UInt8 = neutral, value: UInt8 = 1, interest: Double = 0.5,
    outcome: Outcome = .unknown, confidence: Double = 0.5, rankClass: RankClass = .medium,
    riskValue: UInt8 = 1, host: IPAddress? = nil
  ) {
    self.relevance = relevance
    self.value = value
    self.interest = interest
    self.outcome = outcome
    self.confidence = confidence
    self.rankClass = rankClass
    self.riskValue = riskValue
    self.host = host
  }

  public var tree: RankTree { RankTree(self) }
  /// 0–255.
  public var rank: UInt8 { tree.rank }
}

/// Classes of rank, 51 steps each. An incident's place in a list changes only with its class.
public enum RankClass: UInt8, Codable, Sendable, Hashable, CaseIterable, Comparable {
  case slight = 1
  case low, medium, high, urgent

  /// How far beyond its class a rank must be to leave it.
  public static let margin = 10
  private static let width = 51

  public static func < (left: RankClass, right: RankClass) -> Bool {
    left.rawValue < right.rawValue
  }

  public var name: String {
    switch self {
    case .slight: "slight"
    case .low: "low"
    case .medium: "medium"
    case .high: "high"
    case .urgent: "urgent"
    }
  }

  /// The class of a rank by itself, or of an incident that had another before.
  public init(_ rank: UInt8, before: RankClass? = nil) {
    self = RankClass(rawValue: UInt8(min(Int(rank) / Self.width, 4)) + 1) ?? .urgent
    guard let before else { return }
    let lowest = Int(before.rawValue - 1) * Self.width
    let kept = lowest - Self.margin..<lowest + Self.width + Self.margin
    if kept.contains(Int(rank)) { self = before }
  }
}
