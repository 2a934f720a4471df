/// A part of a request as the decoders of a server would read it, all of them at once: percent
/// escapes (also twice and nested), `%u` escapes, overlong UTF-8 (RFC 3629, 3), full-width forms,
/// HTML entities, `\x` and `\u` escapes; letters in lower case.
///
/// Bounded: never longer than what was sent, decoded at most `roundLimit` times.
struct WebText {
  /// Times that escapes are resolved.
  static let roundLimit = 4

  private(set) var bytes: [UInt8]
  /// How often something had to be decoded; 1 is what every browser does.
  private(set) var rounds = 0
  /// Dots and slashes that were written as escapes: browsers leave dots alone.
  private(set) var hiddenDots = 0
  private(set) var hiddenSlashes = 0
  /// Characters in a form that UTF-8 forbids, or `%u` escapes, that stand for ASCII.
  private(set) var forbiddenForms = 0
  /// `%u` escapes with four digits beyond Latin text.
  private(set) var wideEscapes = 0

  /// Whether the text may be a page: there `&lt;` is how a writer says that it begins no tag.
  private let isDocument: Bool

  /// - Parameters:
  ///   - isQuery: `+` stands for a space.
  ///   - isDocument: the text may be a page that somebody writes.
  init(_ raw: some Collection<UInt8>, isQuery: Bool, isDocument: Bool = false) {
    self.isDocument = isDocument
    var isPlain = true
    let count = raw.count
    bytes = Array(unsafeUninitializedCapacity: count) { buffer, filled in
      for byte in raw where filled < count {
        buffer[filled] = isQuery && byte == 0x2b ? 0x20 : byte.lowered
        filled &+= 1
        if byte == 0x25 || byte == 0x26 || byte == 0x5c || byte >= 0x80 { isPlain = false }
      }
    }
    guard !isPlain else { return }
    for _ in 0..<Self.roundLimit {
      guard decode() else { break }
      rounds += 1
    }
  }

  /// Resolves each escape once; whether there was one.
  private mutating func decode() -> Bool {
    let cursor = ByteCursor(bytes)
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var place = 0
    var isChanged = false
    while place < bytes.count {
      if let (value, length) = escape(cursor, at: place) {
        append(value, isEscape: bytes[place] != 0x26, to: &output)
        place += length
        isChanged = true
      } else {
        output.append(bytes[place])
        place += 1
      }
    }
    if isChanged || rounds == 0 { isChanged = foldWide(&output) || isChanged }
    bytes = output
    return isChanged
  }

  private mutating func append(_ value: UInt32, isEscape: Bool, to output: inout [UInt8]) {
    let byte = Self.ascii(value)
    if isEscape, byte == 0x2e { hiddenDots += 1 }
    if isEscape, byte == 0x2f || byte == 0x5c { hiddenSlashes += 1 }
    output.append(byte)
  }

  /// The escape that begins at `place`: what it stands for, and how many bytes it takes.
  private mutating func escape(_ cursor: ByteCursor, at place: Int) -> (UInt32, Int)? {
    var cursor = cursor
    cursor.place = place
    switch cursor.byte {
    case 0x25:
      if let value = Self.hex(cursor, from: 1, digits: 2) { return (value, 3) }
      guard cursor.at(1) == 0x75, let value = Self.hex(cursor, from: 2, digits: 4) else {
        return nil
      }
      if value >= 0x100 { wideEscapes += 1 }
      if Self.ascii(value) < 0x80 { forbiddenForms += 1 }
      return (value, 6)
    case 0x5c:
      if cursor.at(1) == 0x78, let value = Self.hex(cursor, from: 2, digits: 2) {
        return (value, 4)
      }
      if cursor.at(1) == 0x75, let value = Self.hex(cursor, from: 2, digits: 4) {
        return (value, 6)
      }
      return nil
    case 0x26:
      if isDocument, cursor.starts("&lt;") || cursor.starts("&gt;") { return nil }
      return Self.entity(cursor)
    default: return nil
    }
  }

  private static func hex(_ cursor: ByteCursor, from offset: Int, digits: Int) -> UInt32? {
    var value: UInt32 = 0
    for index in 0..<digits {
      guard let digit = cursor.at(offset + index).hexValue else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  private static func entity(_ cursor: ByteCursor) -> (UInt32, Int)? {
    if cursor.starts("&lt;") { return (0x3c, 4) }
    if cursor.starts("&gt;") { return (0x3e, 4) }
    if cursor.starts("&quot;") { return (0x22, 6) }
    if cursor.starts("&apos;") { return (0x27, 6) }
    guard cursor.at(1) == 0x23 else { return nil }
    let isHex = cursor.at(2) == 0x78
    var offset = isHex ? 3 : 2
    var value: UInt32 = 0
    let start = offset
    while offset - start < 7, let digit = cursor.at(offset).hexValue, isHex || digit < 10 {
      value = value &* (isHex ? 16 : 10) &+ UInt32(digit)
      offset += 1
    }
    guard offset > start else { return nil }
    return (value, cursor.at(offset) == 0x3b ? offset + 1 : offset)
  }

  /// A code point as one byte: ASCII where it is, or looks like, ASCII; else some other byte.
  private static func ascii(_ value: UInt32) -> UInt8 {
    switch value {
    case ..<0x100: UInt8(value).lowered
    case 0xff01...0xff5e: UInt8(value - 0xfee0).lowered
    case 0x2215, 0x2044, 0x29f8: 0x2f
    case 0x2216, 0x29f5: 0x5c
    case 0x2024: 0x2e
    case 0x2018, 0x2019, 0x02b9, 0x02bc, 0x2032: 0x27
    default: 0xff
    }
  }

  /// Resolves UTF-8 that stands for ASCII in more bytes than it needs, and full-width forms.
  private mutating func foldWide(_ text: inout [UInt8]) -> Bool {
    guard text.contains(where: { $0 >= 0xc0 }) else { return false }
    let cursor = ByteCursor(text)
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var place = 0
    var isChanged = false
    while place < text.count {
      if text[place] >= 0xc0, let (byte, length) = Self.wide(cursor, at: place) {
        if byte == 0x2e { hiddenDots += 1 }
        if byte == 0x2f || byte == 0x5c { hiddenSlashes += 1 }
        forbiddenForms += 1
        output.append(byte)
        place += length
        isChanged = true
      } else {
        output.append(text[place])
        place += 1
      }
    }
    text = output
    return isChanged
  }

  private static func wide(_ cursor: ByteCursor, at place: Int) -> (UInt8, Int)? {
    var cursor = cursor
    cursor.place = place
    let second = cursor.at(1)
    switch cursor.byte {
    case 0xc0, 0xc1:
      // IIS looked at six bits of the second byte, whatever the other two said.
      let value = (cursor.byte & 1) << 6 | second & 0x3f
      let isForm = second & 0xc0 == 0x80 || value == 0x2e || value == 0x2f || value == 0x5c
      return isForm ? (value.lowered, 2) : nil
    case 0xe0:
      guard second & 0xe0 == 0x80, cursor.at(2) & 0xc0 == 0x80 else { return nil }
      let value = UInt32(second & 0x1f) << 6 | UInt32(cursor.at(2) & 0x3f)
      return value < 0x80 ? (UInt8(value).lowered, 3) : nil
    case 0xf0:
      guard second == 0x80, cursor.at(2) & 0xfe == 0x80, cursor.at(3) & 0xc0 == 0x80 else {
        return nil
      }
      return (((cursor.at(2) & 1) << 6 | cursor.at(3) & 0x3f).lowered, 4)
    case 0xef:
      guard second == 0xbc || second == 0xbd, cursor.at(2) & 0xc0 == 0x80 else { return nil }
      let value = 0xf000 | UInt32(second & 0x3f) << 6 | UInt32(cursor.at(2) & 0x3f)
      return (0xff01...0xff5e).contains(value) ? (ascii(value), 3) : nil
    default: return nil
    }
  }
}
