/// Log4j's `${…}` lookups: `${jndi:ldap://…}` fetches code (CVE-2021-44228).
enum Lookup {
  /// Lookups resolved at most, innermost first.
  static let limit = 48
  /// A text longer than this is cut.
  static let lengthLimit = 2048

  /// 1 and more for a JNDI lookup, however its letters are assembled; less for lookups that only
  /// look like such work. `bytes` are in lower case.
  static func score(_ bytes: [UInt8]) -> Double {
    guard contains(bytes, "${") else { return 0 }
    var text = Array(bytes.prefix(lengthLimit))
    var isAssembled = false
    for _ in 0..<limit {
      if contains(text, "${jndi:") { return isAssembled ? 1.2 : 1 }
      guard let (range, value) = innermost(text) else { break }
      text.replaceSubrange(range, with: value)
      isAssembled = true
    }
    if contains(text, "jndi:ldap") || contains(text, "jndi:rmi") || contains(text, "jndi:dns") {
      return 1
    }
    return contains(bytes, "${::-") || contains(bytes, "${lower:") || contains(bytes, "${upper:")
      ? 0.9 : 0
  }

  /// The first `${…}` without another in it, and what it yields: the default behind `:-`, or what
  /// stands behind the last colon (`lower:j`, `upper:j`, `date:'j'`).
  private static func innermost(_ text: [UInt8]) -> (Range<Int>, ArraySlice<UInt8>)? {
    var open: Int?
    for place in text.indices {
      if text[place] == 0x7b, place > 0, text[place - 1] == 0x24 { open = place - 1 }
      guard text[place] == 0x7d, let start = open else { continue }
      let body = text[(start + 2)..<place]
      var value = fallback(body)
      value = value.drop { $0 == 0x27 }
      if value.last == 0x27 { value = value.dropLast() }
      return (start..<(place + 1), value)
    }
    return nil
  }

  /// What a lookup yields: its default, which may be a colon itself, or what its last colon leaves.
  private static func fallback(_ body: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    for place in body.indices.dropLast() where body[place] == 0x3a && body[place + 1] == 0x2d {
      return body[(place + 2)...]
    }
    return body.lastIndex(of: 0x3a).map { body[($0 + 1)...] } ?? body[body.endIndex...]
  }

  private static func contains(_ bytes: [UInt8], _ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard bytes.count >= length else { return false }
    return bytes.withUnsafeBufferPointer { bytes in
      for start in 0...(bytes.count &- length) where bytes[start] == text.utf8Start[0] {
        var place = 1
        while place < length, bytes[start &+ place] == text.utf8Start[place] { place &+= 1 }
        if place == length { return true }
      }
      return false
    }
  }
}
