import Glibc

/// Octets of a rule, by their offsets in it: slices of slices still know where they stand. Valid
/// while the rule's text is.
struct RuleSlice {
  let base: UnsafePointer<UInt8>
  var start: Int
  var end: Int

  var count: Int { end - start }
  var isEmpty: Bool { start >= end }
  var first: UInt8? { start < end ? base[start] : nil }
  var last: UInt8? { start < end ? base[end - 1] : nil }

  /// `position` must be in `start..<end`.
  subscript(position: Int) -> UInt8 {
    assert(position >= start && position < end)
    return base[position]
  }

  func from(_ position: Int) -> RuleSlice {
    RuleSlice(base: base, start: min(max(position, start), end), end: end)
  }

  func upTo(_ position: Int) -> RuleSlice {
    RuleSlice(base: base, start: start, end: max(min(position, end), start))
  }

  /// Without white space at both ends.
  var trimmed: RuleSlice {
    var slice = self
    while let octet = slice.first, octet.isBlank { slice.start += 1 }
    while let octet = slice.last, octet.isBlank { slice.end -= 1 }
    return slice
  }

  func firstIndex(of octet: UInt8) -> Int? {
    guard !isEmpty, let found = memchr(base + start, Int32(octet), count) else { return nil }
    return UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
  }

  /// Takes what comes before `separator`, and steps over it; everything if there is none.
  mutating func next(until separator: UInt8) -> RuleSlice {
    guard let position = firstIndex(of: separator) else {
      defer { start = end }
      return self
    }
    defer { start = position + 1 }
    return upTo(position)
  }

  /// Takes the first word, without the white space on both its sides.
  mutating func nextWord() -> RuleSlice {
    self = trimmed
    var position = start
    while position < end, !base[position].isBlank { position += 1 }
    defer { self = from(position).trimmed }
    return upTo(position)
  }

  /// The parts between commas, trimmed.
  var fields: [RuleSlice] {
    var rest = self
    var fields: [RuleSlice] = []
    while let position = rest.firstIndex(of: UInt8(ascii: ",")) {
      fields.append(rest.upTo(position).trimmed)
      rest.start = position + 1
    }
    fields.append(rest.trimmed)
    return fields
  }

  func isWord(_ word: StaticString) -> Bool {
    count == word.utf8CodeUnitCount && memcmp(base + start, word.utf8Start, count) == 0
  }

  func hasPrefix(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    return count >= length && memcmp(base + start, word.utf8Start, length) == 0
  }

  var octets: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: base + start, count: max(count, 0))
  }

  var text: String { String(decoding: octets, as: UTF8.self) }

  /// As shown in a fault: bounded, whatever stands there.
  var quoted: String {
    let shown = upTo(start + 40)
    let text = String(
      decoding: shown.octets.map { $0 < 32 || $0 == 127 ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    return "'\(text)\(shown.count < count ? "…" : "")'"
  }
}

extension UInt8 {
  var isBlank: Bool { self == 32 || (self >= 9 && self <= 13) }
  var isDigit: Bool { self >= 48 && self <= 57 }
  var isLetter: Bool { (self | 32) >= 97 && (self | 32) <= 122 }

  /// Its value as a hexadecimal digit.
  var hexadecimal: UInt8? {
    switch self {
    case 48...57: self - 48
    case 65...70: self - 55
    case 97...102: self - 87
    default: nil
    }
  }
}
