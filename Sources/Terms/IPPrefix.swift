/// An address prefix (RFC 4632): the first `length` bits of `base`; host bits are always zero.
@frozen public struct IPPrefix: Hashable, Sendable, Codable {
  public let base: IPAddress
  /// 0…32 for IPv4, 0…128 for IPv6.
  public let length: UInt8

  /// Host bits of `address` are cleared; `length` is clamped to the family's width.
  @inlinable public init(_ address: IPAddress, length: Int) {
    let width = address.bitWidth
    let kept = min(max(length, 0), width) + 128 - width
    let highMask = kept >= 64 ? UInt64.max : ~(UInt64.max >> UInt64(kept))
    let lowMask = kept <= 64 ? 0 : kept >= 128 ? UInt64.max : ~(UInt64.max >> UInt64(kept - 64))
    base = IPAddress(high: address.high & highMask, low: address.low & lowMask)
    self.length = UInt8(kept - (128 - width))
  }

  /// The prefix of one host: /32 or /128.
  @inlinable public init(host: IPAddress) {
    base = host
    length = UInt8(host.bitWidth)
  }

  @inlinable public var isHost: Bool { Int(length) == base.bitWidth }

  @inlinable public func contains(_ address: IPAddress) -> Bool {
    if isHost { return address == base }
    return address.isIPv4 == base.isIPv4 && IPPrefix(address, length: Int(length)).base == base
  }

  @inlinable public func contains(_ other: IPPrefix) -> Bool {
    other.length >= length && contains(other.base)
  }

  @inlinable public func overlaps(_ other: IPPrefix) -> Bool {
    contains(other) || other.contains(self)
  }

  /// The last address of the prefix: for IPv4 the subnet's directed broadcast.
  public var lastAddress: IPAddress {
    let hostBits = base.bitWidth - Int(length)
    let highHost = hostBits > 64 ? UInt64.max >> UInt64(128 - hostBits) : 0
    let lowHost = hostBits >= 64 ? UInt64.max : (UInt64(1) << UInt64(hostBits)) - 1
    return IPAddress(high: base.high | highHost, low: base.low | lowHost)
  }
}

extension IPPrefix {
  @inlinable public func hash(into hasher: inout Hasher) {
    hasher.combine(base.high ^ UInt64(length) << 32)
    hasher.combine(base.low)
  }

  @inlinable public func _rawHashValue(seed: Int) -> Int {
    TableHash.of(base.high ^ UInt64(length) << 32, base.low, seed: seed)
  }
}

extension IPPrefix: Comparable {
  @inlinable public static func < (left: IPPrefix, right: IPPrefix) -> Bool {
    (left.base, left.length) < (right.base, right.length)
  }
}

extension IPPrefix: CustomStringConvertible {
  /// Parses `10.0.0.0/8`, `2001:db8::/32` or a single address; nil for anything else, host bits set
  /// included.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
    guard parts.count == 2 else {
      self.init(host: address)
      return
    }
    guard parts[1].allSatisfy(\.isNumber), let length = Int(parts[1]), length <= address.bitWidth
    else { return nil }
    self.init(address, length: length)
    guard base == address else { return nil }
  }

  /// A host prefix prints as its bare address.
  public var description: String { isHost ? "\(base)" : "\(base)/\(length)" }
}
