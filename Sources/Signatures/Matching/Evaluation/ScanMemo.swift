import Glibc

/// What was found in short buffers of late. Methods, hosts, names of programs are the same from
/// message to message, and to compare them costs a fraction of a search.
struct ScanMemo {
  /// Octets of the longest buffer that is remembered.
  static let lengthLimit = 120
  /// Buffers remembered, a power of two: they stay in the processor's cache.
  private static let capacity = 256
  /// Patterns of one buffer that are remembered; a buffer with more is searched again.
  private static let hitLimit = 12

  private struct Entry {
    /// -1 for none.
    var place: Int32 = -1
    var count: UInt16 = 0
    var hitCount: UInt16 = 0
  }

  private let entries: UnsafeMutablePointer<Entry>
  private let texts: UnsafeMutablePointer<UInt8>
  private let hits: UnsafeMutablePointer<UInt32>

  init() {
    entries = .allocate(capacity: Self.capacity)
    entries.initialize(repeating: Entry(), count: Self.capacity)
    texts = .allocate(capacity: Self.capacity * Self.lengthLimit)
    hits = .allocate(capacity: Self.capacity * Self.hitLimit)
  }

  func free() {
    entries.deallocate()
    texts.deallocate()
    hits.deallocate()
  }

  /// Leaves what was found in the same bytes at the same point in `found`; false if that is not
  /// known.
  func recall(
    _ point: ScanPoint, _ bytes: UnsafeRawBufferPointer,
    into found: UnsafeMutablePointer<Scanner.Hits>
  ) -> Bool {
    guard let base = bytes.baseAddress, bytes.count <= Self.lengthLimit else { return false }
    let index = Self.index(point, base, bytes.count)
    let entry = entries + index
    guard entry.pointee.place == Int32(truncatingIfNeeded: point.place),
      Int(entry.pointee.count) == bytes.count,
      memcmp(texts + index &* Self.lengthLimit, base, bytes.count) == 0
    else { return false }
    let count = Int(entry.pointee.hitCount)
    for hit in 0..<count { found.pointee.patterns[hit] = hits[index &* Self.hitLimit &+ hit] }
    found.pointee.count = count
    return true
  }

  /// Remembers what was found, in the place of what stood there.
  func keep(
    _ point: ScanPoint, _ bytes: UnsafeRawBufferPointer, _ found: UnsafePointer<Scanner.Hits>
  ) {
    let count = found.pointee.count
    guard let base = bytes.baseAddress, bytes.count <= Self.lengthLimit, count <= Self.hitLimit
    else { return }
    let index = Self.index(point, base, bytes.count)
    memcpy(texts + index &* Self.lengthLimit, base, bytes.count)
    for hit in 0..<count { hits[index &* Self.hitLimit &+ hit] = found.pointee.patterns[hit] }
    entries[index] = Entry(
      place: Int32(truncatingIfNeeded: point.place),
      count: UInt16(truncatingIfNeeded: bytes.count), hitCount: UInt16(truncatingIfNeeded: count))
  }

  private static func index(_ point: ScanPoint, _ base: UnsafeRawPointer, _ count: Int) -> Int {
    var hash = UInt64(truncatingIfNeeded: point.place &<< 8 ^ count) &* 0x9e37_79b9_7f4a_7c15
    var at = 0
    while at &+ 8 <= count {
      hash =
        (hash ^ base.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0xff51_afd7_ed55_8ccd
      hash ^= hash &>> 32
      at &+= 8
    }
    while at < count {
      hash = (hash ^ UInt64(base.load(fromByteOffset: at, as: UInt8.self))) &* 0x100_0000_01b3
      at &+= 1
    }
    hash = hash &* 0x9e37_79b9_7f4a_7c15
    return Int(truncatingIfNeeded: hash &>> 32) & (capacity - 1)
  }
}
