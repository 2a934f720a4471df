/// Contents and their modifiers, and regular expressions.
extension RuleParser {
  /// Whether `keyword` is one of these.
  mutating func readContent(_ keyword: RuleOption, _ option: Option) throws(RuleFault) -> Bool {
    switch keyword {
    case .content:
      let content = try Self.content(value(of: option))
      try append(.content(content), at: option.name.start)
    case .uricontent:
      let content = try Self.content(value(of: option))
      try append(.content(content), to: group(of: .httpURI), at: option.name.start)
    case .nocase, .rawbytes, .startswith, .endswith:
      try refuseValue(of: option)
      try mark(keyword, at: option.name.start)
    case .depth, .offset: try place(keyword, option)
    case .distance, .within: try placeRelative(keyword, option)
    case .fastPattern: try readFastPattern(option)
    case .pcre: try readExpression(option)
    default: return false
    }
    return true
  }

  private func modifiedContent(at offset: Int) throws(RuleFault) -> Content {
    guard let (group, position) = lastContent,
      case .content(let content) = rule.buffers[group].conditions[position]
    else { throw RuleFault(offset, "stands behind no content") }
    return content
  }

  private mutating func put(_ content: Content) {
    guard let (group, position) = lastContent else { return }
    rule.buffers[group].conditions[position] = .content(content)
  }

  private mutating func mark(_ keyword: RuleOption, at offset: Int) throws(RuleFault) {
    var content = try modifiedContent(at: offset)
    switch keyword {
    case .nocase: content.ignoresCase = true
    case .rawbytes:
      guard let lastContent, rule.buffers[lastContent.group].buffer == .payload else {
        throw RuleFault(offset, "the content is not on the payload")
      }
      content.isRaw = true
    case .startswith:
      guard content.offset == nil, content.depth == nil, !content.isRelative else {
        throw RuleFault(offset, "the content has an offset, depth, distance or within")
      }
      guard !content.startsBuffer else { throw RuleFault(offset, "a second one of one content") }
      content.startsBuffer = true
    default:
      guard !content.endsBuffer else { throw RuleFault(offset, "a second one of one content") }
      content.endsBuffer = true
    }
    put(content)
  }

  private mutating func place(_ keyword: RuleOption, _ option: Option) throws(RuleFault) {
    var content = try modifiedContent(at: option.name.start)
    guard !content.startsBuffer else {
      throw RuleFault(option.name.start, "the content has startswith")
    }
    guard !content.isRelative else {
      throw RuleFault(option.name.start, "the content has a distance or within")
    }
    let argument = try plainValue(value(of: option))
    let bound = try operand(argument, 0...65_535)
    if keyword == .depth {
      guard content.depth == nil else { throw RuleFault(option.name.start, "a second depth") }
      if case .constant(let depth) = bound, depth < content.bytes.count {
        throw RuleFault(
          argument.start, "\(depth) octets are less than the \(content.bytes.count) of the content")
      }
      content.depth = bound
    } else {
      guard content.offset == nil else { throw RuleFault(option.name.start, "a second offset") }
      content.offset = bound
    }
    put(content)
  }

  private mutating func placeRelative(_ keyword: RuleOption, _ option: Option) throws(RuleFault) {
    var content = try modifiedContent(at: option.name.start)
    guard content.offset == nil, content.depth == nil, !content.startsBuffer else {
      throw RuleFault(option.name.start, "the content has an offset, depth or startswith")
    }
    let argument = try plainValue(value(of: option))
    let bound = try operand(argument, -1_048_576...1_048_576)
    if keyword == .within {
      guard content.within == nil else { throw RuleFault(option.name.start, "a second within") }
      if case .constant(let within) = bound, within < content.bytes.count {
        throw RuleFault(
          argument.start, "\(within) octets are less than the \(content.bytes.count) of the content"
        )
      }
      content.within = bound
    } else {
      guard content.distance == nil else {
        throw RuleFault(option.name.start, "a second distance")
      }
      content.distance = bound
    }
    put(content)
  }

  private mutating func readFastPattern(_ option: Option) throws(RuleFault) {
    var content = try modifiedContent(at: option.name.start)
    guard let value = option.value, !value.isEmpty else {
      content.fastPattern = .whole
      return put(content)
    }
    if value.isWord("only") {
      guard !content.isRelative, content.offset == nil, content.depth == nil, !content.isNegated
      else { throw RuleFault(value.start, "the content must be found anywhere for 'only'") }
      content.fastPattern = .only
      return put(content)
    }
    let fields = value.fields
    guard fields.count == 2 else {
      throw RuleFault(value.start, "\(value.quoted) is neither 'only' nor 'offset,length'")
    }
    let offset = try fields[0].number(UInt16.self)
    let length = try fields[1].number(UInt16.self)
    guard length > 0, Int(offset) + Int(length) <= content.bytes.count else {
      throw RuleFault(value.start, "the content has \(content.bytes.count) octets only")
    }
    content.fastPattern = .part(offset: offset, length: length)
    put(content)
  }

  /// A number in `range`, or a variable that stands before.
  func operand(_ slice: RuleSlice, _ range: ClosedRange<Int>) throws(RuleFault) -> Operand {
    guard let first = slice.first, first.isLetter || first == UInt8(ascii: "_") else {
      return .constant(try slice.number(range))
    }
    guard let variable = variables.firstIndex(of: slice.text) else {
      throw RuleFault(slice.start, "no byte_extract or byte_math before it makes \(slice.quoted)")
    }
    return .variable(variable)
  }

  /// `"…"` or `!"…"`, with octets as `|0d 0a|`.
  static func content(_ value: RuleSlice) throws(RuleFault) -> Content {
    var rest = value
    let isNegated = rest.take("!")
    guard rest.count >= 2, rest.first == UInt8(ascii: "\""), rest.last == UInt8(ascii: "\"")
    else { throw RuleFault(rest.start, "\(rest.quoted) is not in quotes") }
    var content = Content(
      bytes: try octets(RuleSlice(base: rest.base, start: rest.start + 1, end: rest.end - 1)))
    content.isNegated = isNegated
    return content
  }

  private static func octets(_ slice: RuleSlice) throws(RuleFault) -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(slice.count)
    var position = slice.start
    while position < slice.end {
      let octet = slice[position]
      if octet == UInt8(ascii: "|") {
        position = try hexadecimal(slice, from: position + 1, into: &octets)
        continue
      }
      if octet == UInt8(ascii: "\"") {
        throw RuleFault(position, "a quote in the content without '\\' before it")
      }
      if octet == UInt8(ascii: "\\") {
        position += 1
        guard position < slice.end, "\\\":;|".utf8.contains(slice[position]) else {
          throw RuleFault(position - 1, "a '\\' that escapes nothing")
        }
      }
      octets.append(slice[position])
      position += 1
    }
    guard !octets.isEmpty else { throw RuleFault(slice.start, "an empty content") }
    return octets
  }

  /// Reads up to the closing bar, and answers where it goes on.
  private static func hexadecimal(
    _ slice: RuleSlice, from start: Int, into octets: inout [UInt8]
  ) throws(RuleFault) -> Int {
    var high: UInt8?
    var position = start
    while position < slice.end {
      let character = slice[position]
      if character == UInt8(ascii: "|") {
        guard high == nil else { throw RuleFault(position, "half an octet") }
        return position + 1
      }
      if let digit = character.hexadecimal {
        if let first = high {
          octets.append(first << 4 | digit)
          high = nil
        } else {
          high = digit
        }
      } else if !character.isBlank {
        throw RuleFault(position, "no hexadecimal digit")
      }
      position += 1
    }
    throw RuleFault(start - 1, "no '|' ends the octets")
  }
}
