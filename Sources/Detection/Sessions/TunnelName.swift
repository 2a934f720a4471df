import Flows
import Glibc

/// A question's name as a carrier of data: which zone it goes to, and, on demand, what stands
/// before it.
///
/// Made for every message, so it only looks at bytes; `load` is for names nobody asked before.
struct TunnelName {
  /// Labels of the registered zone: two, or three below a country's second-level registry
  /// (`co.uk`).
  private static let registries: Set<String> = [
    "co", "com", "net", "org", "ac", "gov", "edu", "or", "ne", "go",
  ]
  /// Bytes of a name that are read: what 255 bytes are at most, with every byte escaped.
  private static let readLimit = 1100

  /// What the bytes before the zone can tell.
  struct Load {
    /// Bytes, dots not counted.
    let length: Int
    /// Mean information of these bytes, in bits.
    let entropy: Double
    /// Whether some of them stand in no host name (RFC 952, RFC 1123): other than letters, digits,
    /// `-` and `_`.
    let isBinary: Bool

    /// Bytes of information, no more than the wire can hold.
    var information: Double { entropy * Double(length) / 8 }
  }

  /// Numbers in the first and the last label before the zone: as the label's decimal digits at its
  /// end, and as the whole label in hexadecimal; nil where there are none.
  struct Numbers: Sendable, Equatable {
    /// A piece may get lost, or be asked for out of turn.
    static let gap: UInt64 = 3

    var decimal: [UInt64?] = [nil, nil]
    var hexadecimal: [UInt64?] = [nil, nil]

    /// Whether one of them comes after its like in the name before.
    func follow(_ former: Numbers) -> Bool {
      (0..<2).contains { index in
        Self.follows(decimal[index], former.decimal[index])
          || Self.follows(hexadecimal[index], former.hexadecimal[index])
      }
    }

    private static func follows(_ next: UInt64?, _ former: UInt64?) -> Bool {
      guard let next, let former, next > former else { return false }
      return next - former <= gap
    }
  }

  private let name: String
  /// Labels before the zone, and where the zone begins in the name's bytes.
  private let carried: Int
  private let zoneStart: Int
  /// The whole name, for comparison, and the zone.
  let hash: UInt64
  let zoneHash: UInt64

  /// Nil for names that carry nothing: none before the zone, and those of reverse lookups.
  init?(_ message: DNSMessage) {
    name = message.name
    let layout = name.utf8.withContiguousStorageIfAvailable { Self.layout($0, message) }
    guard
      let layout = layout
        ?? Array(name.utf8).withUnsafeBufferPointer({
          Self.layout($0, message)
        })
    else { return nil }
    (carried, zoneStart, zoneHash) = layout
    hash = DNSTurn.question(name, type: message.queryType)
  }

  /// In lower case.
  var zone: String {
    String(decoding: name.utf8.dropFirst(zoneStart).map { $0.lowered }, as: UTF8.self)
  }

  /// The name's last labels, at most `limit`, from the right, in lower case.
  func labels(limit: Int) -> [String] {
    var labels: [String] = []
    var rest = Substring(name).utf8
    while labels.count < limit, !rest.isEmpty {
      let start = rest.lastIndex(of: 0x2e).map { rest.index(after: $0) } ?? rest.startIndex
      if start < rest.endIndex {
        labels.append(String(decoding: rest[start...].map { $0.lowered }, as: UTF8.self))
      }
      rest = start == rest.startIndex ? rest[..<start] : rest[..<rest.index(before: start)]
    }
    return labels
  }

  var numbers: Numbers {
    var numbers = Numbers()
    let labels = name.utf8.prefix(Self.readLimit).split(separator: 0x2e, maxSplits: carried)
    guard carried > 0, labels.count >= carried else { return numbers }
    for (index, label) in [labels[0], labels[carried - 1]].enumerated() where label.count <= 24 {
      numbers.decimal[index] = Self.decimal(label)
      numbers.hexadecimal[index] = label.count <= 8 ? Self.hexadecimal(label) : nil
    }
    return numbers
  }

  /// What the digits at a label's end say.
  private static func decimal(_ label: Substring.UTF8View) -> UInt64? {
    let digits = label.reversed().prefix { $0.isDigit }
    guard !digits.isEmpty, digits.count <= 9 else { return nil }
    return digits.reversed().reduce(0) { $0 * 10 + UInt64($1 - 0x30) }
  }

  private static func hexadecimal(_ label: Substring.UTF8View) -> UInt64? {
    var value: UInt64 = 0
    for byte in label {
      guard let digit = byte.hexValue else { return nil }
      value = value << 4 | UInt64(digit)
    }
    return value
  }

  /// Whether a label begins with `_`, as those of services and their keys do.
  var isService: Bool {
    var previous: UInt8 = 0x2e
    for byte in name.utf8 {
      if byte == 0x5f, previous == 0x2e { return true }
      previous = byte
    }
    return false
  }

  var load: Load {
    let bytes = Self.bytes(name.utf8.prefix(Self.readLimit), labels: carried)
    return Load(
      length: bytes.count, entropy: Self.entropy(bytes),
      isBinary: bytes.contains { !Self.isHostByte($0) })
  }

  /// Labels before the zone, where the zone begins, and its hash.
  private static func layout(
    _ name: UnsafeBufferPointer<UInt8>, _ message: DNSMessage
  ) -> (Int, Int, UInt64)? {
    var labels = 0
    // Where the last three labels begin, the last one first.
    var (last, second, third) = (0, 0, 0)
    var isLabel = false
    for place in name.indices {
      if name[place] == 0x2e {
        isLabel = false
      } else if !isLabel {
        isLabel = true
        labels &+= 1
        (last, second, third) = (place, last, second)
      }
    }
    guard labels >= 2, labels <= 127 else { return nil }
    let top = UnsafeBufferPointer(rebasing: name[last...])
    // No domain at the top has a digit in its name, but for encoded ones (RFC 3696, 2; RFC 5890):
    // a tunnel straight to its server (dnscat2) puts its mark first and data everywhere else.
    if top.contains(where: { $0.isDigit }), !top.begins("xn--") {
      let mark = UnsafeBufferPointer(rebasing: name.prefix { $0 != 0x2e })
      return (labels, name.count, DNSTurn.hash(mark))
    }
    guard labels >= 3 else { return nil }
    if message.queryType == DNSMessage.RecordType.ptr, top.count == 4, top.begins("arpa") {
      return nil
    }
    let isDeep = top.count == 2 && registries.contains(Self.text(name[second..<(last - 1)]))
    let zoneLength = isDeep ? 3 : 2
    guard labels > zoneLength else { return nil }
    let start = isDeep ? third : second
    return (
      labels - zoneLength, start, DNSTurn.hash(UnsafeBufferPointer(rebasing: name[start...]))
    )
  }

  private static func text(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String {
    String(decoding: bytes.map { $0.lowered }, as: UTF8.self)
  }

  /// The first labels' bytes, escapes undone.
  private static func bytes(_ name: Substring.UTF8View, labels: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var passed = 0
    var index = name.startIndex
    while index != name.endIndex, passed < labels, bytes.count < 255 {
      let byte = name[index]
      index = name.index(after: index)
      if byte == 0x2e {
        passed += 1
      } else if byte == 0x5c, let end = name.index(index, offsetBy: 3, limitedBy: name.endIndex) {
        let value = name[index..<end].reduce(0) { $0 &* 10 &+ (Int($1) &- 0x30) }
        bytes.append(UInt8(truncatingIfNeeded: value))
        index = end
      } else {
        bytes.append(byte)
      }
    }
    return bytes
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
    default: false
    }
  }

  /// Shannon's, of the bytes' frequencies.
  private static func entropy(_ bytes: [UInt8]) -> Double {
    var counts = [UInt16](repeating: 0, count: 256)
    for byte in bytes { counts[Int(byte)] &+= 1 }
    let total = Double(bytes.count)
    var sum = 0.0
    for count in counts where count > 0 {
      let part = Double(count) / total
      sum -= part * log2(part)
    }
    return sum
  }
}
