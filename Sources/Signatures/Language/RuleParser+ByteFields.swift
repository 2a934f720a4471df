/// How a number in the payload is written, and what decodes a part of it.
extension RuleParser {
  /// Takes a modifier that all byte keywords have; false if it is none.
  func readModifier(_ modifier: RuleSlice, into field: inout ByteField) throws(RuleFault) -> Bool {
    var rest = modifier
    let word = rest.nextWord()
    switch word.text {
    case "relative": field.isRelative = true
    case "big": field.notation = .bigEndian
    case "little": field.notation = .littleEndian
    case "dce": field.notation = .dce
    case "endian":
      guard rest.isWord("big") || rest.isWord("little") else {
        throw RuleFault(rest.start, "\(rest.quoted) is neither big nor little")
      }
      field.notation = rest.isWord("little") ? .littleEndian : .bigEndian
      return true
    case "string":
      if case .text = field.notation {} else { field.notation = .text(base: 0) }
      guard !rest.isEmpty else { return true }
      field.notation = .text(base: try Self.base(rest))
      return true
    case "dec", "hex", "oct": field.notation = .text(base: try Self.base(word))
    case "bitmask":
      guard let mask = rest.unsigned ?? rest.bareHexadecimal, mask > 0 else {
        throw RuleFault(rest.start, "\(rest.quoted) is no mask")
      }
      field.mask = mask
      return true
    default: return false
    }
    guard rest.isEmpty else { throw RuleFault(rest.start, "\(rest.quoted) behind \(word.quoted)") }
    return true
  }

  private static func base(_ word: RuleSlice) throws(RuleFault) -> UInt8 {
    if word.isWord("dec") { return 10 }
    if word.isWord("hex") { return 16 }
    if word.isWord("oct") { return 8 }
    throw RuleFault(word.start, "\(word.quoted) is no base of numbers")
  }

  /// Whether as many octets can be such a number.
  func check(_ field: ByteField, at offset: Int) throws(RuleFault) {
    guard case .constant(let count) = field.count else { return }
    if case .text = field.notation { return }
    guard count >= 1, count <= 8 else {
      throw RuleFault(offset, "a binary number of \(count) octets")
    }
  }

  mutating func readBase64(_ option: Option) throws(RuleFault) {
    var decoding = Base64Decode()
    if let value = option.value, !value.isEmpty {
      for field in value.fields {
        var rest = field
        let word = rest.nextWord()
        switch word.text {
        case "bytes":
          decoding.count = UInt32(try rest.number(1...65_535))
        case "offset": decoding.offset = UInt32(try rest.number(0...65_535))
        case "relative" where rest.isEmpty: decoding.isRelative = true
        default: throw RuleFault(field.start, "\(field.quoted) is no part of base64_decode")
        }
      }
    }
    try append(
      .base64Decode(decoding), isRelative: decoding.isRelative, at: option.name.start)
  }

  mutating func readASN1(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    var check = ASN1Check()
    for field in value.fields {
      var rest = field
      while !rest.isEmpty {
        let word = rest.nextWord()
        switch word.text {
        case "bitstring_overflow": check.findsBitStringOverflow = true
        case "double_overflow": check.findsDoubleOverflow = true
        case "oversize_length": check.oversizeLength = try rest.nextWord().number(UInt32.self)
        case "absolute_offset":
          check.offset = Int32(try rest.nextWord().number(0...65_535))
          check.isRelative = false
        case "relative_offset":
          check.offset = Int32(try rest.nextWord().number(-65_535...65_535))
          check.isRelative = true
        default: throw RuleFault(word.start, "\(word.quoted) is no part of asn1")
        }
      }
    }
    let isEmpty =
      !check.findsBitStringOverflow && !check.findsDoubleOverflow && check.oversizeLength == nil
    guard !isEmpty else { throw RuleFault(value.start, "asks for nothing") }
    try append(.asn1(check), isRelative: check.isRelative, at: offset)
  }
}

extension RuleSlice {
  /// Hexadecimal digits without `0x`.
  fileprivate var bareHexadecimal: UInt64? {
    count <= 16 ? UInt64(text, radix: 16) : nil
  }
}
