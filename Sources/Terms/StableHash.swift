extension Sequence<UInt8> {
  /// FNV-1a, 64 bits: the same in every process; against damage, not against malice.
  @inlinable public var fnv1a: UInt64 {
    reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}
