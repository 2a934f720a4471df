import Terms

/// Values by prefix, found by the addresses that they contain: a probe per prefix length in use,
/// however many there are.
public struct PrefixTable<Value: Sendable>: Sendable {
  @usableFromInline var values: [IPPrefix: Value] = [:]
  /// Lengths in use of IPv4 and of IPv6, the longest first.
  @usableFromInline var lengths: [[UInt8]] = [[], []]

  @inlinable public init() {}

  @inlinable public subscript(prefix: IPPrefix) -> Value? {
    get { values[prefix] }
    set {
      values[prefix] = newValue
      let family = prefix.base.isIPv4 ? 0 : 1
      if !lengths[family].contains(prefix.length) {
        lengths[family] = (lengths[family] + [prefix.length]).sorted(by: >)
      }
    }
  }

  /// The value of the longest prefix that contains all of this one.
  @inlinable public func match(_ prefix: IPPrefix) -> Value? {
    for length in lengths[prefix.base.isIPv4 ? 0 : 1] where length <= prefix.length {
      if let value = values[IPPrefix(prefix.base, length: Int(length))] { return value }
    }
    return nil
  }
}
