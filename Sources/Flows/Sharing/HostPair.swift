import Terms

/// Pairs of hosts fall into so many shards, whichever of the two speaks.
///
/// A shard's packets all come to one engine, and what is rationed is rationed by shard: so it makes
/// no difference how many engines share a capture.
enum HostPair {
  static let shardCount = 16

  @inline(__always) static func shard(_ one: IPAddress, _ other: IPAddress) -> Int {
    Int(truncatingIfNeeded: (mix(one) &+ mix(other)) >> 60)
  }

  @inline(__always) private static func mix(_ address: IPAddress) -> UInt64 {
    let product = (address.low ^ 0x9e37_79b9_7f4a_7c15).multipliedFullWidth(
      by: address.high ^ 0xe703_7ed1_a0b4_28db)
    return (product.high ^ product.low) &* 0xa076_1d64_78bd_642f
  }
}
