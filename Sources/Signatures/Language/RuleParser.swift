/// Reads one rule: the head, then option by option.
struct RuleParser {
  let text: RuleSlice
  let vocabulary: RuleVocabulary
  var rule = Rule()

  /// The buffer that a sticky keyword chose; nil for the payload.
  var selection: Selection?
  /// The content that modifiers speak of.
  var lastContent: (group: Int, position: Int)?
  /// The group of the last condition of any kind.
  var lastGroup: Int?
  /// Names of the rule's variables, in the order of their numbers.
  var variables: [String] = []
  var hasSignature = false
  var hasPriority = false

  struct Selection {
    var buffer: StickyBuffer
    var transforms: [BufferTransform] = []
    /// The group in `rule.buffers`, from the first condition on.
    var group: Int?
    /// Where the keyword stands.
    var offset: Int
  }

  init(text: RuleSlice, vocabulary: RuleVocabulary) {
    self.text = text
    self.vocabulary = vocabulary
  }

  mutating func parse() throws(RuleFault) -> Rule {
    guard let parenthesis = text.firstIndex(of: UInt8(ascii: "(")) else {
      throw RuleFault(0, "the rule has no options in parentheses")
    }
    try readHeader(text.upTo(parenthesis))
    try readOptions(text.from(parenthesis + 1))
    try validate()
    rule.variableCount = variables.count
    return rule
  }

  private mutating func readOptions(_ options: RuleSlice) throws(RuleFault) {
    var rest = options
    while true {
      rest = rest.trimmed
      guard let first = rest.first else {
        throw RuleFault(rest.start, "')' does not end the rule")
      }
      if first == UInt8(ascii: ")") {
        guard rest.count == 1 else {
          throw RuleFault(rest.start + 1, "text behind the end of the rule")
        }
        return
      }
      let option = try Self.option(&rest)
      let name = option.name.text
      do throws(RuleFault) {
        try read(option, name: name)
      } catch {
        var fault = error
        fault.keyword = name
        throw fault
      }
    }
  }

  struct Option {
    var name: RuleSlice
    /// Trimmed; nil without a colon.
    var value: RuleSlice?
  }

  /// Takes one option and its semicolon.
  private static func option(_ rest: inout RuleSlice) throws(RuleFault) -> Option {
    var position = rest.start
    while true {
      guard let end = rest.from(position).firstIndex(of: UInt8(ascii: ";")) else {
        throw RuleFault(rest.start, "no ';' ends the option")
      }
      position = end
      // As in Suricata, a backslash right before it is all that protects a semicolon.
      guard end > rest.start, rest[end - 1] == UInt8(ascii: "\\") else { break }
      position += 1
    }
    let whole = rest.upTo(position)
    rest.start = position + 1
    guard let colon = whole.firstIndex(of: UInt8(ascii: ":")) else {
      return Option(name: whole.trimmed, value: nil)
    }
    return Option(name: whole.upTo(colon).trimmed, value: whole.from(colon + 1).trimmed)
  }

  private mutating func read(_ option: Option, name: String) throws(RuleFault) {
    guard let keyword = vocabulary.keywords[name] else {
      guard option.name.count <= 64, !option.name.isEmpty else {
        throw RuleFault(option.name.start, "\(option.name.quoted) is no keyword")
      }
      throw RuleFault(option.name.start, Keyword.unknown(name, in: vocabulary.keywords))
    }
    switch keyword {
    case .unsupported(let reason): throw RuleFault(option.name.start, reason)
    case .buffer(let buffer):
      try refuseValue(of: option)
      try select(buffer, at: option.name.start)
    case .bufferBehind(let buffer):
      try refuseValue(of: option)
      try moveContent(to: buffer, at: option.name.start)
    case .transform(let transform):
      try refuseValue(of: option)
      try add(transform, at: option.name.start)
    case .option(let known): try read(known, option)
    }
  }

  private mutating func read(_ keyword: RuleOption, _ option: Option) throws(RuleFault) {
    if try readIdentity(keyword, option) { return }
    if try readContent(keyword, option) { return }
    if try readBytes(keyword, option) { return }
    if try readFlow(keyword, option) { return }
    if try readPacket(keyword, option) { return }
    try readApplication(keyword, option)
  }

  func refuseValue(of option: Option) throws(RuleFault) {
    guard let value = option.value else { return }
    throw RuleFault(value.start, "takes no value")
  }

  func value(of option: Option) throws(RuleFault) -> RuleSlice {
    guard let value = option.value, !value.isEmpty else {
      throw RuleFault(option.name.end, "a value is missing")
    }
    return value
  }

  /// Without the quotes, which must stand there.
  func quotedValue(_ value: RuleSlice) throws(RuleFault) -> RuleSlice {
    guard value.count >= 2, value.first == UInt8(ascii: "\""), value.last == UInt8(ascii: "\"")
    else { throw RuleFault(value.start, "\(value.quoted) is not in quotes") }
    return RuleSlice(base: value.base, start: value.start + 1, end: value.end - 1)
  }

  /// Without quotes, if it has them.
  func plainValue(_ value: RuleSlice) throws(RuleFault) -> RuleSlice {
    value.first == UInt8(ascii: "\"") ? try quotedValue(value).trimmed : value
  }
}

extension RuleParser {
  /// The number of a rule that could not be read.
  static func signature(in text: RuleSlice) -> UInt32? {
    guard let parenthesis = text.firstIndex(of: UInt8(ascii: "(")) else { return nil }
    var rest = text.from(parenthesis + 1).trimmed
    while let option = try? option(&rest) {
      if option.name.isWord("sid") { return option.value?.unsigned.flatMap(UInt32.init(exactly:)) }
      rest = rest.trimmed
    }
    return nil
  }
}
