/// What is searched for at one scan point, while it grows.
struct PointDraft {
  struct Pattern: Hashable {
    /// In lower case if case does not matter.
    var bytes: [UInt8]
    var ignoresCase: Bool

    /// Whether much traffic has it, whatever it is: short, or hardly more than one octet repeated.
    var isCommon: Bool { bytes.count <= 4 || Set(bytes).count <= 2 }
  }

  /// Longer contents are found by their beginning. So many octets tell as much as all of them, and those
  /// before new bytes of a stream are searched again.
  static let patternLimit = 32

  var rules: [Pattern: [Int32]] = [:]
  var always: [Int32] = []

  /// Adds what is searched for elsewhere.
  mutating func merge(_ other: PointDraft) {
    for (pattern, numbers) in other.rules {
      rules[pattern] = (Set(rules[pattern] ?? []).union(numbers)).sorted()
    }
  }
}

extension BufferTransform {
  /// In the image: a code, for `xor` followed by the key's length and octets.
  func append(to list: inout [UInt8]) {
    switch self {
    case .dotPrefix: list.append(0)
    case .lowercase: list.append(1)
    case .uppercase: list.append(2)
    case .stripWhitespace: list.append(3)
    case .compressWhitespace: list.append(4)
    case .decodeURL: list.append(5)
    case .lowercaseHeaders: list.append(6)
    case .stripPseudoHeaders: list.append(7)
    case .xor(let key):
      list.append(8)
      list.append(UInt8(truncatingIfNeeded: min(key.count, 255)))
      list.append(contentsOf: key.prefix(255))
    case .md5: list.append(9)
    case .sha1: list.append(10)
    case .sha256: list.append(11)
    }
  }
}
