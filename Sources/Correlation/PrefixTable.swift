import Terms

/// Values by prefix, found by the addresses that they contain: a probe per prefix length in use,
/// however many there are.
struct PrefixTable<Value: Sendable>: Sendable {
  private var values: [IPPrefix: Value] = [:]
  /// Lengths in use of IPv4 and of IPv6, the longest first.
  private var lengths: [[UInt8]] = [[], []]

  subscript(prefix: IPPrefix) -> Value? {
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
  func match(_ prefix: IPPrefix) -> Value? {
    for length in lengths[prefix.base.isIPv4 ? 0 : 1] where length <= prefix.length {
      if let value = values[IPPrefix(prefix.base, length: Int(length))] { return value }
    }
    return nil
  }
}
