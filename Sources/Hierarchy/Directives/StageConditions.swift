import Reports
import Terms

/// What a report must be like.
public struct ReportTest: Sendable, Hashable {
  /// Whole kinds, `family.*` or `*`; one must fit.
  public var patterns: [String]
  /// All must hold.
  public var conditions: [Condition]

  public init(patterns: [String], conditions: [Condition] = []) {
    self.patterns = patterns
    self.conditions = conditions
  }

  public func accepts(_ kind: ReportKind) -> Bool { patterns.contains { kind.matches($0) } }
}

/// One condition on a report.
public enum Condition: Sendable, Hashable {
  case severity(NumberBound)
  case confidence(NumberBound)
  /// How many sources, how many targets.
  case sources(NumberBound)
  case targets(NumberBound)
  case ports([ClosedRange<UInt16>], isNegated: Bool)
  case transport(TransportProtocol)
  case tier(Tier)
  case monitors([String])
  /// Some source is at the place.
  case from(Place)
  /// Some target is at the place.
  case to(Place)
  /// The attribute is there and fits.
  case attribute(String, AttributeTest)
}

/// What an attribute must be like.
public enum AttributeTest: Sendable, Hashable {
  /// One of these texts; case does not matter.
  case oneOf([String], isNegated: Bool)
  case number(NumberBound)
}

/// A number held against a bound.
public struct NumberBound: Sendable, Hashable, CustomStringConvertible {
  public enum Relation: String, Sendable, Hashable, CaseIterable {
    case atLeast = ">="
    case atMost = "<="
    case above = ">"
    case below = "<"
    case equal = "="
    case different = "!="
  }

  public var relation: Relation
  public var bound: Double

  public init(_ relation: Relation, _ bound: Double) {
    self.relation = relation
    self.bound = bound
  }

  /// `>= 5`, `< 0.5`, `!= 3`; a number alone means at least that.
  public init?(_ text: String) {
    var rest = text[...]
    var relation = Relation.atLeast
    for candidate in [">=", "<=", "!=", ">", "<", "="] where rest.hasPrefix(candidate) {
      relation = Relation(rawValue: candidate) ?? .atLeast
      rest = rest.dropFirst(candidate.count)
      break
    }
    while rest.first == " " { rest = rest.dropFirst() }
    guard let bound = Quantity.number(rest) else { return nil }
    self.init(relation, bound)
  }

  public func holds(_ value: Double) -> Bool {
    switch relation {
    case .atLeast: value >= bound
    case .atMost: value <= bound
    case .above: value > bound
    case .below: value < bound
    case .equal: value == bound
    case .different: value != bound
    }
  }

  public var description: String {
    let whole = bound == bound.rounded() && abs(bound) < 1e15
    return "\(relation.rawValue) " + (whole ? "\(Int(bound))" : "\(bound)")
  }
}

/// Where an address lies, or what is known of the asset that has it; all that is set must hold.
public struct Place: Sendable, Hashable {
  /// true: within the site; false: outside it.
  public var isInside: Bool?
  public var segments: [String] = []
  public var prefixes: [IPPrefix] = []
  /// What the asset is worth, 0–5; an address without an asset is worth
  /// `Asset.standardValue` inside and nothing outside.
  public var value: NumberBound?
  /// A service that the asset runs.
  public var service: Service?
  public var os: String?
  public var isNegated = false

  public init() {}
}

/// What a monitor stage asks, of the addresses bound by an earlier stage; any of them may answer.
public struct Question: Sendable, Hashable {
  public enum Subject: Sendable, Hashable {
    /// Whether the service (port by another back-reference) last answered, or last failed, as
    /// far as this monitor's reports tell.
    case service(isUp: Bool)
    /// Whether the host was seen to answer anything, or to fail everything, of late.
    case host(answers: Bool)
    /// What the topology says of the asset.
    case asset(Place)
  }

  public var subject: Subject
  /// The addresses asked about.
  public var of: Reference
  /// The ports of a service question.
  public var port: Reference?
  /// How long after the stage before.
  public var delay: TimeSpan

  public struct Reference: Sendable, Hashable {
    public var reference: Join.Reference
    public var field: ReportField
  }
}
