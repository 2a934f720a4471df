import Glibc

/// Strings in a buffer.
///
/// The C library looks for one byte of the content, which it does many at once; the rest is held
/// against the places found. The byte is the one that traffic has least of.
enum ByteSearch {
  /// The first place in `range` where `content` lies whole; nil if it lies nowhere.
  ///
  /// - Parameters:
  ///   - anchor: of the content.
  ///   - ignoresCase: `content` is in lower case.
  @inline(__always) static func find(
    _ content: UnsafeRawBufferPointer, anchor: UInt8, in data: UnsafeRawBufferPointer,
    _ range: Range<Int>, ignoresCase: Bool
  ) -> Int? {
    guard content.count <= range.count, content.count > 0, let base = data.baseAddress,
      let wanted = content.baseAddress
    else { return nil }
    if content.count == range.count {
      let isThere =
        ignoresCase
        ? isFolded(base + range.lowerBound, wanted, content.count)
        : memcmp(base + range.lowerBound, wanted, content.count) == 0
      return isThere ? range.lowerBound : nil
    }
    let anchor = min(Int(anchor), content.count &- 1)
    return ignoresCase
      ? findFolded(wanted, content.count, anchor, base, range)
      : findExact(wanted, content.count, anchor, base, range)
  }

  private static func findExact(
    _ wanted: UnsafeRawPointer, _ count: Int, _ anchor: Int, _ base: UnsafeRawPointer,
    _ range: Range<Int>
  ) -> Int? {
    let byte = Int32(wanted.load(fromByteOffset: anchor, as: UInt8.self))
    var at = range.lowerBound &+ anchor
    let end = range.upperBound &- count &+ anchor &+ 1
    while at < end, let found = memchr(base + at, byte, end &- at) {
      at = UnsafeRawPointer(found) - base
      if memcmp(base + (at &- anchor), wanted, count) == 0 { return at &- anchor }
      at &+= 1
    }
    return nil
  }

  private static func findFolded(
    _ wanted: UnsafeRawPointer, _ count: Int, _ anchor: Int, _ base: UnsafeRawPointer,
    _ range: Range<Int>
  ) -> Int? {
    let lower = wanted.load(fromByteOffset: anchor, as: UInt8.self)
    let isLetter = lower >= 0x61 && lower <= 0x7a
    let end = range.upperBound &- count &+ anchor &+ 1
    // Each of the two cases is looked for once, and remembered until it is passed.
    var small = next(lower, base, range.lowerBound &+ anchor, end)
    var large = isLetter ? next(lower ^ 0x20, base, range.lowerBound &+ anchor, end) : end
    while true {
      let at = min(small, large)
      guard at < end else { return nil }
      if isFolded(base + (at &- anchor), wanted, count) { return at &- anchor }
      if at == small {
        small = next(lower, base, at &+ 1, end)
      } else {
        large = next(lower ^ 0x20, base, at &+ 1, end)
      }
    }
  }

  /// Where the byte stands next; `end` if nowhere before.
  @inline(__always) private static func next(
    _ byte: UInt8, _ base: UnsafeRawPointer, _ at: Int, _ end: Int
  ) -> Int {
    guard at < end, let found = memchr(base + at, Int32(byte), end &- at) else { return end }
    return UnsafeRawPointer(found) - base
  }

  @inline(__always) private static func isFolded(
    _ bytes: UnsafeRawPointer, _ wanted: UnsafeRawPointer, _ count: Int
  ) -> Bool {
    for offset in 0..<count
    where bytes.load(fromByteOffset: offset, as: UInt8.self).asciiLower
      != wanted.load(fromByteOffset: offset, as: UInt8.self)
    { return false }
    return true
  }

  /// Octets of a content among which the rarest is chosen.
  private static let anchorLimit = 16

  /// The octet of a content by which it is looked for: the one that traffic has least of.
  static func anchor(of content: [UInt8]) -> Int {
    let octets = content.prefix(anchorLimit)
    return octets.indices.min { commonness[Int(octets[$0])] < commonness[Int(octets[$1])] } ?? 0
  }

  /// How much of a byte traffic has, roughly: text above all, and zeros.
  private static let commonness: [UInt8] = {
    var table = [UInt8](repeating: 20, count: 256)
    for byte in 0x21...0x7e { table[byte] = 60 }
    for byte in 0x30...0x39 { table[byte] = 130 }
    for byte in 0x41...0x5a { table[byte] = 80 }
    for byte in 0x61...0x7a { table[byte] = 140 }
    for (rank, letter) in "etaoinsrhldcumfpgwyb".utf8.enumerated() {
      table[Int(letter)] = UInt8(240 - 4 * rank)
    }
    for byte in "/.-=\"<>:;,".utf8 { table[Int(byte)] = 120 }
    table[0x20] = 250
    table[0x00] = 230
    table[0x0a] = 110
    table[0x0d] = 110
    table[0xff] = 90
    return table
  }()
}
