/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
@frozen public struct TransportProtocol: Hashable, Sendable, Codable, Comparable {
  public var number: UInt8

  @inlinable public init(number: UInt8) { self.number = number }

  @inlinable public static var icmp: Self { Self(number: 1) }
  @inlinable public static var tcp: Self { Self(number: 6) }
  @inlinable public static var udp: Self { Self(number: 17) }
  @inlinable public static var icmpv6: Self { Self(number: 58) }
  @inlinable public static var sctp: Self { Self(number: 132) }

  @inlinable public static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

extension TransportProtocol: CustomStringConvertible {
  private static let names: [UInt8: String] = [
    1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp",
  ]

  /// Parses a protocol's name or its number; nil for anything else.
  public init?(_ text: some StringProtocol) {
    if let named = Self.names.first(where: { $0.value == text })?.key {
      self.init(number: named)
    } else if let number = UInt8(text) {
      self.init(number: number)
    } else {
      return nil
    }
  }

  public var description: String { Self.names[number] ?? "\(number)" }
}
