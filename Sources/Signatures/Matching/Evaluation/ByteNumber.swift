import Glibc

/// Numbers in a buffer as rules name them.
enum ByteNumber {
  /// - Returns: the number, masked, and the octets that it took; nil where there is none.
  static func read(
    _ data: UnsafeRawBufferPointer, at place: Int, count: Int, notation: UInt8, mask: UInt64
  ) -> (value: UInt64, size: Int)? {
    guard place >= 0, place <= data.count, count >= 0 else { return nil }
    switch notation {
    case Step.Notation.octal, Step.Notation.decimal, Step.Notation.hexadecimal,
      Step.Notation.automatic:
      guard let (value, size) = text(data, at: place, count: count, base: UInt64(notation)) else {
        return nil
      }
      return (masked(value, mask), size)
    default:
      guard count >= 1, count <= 8, data.count - place >= count else { return nil }
      var value: UInt64 = 0
      if notation == Step.Notation.bigEndian {
        for offset in 0..<count { value = value &<< 8 | UInt64(data[place &+ offset]) }
      } else {
        for offset in (0..<count).reversed() { value = value &<< 8 | UInt64(data[place &+ offset]) }
      }
      return (masked(value, mask), count)
    }
  }

  private static func masked(_ value: UInt64, _ mask: UInt64) -> UInt64 {
    if mask == .max { return value }
    return mask == 0 ? 0 : (value & mask) &>> UInt64(mask.trailingZeroBitCount)
  }

  /// Blanks before the digits are skipped and count (strtoull); at most `count` octets, 0 for all.
  private static func text(
    _ data: UnsafeRawBufferPointer, at place: Int, count: Int, base: UInt64
  ) -> (UInt64, Int)? {
    guard count == 0 || place &+ count <= data.count else { return nil }
    let end = count == 0 ? min(data.count, place + 23) : place + count
    var at = place
    while at < end, data[at].isBlankSpace { at += 1 }
    var base = base
    let isMarked = at + 2 < end && data[at] == 0x30 && data[at + 1] | 0x20 == 0x78
    if base == UInt64(Step.Notation.automatic) {
      base = isMarked ? 16 : at < end && data[at] == 0x30 ? 8 : 10
    }
    if base == 16, isMarked { at += 2 }
    var value: UInt64 = 0
    var digits = 0
    while at < end, let digit = digit(data[at]), digit < base {
      value = value &* base &+ digit
      digits += 1
      at += 1
    }
    return digits > 0 ? (value, at - place) : nil
  }

  static func digit(_ byte: UInt8) -> UInt64? {
    if byte >= 0x30, byte <= 0x39 { return UInt64(byte - 0x30) }
    let letter = byte | 0x20
    return letter >= 0x61 && letter <= 0x66 ? UInt64(letter - 0x57) : nil
  }
}
