/// Numbers in the payload, and its size.
extension RuleParser {
  /// Whether `keyword` is one of these.
  mutating func readBytes(_ keyword: RuleOption, _ option: Option) throws(RuleFault) -> Bool {
    let offset = option.name.start
    switch keyword {
    case .byteTest: try readByteTest(plainValue(value(of: option)), at: offset)
    case .byteJump: try readByteJump(plainValue(value(of: option)), at: offset)
    case .byteExtract: try readByteExtract(plainValue(value(of: option)), at: offset)
    case .byteMath: try readByteMath(plainValue(value(of: option)), at: offset)
    case .isdataat: try readDataAt(plainValue(value(of: option)), at: offset)
    case .base64Decode: try readBase64(option)
    case .asn1: try readASN1(value(of: option), at: offset)
    case .bsize:
      guard selection != nil else { throw RuleFault(offset, "no buffer is chosen") }
      let range = try plainValue(value(of: option)).numberRange(maximum: .max)
      try append(.size(range), at: offset)
    case .urilen: try readURILength(plainValue(value(of: option)), at: offset)
    case .ftpbounce:
      try refuseValue(of: option)
      try append(.ftpBounce, to: group(of: .payload), at: offset)
    case .xor: try readXor(value(of: option), at: offset)
    default: return false
    }
    return true
  }

  private mutating func readByteTest(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    let fields = value.fields
    guard fields.count >= 4 else {
      throw RuleFault(value.start, "octets, operator, value and offset are not all there")
    }
    var test = ByteTest()
    test.field.count = .constant(try fields[0].number(0...23))
    var symbol = fields[1]
    test.isNegated = symbol.take("!")
    test.operation = try Self.operation(symbol, isNegated: test.isNegated)
    test.value = try unsignedOperand(fields[2])
    test.field.offset = try operand(fields[3], -65_535...65_535)
    for modifier in fields[4...] {
      if try readModifier(modifier, into: &test.field) { continue }
      throw RuleFault(modifier.start, "\(modifier.quoted) is no modifier of byte_test")
    }
    try check(test.field, at: value.start)
    try append(.byteTest(test), isRelative: test.field.isRelative, at: offset)
  }

  private static func operation(
    _ symbol: RuleSlice, isNegated: Bool
  ) throws(RuleFault) -> ByteTest.Operation {
    switch symbol.text {
    case "=": return .equal
    case "" where isNegated: return .equal
    case "<": return .less
    case ">": return .greater
    case "<=": return .lessOrEqual
    case ">=": return .greaterOrEqual
    case "&": return .and
    case "^": return .xor
    default: throw RuleFault(symbol.start, "\(symbol.quoted) is no operator")
    }
  }

  /// A number of 64 bits, as its bit pattern, or a variable.
  private func unsignedOperand(_ slice: RuleSlice) throws(RuleFault) -> Operand {
    if let number = slice.unsigned { return .constant(Int(bitPattern: UInt(number))) }
    return try operand(slice, 0...Int.max)
  }

  private mutating func readByteJump(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    let fields = value.fields
    guard fields.count >= 2 else {
      throw RuleFault(value.start, "octets and offset are not both there")
    }
    var jump = ByteJump()
    jump.field.count = try operand(fields[0], 0...23)
    jump.field.offset = try operand(fields[1], -65_535...65_535)
    for modifier in fields[2...] {
      if try readModifier(modifier, into: &jump.field) { continue }
      var rest = modifier
      let word = rest.nextWord()
      switch word.text {
      case "align": jump.isAligned = true
      case "from_beginning": jump.origin = .beginning
      case "from_end": jump.origin = .end
      case "multiplier": jump.multiplier = UInt32(try rest.number(1...65_535))
      case "post_offset": jump.postOffset = try operand(rest, -65_535...65_535)
      default: throw RuleFault(modifier.start, "\(modifier.quoted) is no modifier of byte_jump")
      }
    }
    try check(jump.field, at: value.start)
    try append(.byteJump(jump), isRelative: jump.field.isRelative, at: offset)
  }

  private mutating func readByteExtract(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    let fields = value.fields
    guard fields.count >= 3 else {
      throw RuleFault(value.start, "octets, offset and name are not all there")
    }
    var extract = ByteExtract()
    extract.field.count = .constant(try fields[0].number(0...23))
    extract.field.offset = .constant(try fields[1].number(-65_535...65_535))
    for modifier in fields[3...] {
      if try readModifier(modifier, into: &extract.field) { continue }
      var rest = modifier
      let word = rest.nextWord()
      switch word.text {
      case "align":
        let alignment = try rest.number(2...4)
        guard alignment != 3 else { throw RuleFault(rest.start, "neither 2 nor 4") }
        extract.alignment = UInt8(alignment)
      case "multiplier": extract.multiplier = UInt32(try rest.number(1...65_535))
      default: throw RuleFault(modifier.start, "\(modifier.quoted) is no modifier of byte_extract")
      }
    }
    try check(extract.field, at: value.start)
    extract.variable = try makeVariable(fields[2])
    try append(.byteExtract(extract), isRelative: extract.field.isRelative, at: offset)
  }

  private mutating func readByteMath(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    var math = ByteMath()
    var name: RuleSlice?
    var seen: Set<String> = []
    for field in value.fields {
      if try readModifier(field, into: &math.field) { continue }
      var rest = field
      let word = rest.nextWord()
      switch word.text {
      case "bytes": math.field.count = try operand(rest, 1...10)
      case "offset": math.field.offset = try operand(rest, -65_535...65_535)
      case "oper": math.operation = try Self.arithmetic(rest)
      case "rvalue": math.value = try unsignedOperand(rest)
      case "result": name = rest
      default: throw RuleFault(field.start, "\(field.quoted) is no part of byte_math")
      }
      seen.insert(word.text)
    }
    guard let name, seen.isSuperset(of: ["bytes", "offset", "oper", "rvalue"]) else {
      throw RuleFault(value.start, "bytes, offset, oper, rvalue and result are not all there")
    }
    if math.operation == .divide, math.value == .constant(0) {
      throw RuleFault(value.start, "divides by 0")
    }
    try check(math.field, at: value.start)
    math.result = try makeVariable(name)
    try append(.byteMath(math), isRelative: math.field.isRelative, at: offset)
  }

  private static func arithmetic(_ symbol: RuleSlice) throws(RuleFault) -> ByteMath.Operation {
    switch symbol.text {
    case "+": return .add
    case "-": return .subtract
    case "*": return .multiply
    case "/": return .divide
    case "<<": return .shiftLeft
    case ">>": return .shiftRight
    default: throw RuleFault(symbol.start, "\(symbol.quoted) is no operator")
    }
  }

  /// The most variables of a rule; the matcher has room for as many.
  static let variableLimit = 16

  private mutating func makeVariable(_ name: RuleSlice) throws(RuleFault) -> Int {
    guard let first = name.first, first.isLetter || first == UInt8(ascii: "_"),
      name.octets.allSatisfy({ $0.isLetter || $0.isDigit || "_.-".utf8.contains($0) })
    else { throw RuleFault(name.start, "\(name.quoted) is no name of a variable") }
    let text = name.text
    if let known = variables.firstIndex(of: text) { return known }
    guard variables.count < Self.variableLimit else {
      throw RuleFault(name.start, "more than \(Self.variableLimit) variables")
    }
    variables.append(text)
    return variables.count - 1
  }

  private mutating func readDataAt(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    let fields = value.fields
    var condition = DataAt()
    var position = fields[0]
    condition.isNegated = position.take("!")
    condition.position = try operand(position, 0...1_048_576)
    for modifier in fields.dropFirst() {
      if modifier.isWord("relative") {
        condition.isRelative = true
      } else if !modifier.isWord("rawbytes") {
        throw RuleFault(modifier.start, "\(modifier.quoted) is no modifier of isdataat")
      }
    }
    try append(.dataAt(condition), isRelative: condition.isRelative, at: offset)
  }

  private mutating func readURILength(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    let fields = value.fields
    var buffer = StickyBuffer.httpURI
    if fields.count > 1 {
      guard fields.count == 2, fields[1].isWord("raw") || fields[1].isWord("norm") else {
        throw RuleFault(fields[1].start, "\(fields[1].quoted) is neither raw nor norm")
      }
      if fields[1].isWord("raw") { buffer = .httpRawURI }
    }
    let range = try fields[0].numberRange(maximum: .max)
    let previous = lastGroup
    try append(.size(range), to: group(of: buffer), at: offset)
    lastGroup = previous
  }

  private mutating func readXor(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    var rest = try plainValue(value).octets.makeIterator()
    var key: [UInt8] = []
    while let digit = rest.next() {
      guard let high = digit.hexadecimal, let low = rest.next()?.hexadecimal else {
        throw RuleFault(value.start, "the key \(value.quoted) is no row of hexadecimal octets")
      }
      key.append(high << 4 | low)
    }
    guard !key.isEmpty, key.count <= 255 else {
      throw RuleFault(value.start, "the key has no octet, or more than 255")
    }
    try add(.xor(key: key), at: offset)
  }
}
