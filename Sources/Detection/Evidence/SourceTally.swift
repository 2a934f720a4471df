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
  /// Bits of the addresses' hashes, so that few of them are compared.
  private var marks = [SIMD4<UInt32>](repeating: SIMD4(), count: buckets)
  private var counts = [SIMD4<UInt32>](repeating: SIMD4(), count: buckets)

  mutating func add(_ source: IPAddress) {
    let hash = source.mixed
    let bucket = Int(truncatingIfNeeded: hash % UInt64(Self.buckets))
    let mark = UInt32(truncatingIfNeeded: hash >> 32)
    var held = counts[bucket]
    let isFree = held .== 0
    let mayBe = marks[bucket] .== mark .& .!isFree
    if any(mayBe) {
      for way in 0..<Self.ways
      where mayBe[way] && addresses[bucket * Self.ways + way] == source {
        held[way] &+= 1
        counts[bucket] = held
        return
      }
    }
    guard any(isFree) else {
      counts[bucket] = held &- 1
      return
    }
    var free = 0
    for way in 1..<Self.ways where isFree[way] { free = way }
    addresses[bucket * Self.ways + free] = source
    marks[bucket][free] = mark
    held[free] = 1
    counts[bucket] = held
  }

  /// Those that came more than once, the busiest of them.
  var busiest: [SourceCount] {
    SourceCount.busiest(
      addresses.indices.compactMap { place in
        let count = counts[place / Self.ways][place % Self.ways]
        return count > 1 ? SourceCount(source: addresses[place], contacts: UInt64(count)) : nil
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
