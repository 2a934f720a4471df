extension Sequence<UInt8> {
  /// FNV-1a, 64 bits: the same in every process; against damage, not against malice.
  @inlinable public var fnv1a: UInt64 {
    reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }
}

/// Hashes of short keys for dictionaries: two multiplications, where `Hasher` takes as long as the
/// rest of a lookup. Keyed at random in each process, as `Hasher` is, since others choose the keys.
public enum TableHash {
  @usableFromInline static let secret = (
    first: UInt64.random(in: 0...(.max)), second: UInt64.random(in: 0...(.max))
  )

  @inlinable public static func of(_ high: UInt64, _ low: UInt64, seed: Int) -> Int {
    let secret = secret
    let first = (low ^ secret.first).multipliedFullWidth(by: high ^ secret.second)
    let second = (first.high ^ first.low ^ UInt64(bitPattern: Int64(seed)))
      .multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return Int(truncatingIfNeeded: second.high ^ second.low)
  }

  /// The same of a short text, 16 bytes at a time.
  public static func of(_ text: UnsafeBufferPointer<UInt8>, seed: Int) -> Int {
    let bytes = UnsafeRawBufferPointer(text)
    var hash = seed ^ text.count
    var place = 0
    while bytes.count - place > 16 {
      hash = of(
        bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: place + 8, as: UInt64.self), seed: hash)
      place += 16
    }
    if bytes.count >= 8 {
      // The last eight bytes may be some of the first again: the count tells which.
      let first = min(place, bytes.count - 8)
      return of(
        bytes.loadUnaligned(fromByteOffset: first, as: UInt64.self),
        bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self), seed: hash)
    }
    var word: UInt64 = 0
    for byte in bytes { word = word << 8 | UInt64(byte) }
    return of(word, 0, seed: hash)
  }
}
