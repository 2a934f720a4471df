import Terms

/// Prefixes as sorted ranges, for a question per flow: IPv4 by binary search, IPv6 one by one.
struct AddressRanges: Sendable {
  private var starts: [UInt32] = []
  private var ends: [UInt32] = []
  /// The ranges once more where they are few, by start and length, the last one repeated: no array
  /// is in the way, and nothing branches.
  private var fewStarts = SIMD4<UInt32>()
  private var fewLengths = SIMD4<UInt32>()
  private let others: [IPPrefix]

  init(_ prefixes: [IPPrefix]) {
    others = prefixes.filter { !$0.base.isIPv4 }
    let ranges = prefixes.filter { $0.base.isIPv4 }
      .map { ($0.base.v4, $0.lastAddress.v4) }.sorted { $0 < $1 }
    for (start, end) in ranges {
      if let last = ends.last, start <= last {
        ends[ends.count - 1] = max(last, end)
      } else {
        starts.append(start)
        ends.append(end)
      }
    }
    guard !starts.isEmpty else { return }
    for place in 0..<fewStarts.scalarCount {
      let range = min(place, starts.count - 1)
      fewStarts[place] = starts[range]
      fewLengths[place] = ends[range] - starts[range]
    }
  }

  var isEmpty: Bool { starts.isEmpty && others.isEmpty }
  /// Whether there is anything to hold an address of the same family against.
  @inline(__always) func knowsFamily(of address: IPAddress) -> Bool {
    address.isIPv4 ? !starts.isEmpty : !others.isEmpty
  }

  /// Inlined as far as it goes without a loop, so that no copy of the ranges is lent.
  @inline(__always) func contains(_ address: IPAddress) -> Bool {
    guard address.isIPv4 else { return Self.contains(address, in: others) }
    let wanted = address.v4
    if starts.count <= 4 {
      guard !starts.isEmpty else { return false }
      let first = wanted &- fewStarts[0] <= fewLengths[0]
      let second = wanted &- fewStarts[1] <= fewLengths[1]
      let third = wanted &- fewStarts[2] <= fewLengths[2]
      let fourth = wanted &- fewStarts[3] <= fewLengths[3]
      return first || second || third || fourth
    }
    return Self.contains(wanted, starts, ends)
  }

  private static func contains(_ address: IPAddress, in prefixes: [IPPrefix]) -> Bool {
    prefixes.contains { $0.contains(address) }
  }

  private static func contains(_ wanted: UInt32, _ starts: [UInt32], _ ends: [UInt32]) -> Bool {
    var low = 0
    var high = starts.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] <= wanted { low = middle + 1 } else { high = middle }
    }
    return low > 0 && wanted <= ends[low - 1]
  }

  /// RFC 1918, and unique local addresses (RFC 4193).
  static let privateUse = AddressRanges(
    [
      IPPrefix(IPAddress(v4: 0x0a00_0000), length: 8),
      IPPrefix(IPAddress(v4: 0xac10_0000), length: 12),
      IPPrefix(IPAddress(v4: 0xc0a8_0000), length: 16),
      IPPrefix(IPAddress(high: 0xfc00_0000_0000_0000, low: 0), length: 7),
    ])
}
