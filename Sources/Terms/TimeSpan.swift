/// A signed length of event time with nanosecond resolution; arithmetic saturates instead of
/// trapping.
@frozen public struct TimeSpan: Hashable, Comparable, Sendable, Codable {
  /// The length in nanoseconds.
  public var nanoseconds: Int64

  @inlinable public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  public static let zero = TimeSpan(nanoseconds: 0)

  @inlinable public static func seconds(_ value: Int) -> TimeSpan {
    let (product, overflow) = Int64(value).multipliedReportingOverflow(by: 1_000_000_000)
    return TimeSpan(nanoseconds: overflow ? (value < 0 ? .min : .max) : product)
  }

  public static func seconds(_ value: Double) -> TimeSpan {
    let scaled = value * 1e9
    guard scaled.isFinite, abs(scaled) < 9.2e18 else {
      return TimeSpan(nanoseconds: value < 0 ? .min : .max)
    }
    return TimeSpan(nanoseconds: Int64(scaled.rounded()))
  }

  @inlinable public static func milliseconds(_ value: Int) -> TimeSpan {
    let (product, overflow) = Int64(value).multipliedReportingOverflow(by: 1_000_000)
    return TimeSpan(nanoseconds: overflow ? (value < 0 ? .min : .max) : product)
  }

  @inlinable public static func minutes(_ value: Int) -> TimeSpan { .seconds(value * 60) }
  @inlinable public static func hours(_ value: Int) -> TimeSpan { .seconds(value * 3600) }

  /// The length in seconds.
  @inlinable public var seconds: Double { Double(nanoseconds) / 1e9 }

  /// In proportion to a count that is beyond a few.
  public func stretched(by count: Int, beyond few: Int) -> TimeSpan {
    guard count > few, few > 0 else { return self }
    return .seconds(seconds * Double(count) / Double(few))
  }

  /// The length without its sign; that of the shortest saturates, where `abs` would trap.
  @inlinable public var magnitude: TimeSpan {
    TimeSpan(nanoseconds: nanoseconds == .min ? .max : abs(nanoseconds))
  }

  @inlinable public static func < (left: TimeSpan, right: TimeSpan) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
}

extension TimeSpan: CustomStringConvertible {
  /// Parses `250ms`, `5s`, `10m`, `2h` or `1d`; nil for a missing or unknown unit, or a negative
  /// value.
  public init?(_ text: some StringProtocol) {
    let digits = text.prefix { $0.isNumber || $0 == "." }
    guard let value = Double(digits), value >= 0 else { return nil }
    let scale: Double
    switch text.dropFirst(digits.count) {
    case "ms": scale = 0.001
    case "s": scale = 1
    case "m": scale = 60
    case "h": scale = 3600
    case "d": scale = 86_400
    default: return nil
    }
    self = .seconds(value * scale)
  }

  public var description: String {
    switch nanoseconds.magnitude {
    case 0: return "0s"
    case ..<1_000_000_000:
      let isWhole = nanoseconds % 1_000_000 == 0
      return isWhole ? "\(nanoseconds / 1_000_000)ms" : "\(Double(nanoseconds) / 1e6)ms"
    default:
      let whole = nanoseconds / 1_000_000_000
      guard whole * 1_000_000_000 == nanoseconds else { return "\(seconds)s" }
      if whole % 3600 == 0 { return "\(whole / 3600)h" }
      if whole % 60 == 0 { return "\(whole / 60)m" }
      return "\(whole)s"
    }
  }
}
