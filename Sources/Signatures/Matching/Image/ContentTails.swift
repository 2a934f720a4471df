/// How the contents of a database end, so that few new bytes need not be searched for those that end
/// in none of them: to begin a search costs as much as a look at some dozens of bytes.
///
/// For each pair of octets a byte in which the octets before it choose a bit: four octets of a
/// content's end, told apart but for the case of letters. An end that is not here is in no content;
/// one that is here may be chance.
enum ContentTails {
  /// Bytes of one table.
  static let count = 1 << 14
  /// Octets of an end; shorter contents stand with all that may come before them.
  static let length = 4
  /// New bytes up to which a look at each is cheaper than a search.
  static let newLimit = 32

  /// Case is a bit; seven others are left.
  @inline(__always) private static func folded(_ octet: UInt8) -> Int {
    Int(octet & 0x1f | (octet & 0xc0) &>> 1)
  }

  /// The place of an end's last two octets in the table.
  @inline(__always) private static func place(_ before: UInt8, _ last: UInt8) -> Int {
    folded(before) &<< 7 | folded(last)
  }

  /// The bit of the two octets before them.
  @inline(__always) private static func bit(_ first: UInt8, _ second: UInt8) -> UInt8 {
    let mixed = (UInt32(first & 0xdf) &* 0x9d) ^ (UInt32(second & 0xdf) &* 0x3b)
    return 1 &<< UInt8(truncatingIfNeeded: (mixed &>> 5) & 7)
  }

  /// The table of some contents.
  static func table(_ contents: some Sequence<[UInt8]>) -> [UInt8] {
    var table = [UInt8](repeating: 0, count: count)
    for content in contents {
      guard let last = content.last else { continue }
      if content.count == 1 {
        for before in 0...UInt8.max { table[place(before, last)] = .max }
        continue
      }
      let end = content.suffix(length)
      let place = place(end[end.endIndex - 2], last)
      table[place] |= end.count < length ? .max : bit(end[end.startIndex], end[end.startIndex + 1])
    }
    return table
  }

  /// Whether a content may end in the last `new` of some bytes.
  ///
  /// - Parameters:
  ///   - table: `count` bytes.
  ///   - shortest: octets of the shortest content.
  @inline(__always) static func mayEnd(
    inLast new: Int, of bytes: UnsafeRawBufferPointer, _ table: UnsafePointer<UInt8>, shortest: Int
  ) -> Bool {
    guard let base = bytes.baseAddress else { return false }
    var at = max(bytes.count &- new, shortest &- 1, 0)
    // So near the beginning only short contents can end, which stand with all that may come before.
    while at < min(length &- 1, bytes.count) {
      let before = at > 0 ? base.load(fromByteOffset: at &- 1, as: UInt8.self) : 0
      if table[place(before, base.load(fromByteOffset: at, as: UInt8.self))] == .max { return true }
      at &+= 1
    }
    while at < bytes.count {
      let end = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: at &- 3, as: UInt32.self))
      let octets = (
        UInt8(truncatingIfNeeded: end &>> 24), UInt8(truncatingIfNeeded: end &>> 16),
        UInt8(truncatingIfNeeded: end &>> 8), UInt8(truncatingIfNeeded: end)
      )
      if table[place(octets.2, octets.3)] & bit(octets.0, octets.1) != 0 { return true }
      at &+= 1
    }
    return false
  }
}
