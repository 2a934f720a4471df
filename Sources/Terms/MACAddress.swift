/// An IEEE 802 hardware address in the low 48 bits.
@frozen public struct MACAddress: Hashable, Sendable, Codable {
  public var bits: UInt64

  @inlinable public init(bits: UInt64) { self.bits = bits & 0xffff_ffff_ffff }

  @inlinable public static var unknown: Self { Self(bits: 0) }
  @inlinable public static var broadcast: Self { Self(bits: 0xffff_ffff_ffff) }

  /// The group bit: broadcast and multicast addresses.
  @inlinable public var isGroup: Bool { bits >> 40 & 1 == 1 }
}

extension MACAddress: CustomStringConvertible {
  /// Parses six hexadecimal octets joined by colons or hyphens; nil for anything else.
  public init?(_ text: some StringProtocol) {
    let octets = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
    guard octets.count == 6 else { return nil }
    var bits: UInt64 = 0
    for octet in octets {
      guard octet.count <= 2, let value = UInt8(octet, radix: 16) else { return nil }
      bits = bits << 8 | UInt64(value)
    }
    self.init(bits: bits)
  }

  public var description: String {
    (0..<6).map { index in
      let octet = String(bits >> UInt64(40 - 8 * index) & 255, radix: 16)
      return octet.count == 1 ? "0" + octet : octet
    }.joined(separator: ":")
  }
}
