import Reports
import Terms

/// A report's attribute as a result file holds it: a number or a text.
public enum ResultValue: Hashable, Sendable {
  case integer(UInt64)
  /// Ratios; durations in seconds; times in UTC epoch seconds.
  case number(Double)
  case text(String)

  public init(_ value: AttributeValue) {
    switch value {
    case .count(let number), .bytes(let number): self = .integer(number)
    case .port(let port): self = .integer(UInt64(port))
    case .ratio(let number): self = .number(number)
    case .duration(let span): self = .number(span.seconds)
    case .time(let time): self = .number(time.resultSeconds)
    case .address, .prefix, .mac, .text, .hash: self = .text(value.description)
    }
  }
}

extension ResultValue: CustomStringConvertible {
  public var description: String {
    switch self {
    case .integer(let number): "\(number)"
    case .number(let number): Figures.short(number)
    case .text(let text): text
    }
  }
}

extension ResultValue: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(UInt64.self) {
      self = .integer(number)
    } else if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else {
      self = .text(try container.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .integer(let number): try container.encode(number)
    case .number(let number) where number.isFinite: try container.encode(number)
    case .number: try container.encodeNil()
    case .text(let text): try container.encode(text)
    }
  }
}
