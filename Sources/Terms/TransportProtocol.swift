/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
@frozen public struct TransportProtocol: Hashable, Sendable, Comparable {
  public var number: UInt8

  @inlinable public init(number: UInt8) { self.number = number }

  public static let icmp = TransportProtocol(number: 1)
  public static let tcp = TransportProtocol(number: 6)
  public static let udp = TransportProtocol(number: 17)
  public static let icmpv6 = TransportProtocol(number: 58)
  public static let sctp = TransportProtocol(number: 132)

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
