import Glibc

/// Reading of bytes that anybody may have written, for detectors: every look is checked.
struct ByteCursor {
  let bytes: [UInt8]
  var place: Int

  init(_ bytes: [UInt8], at place: Int = 0) {
    self.bytes = bytes
    self.place = place
  }

  /// The byte at the cursor, 0 at the end.
  var byte: UInt8 { at(0) }
  var isAtEnd: Bool { place >= bytes.count }

  /// The byte `offset` from the cursor, 0 outside.
  func at(_ offset: Int) -> UInt8 {
    let index = place &+ offset
    return index >= 0 && index < bytes.count ? bytes[index] : 0
  }

  func starts(_ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard place >= 0, place &+ length <= bytes.count else { return false }
    return (0..<length).allSatisfy { bytes[place &+ $0] == text.utf8Start[$0] }
  }

  mutating func accept(_ text: StaticString) -> Bool {
    guard starts(text) else { return false }
    place &+= text.utf8CodeUnitCount
    return true
  }

  /// Skips what separates words for an SQL parser or a shell: blanks, control characters and
  /// `/* */`; whether there was any.
  mutating func skipBlank() -> Bool {
    let start = place
    while place < bytes.count {
      if bytes[place] <= 0x20 || bytes[place] == 0xa0 {
        place &+= 1
      } else if starts("/*") {
        // MySQL reads what stands in /*!50000 … */.
        if at(2) == 0x21 {
          place &+= 3
          while byte.isDigit { place &+= 1 }
        } else {
          place &+= 2
          while !isAtEnd, !starts("*/") { place &+= 1 }
          place &+= 2
        }
      } else if starts("*/") {
        place &+= 2
      } else {
        break
      }
    }
    return place > start
  }

  /// Skips blanks and opening parentheses; whether there was any.
  mutating func skipOpening() -> Bool {
    var isAny = skipBlank()
    while accept("(") {
      isAny = true
      _ = skipBlank()
    }
    return isAny
  }

  mutating func skipWord() -> Int {
    let start = place
    while byte.isWord { place &+= 1 }
    return place &- start
  }
}

extension UInt8 {
  var isDigit: Bool { self >= 0x30 && self <= 0x39 }
  var isLetter: Bool { lowered >= 0x61 && lowered <= 0x7a }
  var isWord: Bool { isDigit || isLetter || self == 0x5f }
  var lowered: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
  var isQuote: Bool { self == 0x27 || self == 0x22 || self == 0x60 }
  var isPrintable: Bool { self >= 0x20 && self < 0x7f }

  /// The value of a hexadecimal digit; nil for other bytes.
  var hexValue: UInt8? {
    switch self {
    case 0x30...0x39: self &- 0x30
    case 0x41...0x46: self &- 0x37
    case 0x61...0x66: self &- 0x57
    default: nil
    }
  }
}

extension Collection<UInt8> {
  /// Whether `text`, which is in lower case, stands in the bytes, but for the case of letters. For
  /// short bytes only.
  func mentions(_ text: StaticString) -> Bool {
    read { $0.mentions(text.utf8Start, text.utf8CodeUnitCount) }
  }

  /// Whether the bytes are `text`, which is in lower case, but for the case of letters.
  func matches(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && begins(text) }

  /// Whether the bytes begin with `text`, which is in lower case, but for the case of letters.
  func begins(_ text: StaticString) -> Bool {
    read { bytes in
      let length = text.utf8CodeUnitCount
      return bytes.count >= length && bytes.holds(text.utf8Start, length, at: 0)
    }
  }

  /// The bytes where they stand, where they stand together; else a copy.
  private func read(_ body: (UnsafeBufferPointer<UInt8>) -> Bool) -> Bool {
    if let result = withContiguousStorageIfAvailable(body) { return result }
    return Array(self).withUnsafeBufferPointer(body)
  }

  /// One number for the bytes (FNV-1a), never 0; nothing can be read back from it but by guessing.
  var digest: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in self { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Swift.max(hash, 1)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether `text` stands at `start`, but for the case of letters; there must be room for it.
  fileprivate func holds(_ text: UnsafePointer<UInt8>, _ length: Int, at start: Int) -> Bool {
    for place in 0..<length where self[start &+ place].lowered != text[place] { return false }
    return true
  }

  fileprivate func mentions(_ text: UnsafePointer<UInt8>, _ length: Int) -> Bool {
    guard length > 0, count >= length, let base = baseAddress else { return false }
    // The C library looks for the first byte, in both its cases, many places at once.
    let end = count &- length &+ 1
    let (small, large) = (text[0], text[0].isLetter ? text[0] & 0xdf : text[0])
    var next = Self.place(of: small, base, 0, end)
    var nextLarge = large == small ? end : Self.place(of: large, base, 0, end)
    while true {
      let start = Swift.min(next, nextLarge)
      guard start < end else { return false }
      if holds(text, length, at: start) { return true }
      if start == next {
        next = Self.place(of: small, base, start &+ 1, end)
      } else {
        nextLarge = Self.place(of: large, base, start &+ 1, end)
      }
    }
  }

  /// Where a byte stands next at or behind `start`; `end` if nowhere before.
  private static func place(
    of byte: UInt8, _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int
  ) -> Int {
    guard start < end, let found = memchr(base + start, Int32(byte), end &- start) else {
      return end
    }
    return UnsafeRawPointer(found) - UnsafeRawPointer(base)
  }
}
