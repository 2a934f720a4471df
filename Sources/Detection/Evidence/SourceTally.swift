import Reports
import Terms

/// Counts the contacts of a target's busiest sources in bounded memory, however many sources it has.
///
/// Buckets of a few counters each, by a hash of the source; in a full bucket a newcomer takes one
/// off every counter instead (Misra and Gries, "Finding repeated elements", 1982). So a count is
/// never too high, and too low by at most a fifth of what the bucket's other sources did: a source
/// that insists stands out even among thousands of forged ones.
struct SourceTally: Sendable {
  private static let buckets = 64
  private static let ways = 4

  private var addresses = [IPAddress](repeating: .unspecified, count: buckets * ways)
  private var counts = [UInt32](repeating: 0, count: buckets * ways)

  mutating func add(_ source: IPAddress) {
    let start = Int(truncatingIfNeeded: source.mixed % UInt64(Self.buckets)) * Self.ways
    var free = -1
    for place in start..<start + Self.ways {
      if counts[place] == 0 {
        free = place
      } else if addresses[place] == source {
        counts[place] &+= 1
        return
      }
    }
    if free >= 0 {
      addresses[free] = source
      counts[free] = 1
    } else {
      for place in start..<start + Self.ways { counts[place] -= 1 }
    }
  }

  /// Those that came more than once, the busiest of them.
  var busiest: [SourceCount] {
    SourceCount.busiest(
      counts.indices.filter { counts[$0] > 1 }.map {
        SourceCount(source: addresses[$0], contacts: UInt64(counts[$0]))
      })
  }
}

extension IPAddress {
  /// All bits of the address in each bit of the number (the finaliser of MurmurHash3, in the public
  /// domain).
  fileprivate var mixed: UInt64 {
    var bits = high &* 0x9e37_79b9_7f4a_7c15 ^ low
    bits = (bits ^ bits >> 33) &* 0xff51_afd7_ed55_8ccd
    bits = (bits ^ bits >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return bits ^ bits >> 33
  }
}
