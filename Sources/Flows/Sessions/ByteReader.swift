import Glibc
import Terms

/// A place in bytes that anybody may have written: every read is checked, nil at the end.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  var offset = 0

  init(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  var remaining: Int { bytes.count &- offset }

  mutating func byte() -> UInt8? {
    guard offset < bytes.count else { return nil }
    defer { offset &+= 1 }
    return bytes[offset]
  }

  mutating func word() -> UInt16? {
    guard remaining >= 2 else { return nil }
    defer { offset &+= 2 }
    return UInt16(bytes[offset]) &<< 8 | UInt16(bytes[offset &+ 1])
  }

  mutating func long() -> UInt32? {
    guard let high = word(), let low = word() else { return nil }
    return UInt32(high) &<< 16 | UInt32(low)
  }

  /// Three bytes.
  mutating func medium() -> Int? {
    guard let high = byte(), let low = word() else { return nil }
    return Int(high) &<< 16 | Int(low)
  }

  mutating func skip(_ count: Int) -> Bool {
    guard count >= 0, count <= remaining else { return false }
    offset &+= count
    return true
  }

  /// The next `count` bytes.
  mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= remaining else { return nil }
    defer { offset &+= count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset &+ count])
  }

  /// An IPv4 address; 0.0.0.0 is none.
  mutating func address() -> IPAddress? {
    long().map { $0 == 0 ? .unspecified : IPAddress(v4: $0) }
  }

  /// An IPv6 address.
  mutating func version6Address() -> IPAddress? {
    guard let bytes = take(16) else { return nil }
    let high = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self))
    let low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    return IPAddress(high: high, low: low)
  }
}

extension UnsafeRawBufferPointer {
  /// The bytes from `offset` on, none when it lies beyond.
  func from(_ offset: Int) -> UnsafeRawBufferPointer {
    offset < count ? UnsafeRawBufferPointer(rebasing: self[offset...]) : .init(start: nil, count: 0)
  }

  func first(_ limit: Int) -> UnsafeRawBufferPointer {
    limit < count ? UnsafeRawBufferPointer(rebasing: self[..<limit]) : self
  }

  /// The first line end, by the C library: it looks at many bytes at once.
  var firstLineEnd: Int? {
    guard let base = baseAddress, let found = memchr(base, 0x0a, count) else { return nil }
    return UnsafeRawPointer(found) - base
  }

  func starts(with text: StaticString) -> Bool {
    count >= text.utf8CodeUnitCount
      && (0..<text.utf8CodeUnitCount).allSatisfy { self[$0] == text.utf8Start[$0] }
  }
}

extension UInt8 {
  /// An ASCII letter in lower case; other bytes as they are.
  var lowered: UInt8 { self >= 0x41 && self <= 0x5a ? self | 0x20 : self }
  var raised: UInt8 { self >= 0x61 && self <= 0x7a ? self & 0xdf : self }
  var isDigit: Bool { self >= 0x30 && self <= 0x39 }
  var isLetter: Bool { lowered >= 0x61 && lowered <= 0x7a }
  var isBlank: Bool { self == 0x20 || self == 0x09 }
}

extension Collection<UInt8> {
  /// Whether the bytes are `text`, which is in lower case, but for the case of letters.
  func matches(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && begins(text)
  }

  /// Whether the bytes begin with `text`, which is in lower case, but for the case of letters.
  func begins(_ text: StaticString) -> Bool {
    guard count >= text.utf8CodeUnitCount else { return false }
    var place = 0
    for byte in self {
      if place == text.utf8CodeUnitCount { return true }
      if byte.lowered != text.utf8Start[place] { return false }
      place &+= 1
    }
    return true
  }

  /// Whether `text`, in lower case, stands somewhere in the bytes. For short bytes only.
  func mentions(_ text: StaticString) -> Bool {
    var start = startIndex
    while start != endIndex {
      if self[start...].begins(text) { return true }
      start = index(after: start)
    }
    return false
  }

  /// A decimal number and nothing else; nil beyond 18 digits.
  var number: UInt64? {
    guard !isEmpty, count <= 18 else { return nil }
    var value: UInt64 = 0
    for byte in self {
      guard byte.isDigit else { return nil }
      value = value &* 10 &+ UInt64(byte &- 0x30)
    }
    return value
  }

  /// The letters in capitals, at most 16; other bytes as `?`.
  var verb: String {
    var text = ""
    for byte in prefix(16) {
      text.unicodeScalars.append(Unicode.Scalar(byte > 0x20 && byte < 0x7f ? byte.raised : 0x3f))
    }
    return text
  }
}
