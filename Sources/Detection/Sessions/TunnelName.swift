import Flows
import Glibc

/// What a question's name can carry: the bytes before its registered zone.
struct TunnelName {
  /// Labels of the registered zone: two, or three below a country's second-level registry
  /// (`co.uk`).
  private static let registries: Set<String> = [
    "co", "com", "net", "org", "ac", "gov", "edu", "or", "ne", "go",
  ]

  /// In lower case.
  let zone: String
  /// Bytes before the zone, dots not counted.
  let length: Int
  /// Mean information of these bytes, in bits.
  let entropy: Double
  /// Whether some of them stand in no host name (RFC 952, RFC 1123): other than letters, digits,
  /// `-` and `_`.
  let isBinary: Bool
  /// The whole name, for comparison, and the zone.
  let hash: UInt64
  let zoneHash: UInt64
  /// The name's labels, from the right, in lower case.
  let labels: [String]

  /// Nil for names that carry nothing: none before the zone, and those of reverse lookups.
  init?(_ message: DNSMessage) {
    let name = message.name.utf8.prefix(1100)
    let parts = message.name.lowercased().split(separator: ".")
    guard parts.count >= 3, parts.count <= 127, let top = parts.last else { return nil }
    if top == "arpa", message.queryType == DNSMessage.RecordType.ptr { return nil }
    let second = parts[parts.count - 2]
    let isDeep = top.utf8.count == 2 && Self.registries.contains(String(second))
    let zoneLength = isDeep ? 3 : 2
    guard parts.count > zoneLength else { return nil }
    zone = parts.suffix(zoneLength).joined(separator: ".")
    zoneHash = DNSTurn.hash(zone.utf8)
    labels = parts.reversed().map(String.init)
    let carried = Self.bytes(name, labels: parts.count - zoneLength)
    guard !carried.isEmpty else { return nil }
    length = carried.count
    isBinary = carried.contains { !Self.isHostByte($0) }
    entropy = Self.entropy(carried)
    hash = DNSTurn.question(message.name, type: message.queryType)
  }

  /// Bytes of information, no more than the wire can hold.
  var information: Double { entropy * Double(length) / 8 }

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
