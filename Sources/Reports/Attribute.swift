import Terms

/// The types that a schema field can have.
public enum FieldType: String, Sendable, Hashable, CaseIterable {
  case address, prefix, port, mac, count, duration, bytes, ratio, text, hash, time
}

/// A typed value of a report's schema field.
public enum AttributeValue: Hashable, Sendable {
  case address(IPAddress)
  case prefix(IPPrefix)
  case port(UInt16)
  case mac(MACAddress)
  case count(UInt64)
  case duration(TimeSpan)
  case bytes(UInt64)
  /// 0…1 as a rule; any finite number.
  case ratio(Double)
  /// At most `textLimit` UTF-8 bytes.
  case text(String)
  case hash(UInt64)
  case time(CaptureTime)

  /// The longest text, in UTF-8 bytes.
  public static let textLimit = 1024

  public var type: FieldType {
    switch self {
    case .address: .address
    case .prefix: .prefix
    case .port: .port
    case .mac: .mac
    case .count: .count
    case .duration: .duration
    case .bytes: .bytes
    case .ratio: .ratio
    case .text: .text
    case .hash: .hash
    case .time: .time
    }
  }
}

extension AttributeValue: CustomStringConvertible {
  public var description: String {
    switch self {
    case .address(let value): "\(value)"
    case .prefix(let value): "\(value)"
    case .port(let value): "\(value)"
    case .mac(let value): "\(value)"
    case .count(let value), .bytes(let value): "\(value)"
    case .duration(let value): "\(value)"
    case .ratio(let value): "\(value)"
    case .text(let value): value
    case .hash(let value): String(value, radix: 16)
    case .time(let value): "\(value)"
    }
  }
}
