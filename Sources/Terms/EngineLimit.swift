/// A named, documented limit of an engine, which a topology can override per monitor.
public struct EngineLimit: Sendable, Hashable {
  public enum Unit: String, Sendable {
    /// A number of things.
    case count
    /// A length of event time, in seconds here and with its unit in a topology (`90s`, `10m`).
    case duration
    /// A share, 0–1.
    case ratio
    /// Things per second.
    case rate
  }

  /// `engine.limit`, such as `port-scan.failures`.
  public let name: String
  /// The value where the topology says nothing; durations in seconds.
  public let standard: Double
  public let unit: Unit
  /// One sentence for `beryl` users.
  public let help: String

  public init(_ name: String, _ standard: Double, _ unit: Unit, _ help: String) {
    self.name = name
    self.standard = standard
    self.unit = unit
    self.help = help
  }
}

/// The limits in force at one monitor: the standard values and what the topology overrides.
public struct LimitTable: Sendable, Hashable {
  /// Overridden values by limit name; durations in seconds.
  public var overrides: [String: Double] {
    didSet { lengths = Self.lengths(of: overrides) }
  }
  /// The lengths of their names, a bit each: most limits are none of them by that alone.
  private var lengths: UInt64

  public init(overrides: [String: Double] = [:]) {
    self.overrides = overrides
    lengths = Self.lengths(of: overrides)
  }

  private static func lengths(of overrides: [String: Double]) -> UInt64 {
    overrides.keys.reduce(0) { $0 | 1 << UInt64($1.utf8.count & 63) }
  }

  public subscript(limit: EngineLimit) -> Double {
    guard lengths & 1 << UInt64(limit.name.utf8.count & 63) != 0 else { return limit.standard }
    return overrides[limit.name] ?? limit.standard
  }

  /// The limit as a whole number, never negative.
  public func count(_ limit: EngineLimit) -> Int { Int(max(0, min(self[limit], 1e15))) }

  /// The limit as a length of event time, at least a millisecond.
  public func span(_ limit: EngineLimit) -> TimeSpan {
    max(.milliseconds(1), .seconds(self[limit]))
  }
}

extension LimitTable: Codable {
  private enum CodingKeys: CodingKey { case overrides }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    self.init(overrides: try fields.decode([String: Double].self, forKey: .overrides))
  }

  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(overrides, forKey: .overrides)
  }
}
