/// A monitor's place in the hierarchy.
public enum Tier: String, Codable, Sendable, Hashable, Comparable, CaseIterable {
  /// Analyses the packets of one segment.
  case local
  /// Correlates the reports of its children.
  case domain
  /// Correlates domains; has no parent.
  case enterprise

  /// The next one up; the enterprise's is its own.
  public var above: Tier {
    switch self {
    case .local: .domain
    case .domain, .enterprise: .enterprise
    }
  }

  private var rank: Int {
    switch self {
    case .local: 0
    case .domain: 1
    case .enterprise: 2
    }
  }

  public static func < (left: Tier, right: Tier) -> Bool { left.rank < right.rank }
}
