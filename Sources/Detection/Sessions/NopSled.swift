/// Runs of x86 instructions that do nothing harmful, by which injected code can be entered anywhere:
/// the long forms of NOP that assemblers use for padding, and the single-byte instructions that
/// tools mix (Akritidis, Markatos, Polychronakis and Anagnostakis, "STRIDE: Polymorphic Sled
/// Detection", SEC 2005, in a form that needs no disassembly).
enum NopSled {
  /// Least part of a mixed sled that is beyond ASCII, and its least number of different
  /// instructions: capitals and `@` are instructions too.
  private static let strangeShare = 4
  private static let variety = 6

  /// Length of a mixed sled below which it is chance.
  static let least = 32

  /// For each byte, whether it is an instruction of its own that does nothing harmful.
  static let single: [Bool] = {
    var single = [Bool](repeating: false, count: 256)
    for byte in 0x40...0x4f { single[byte] = true }
    for byte in [
      0x27, 0x2f, 0x37, 0x3f, 0x90, 0x91, 0x92, 0x93, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9b, 0x9e,
      0x9f, 0xd6, 0xf5, 0xf8, 0xf9, 0xfc, 0xfd,
    ] { single[byte] = true }
    return single
  }()

  /// Bytes of the longest sled of single instructions.
  static func longestMixed(_ bytes: [UInt8]) -> Int {
    var best = 0
    var start = 0
    var strange = 0
    single.withUnsafeBufferPointer { single in
      for place in 0...bytes.count {
        if place < bytes.count, single[Int(bytes[place])] {
          if bytes[place] >= 0x80 { strange += 1 }
          continue
        }
        let length = place - start
        if length > best, length >= least, strange * strangeShare >= length,
          isVaried(bytes[start..<place], strange)
        {
          best = length
        }
        start = place + 1
        strange = 0
      }
    }
    return best
  }

  /// Whether a run has the variety of a mixed sled; a long one of nothing but NOP and the like needs
  /// less.
  private static func isVaried(_ run: ArraySlice<UInt8>, _ strange: Int) -> Bool {
    let different = Set(run).count
    return different >= variety
      || different >= 3 && run.count >= longRun && strange == run.count && run.contains(0x90)
  }

  private static let longRun = 96

  /// `66 90`, `0f 1f /0` with up to eight bytes of operands, both perhaps behind more `66` and a
  /// `2e`.
  static func longestWide(_ bytes: [UInt8]) -> Int {
    var best = 0
    var run = 0
    var isWide = false
    var place = 0
    while place < bytes.count {
      let length = begins(bytes[place]) ? wide(ByteCursor(bytes, at: place)) : 0
      if length > 1 { isWide = true }
      guard length > 0 else {
        if isWide { best = max(best, run) }
        run = 0
        isWide = false
        place += 1
        continue
      }
      run += length
      place += length
    }
    return isWide ? max(best, run) : best
  }

  private static func begins(_ byte: UInt8) -> Bool {
    byte == 0x66 || byte == 0x2e || byte == 0x90 || byte == 0x0f
  }

  /// Bytes of the NOP at the cursor; 0 for anything else.
  private static func wide(_ cursor: ByteCursor) -> Int {
    var offset = 0
    while offset < 4, cursor.at(offset) == 0x66 || cursor.at(offset) == 0x2e { offset += 1 }
    if cursor.at(offset) == 0x90 { return offset + 1 }
    guard cursor.at(offset) == 0x0f, cursor.at(offset + 1) == 0x1f else { return 0 }
    switch cursor.at(offset + 2) {
    case 0x00: return offset + 3
    case 0x40: return offset + 4
    case 0x44: return offset + 5
    case 0x80: return offset + 7
    case 0x84: return offset + 8
    default: return 0
    }
  }
}
