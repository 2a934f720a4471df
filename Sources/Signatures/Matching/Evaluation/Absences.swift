/// Which contents are known not to lie in the beginning of a buffer that grows. Rules that wait for
/// the rest of a body are held against it whenever it has doubled: what was looked through once for
/// a content need not be again.
struct Absences {
  /// Contents remembered of one buffer, a power of two; one that takes another's place is looked for
  /// again from the start.
  private static let capacity = 128

  /// Step and octets, by the step; empty before the first.
  private var entries: [UInt64] = []

  init() {}

  mutating func clear() { if !entries.isEmpty { entries = [] } }

  /// Octets from the start in which the content of the step at `place` does not lie whole.
  func count(_ place: Int) -> Int {
    guard !entries.isEmpty else { return 0 }
    let entry = entries[place & (Self.capacity - 1)]
    return entry &>> 32 == UInt64(place) ? Int(entry & 0xffff_ffff) : 0
  }

  mutating func note(_ place: Int, _ count: Int) {
    if entries.isEmpty { entries = Array(repeating: 0, count: Self.capacity) }
    entries[place & (Self.capacity - 1)] = UInt64(place) &<< 32 | UInt64(count)
  }
}
