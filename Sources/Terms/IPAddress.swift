import Glibc

/// An IPv4 or IPv6 address in 16 bytes; IPv4 is held as its IPv4-mapped form `::ffff:a.b.c.d` (RFC
/// 4291, 2.5.5.2).
@frozen public struct IPAddress: Hashable, Sendable, Codable {
  /// The first eight octets, as a number.
  public var high: UInt64
  /// The last eight octets, as a number.
  public var low: UInt64

  @inlinable public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  @inlinable public init(v4: UInt32) {
    high = 0
    low = 0xffff_0000_0000 | UInt64(v4)
  }

  /// `::`; stands for "no address" in packets without one.
  @inlinable public static var unspecified: Self { Self(high: 0, low: 0) }

  @inlinable public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }
  /// The 32-bit address; meaningful when `isIPv4`.
  @inlinable public var v4: UInt32 { UInt32(truncatingIfNeeded: low) }
  /// 32 or 128.
  @inlinable public var bitWidth: Int { isIPv4 ? 32 : 128 }

  /// 224.0.0.0/4 or ff00::/8.
  @inlinable public var isMulticast: Bool { isIPv4 ? v4 >> 28 == 0xe : high >> 56 == 0xff }
  /// 255.255.255.255.
  @inlinable public var isLimitedBroadcast: Bool { isIPv4 && v4 == 0xffff_ffff }
}

extension IPAddress {
  @inlinable public func hash(into hasher: inout Hasher) {
    hasher.combine(high)
    hasher.combine(low)
  }

  @inlinable public func _rawHashValue(seed: Int) -> Int { TableHash.of(high, low, seed: seed) }
}

extension IPAddress: Comparable {
  @inlinable public static func < (left: IPAddress, right: IPAddress) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}

extension IPAddress: CustomStringConvertible {
  /// Parses dotted IPv4 or RFC 4291 IPv6 text; nil for anything else.
  public init?(_ text: some StringProtocol) {
    let text = String(text)
    var v4 = in_addr()
    if inet_pton(AF_INET, text, &v4) == 1 {
      self.init(v4: UInt32(bigEndian: v4.s_addr))
      return
    }
    var v6 = in6_addr()
    guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
    self = withUnsafeBytes(of: &v6) { IPAddress(networkBytes: $0) }
  }

  /// Reads 16 octets in network order; the buffer must hold at least 16.
  public init(networkBytes bytes: UnsafeRawBufferPointer) {
    high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
    low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  public var description: String {
    if isIPv4 {
      return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)"
    }
    var octets = (high.bigEndian, low.bigEndian)
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard inet_ntop(AF_INET6, &octets, &text, socklen_t(text.count)) != nil else { return "?" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
