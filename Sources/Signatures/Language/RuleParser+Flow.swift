/// Flows, bits and numbers that rules keep, and rates.
extension RuleParser {
  /// Whether `keyword` is one of these.
  mutating func readFlow(_ keyword: RuleOption, _ option: Option) throws(RuleFault) -> Bool {
    switch keyword {
    case .flow: try readFlow(plainValue(value(of: option)))
    case .flowbits: try readFlowBits(plainValue(value(of: option)))
    case .xbits: try readExpiringBits(plainValue(value(of: option)))
    case .hostbits: try readHostBits(plainValue(value(of: option)))
    case .flowint: try readFlowNumber(plainValue(value(of: option)))
    case .threshold:
      guard rule.threshold == nil else {
        throw RuleFault(option.name.start, "a second threshold")
      }
      rule.threshold = try Self.threshold(plainValue(value(of: option)))
    case .detectionFilter:
      guard rule.detectionFilter == nil else {
        throw RuleFault(option.name.start, "a second detection_filter")
      }
      rule.detectionFilter = try Self.detectionFilter(plainValue(value(of: option)))
    default: return false
    }
    return true
  }

  private mutating func readFlow(_ value: RuleSlice) throws(RuleFault) {
    for field in value.fields {
      switch field.text.lowercased() {
      case "established": try establish(true, at: field)
      case "not_established": try establish(false, at: field)
      case "stateless": rule.flow.isStateless = true
      case "to_server", "from_client": try direct(.toServer, at: field)
      case "to_client", "from_server": try direct(.toClient, at: field)
      case "only_stream": try look(at: .stream, field)
      case "no_stream": try look(at: .packet, field)
      case "only_frag", "no_frag":
        throw RuleFault(field.start, "rebuilt fragments are not told from other packets")
      default: throw RuleFault(field.start, "\(field.quoted) is no part of flow")
      }
    }
    guard !rule.flow.isStateless || rule.flow.isEstablished == nil else {
      throw RuleFault(value.start, "stateless, and established or not")
    }
  }

  private mutating func establish(_ isWanted: Bool, at field: RuleSlice) throws(RuleFault) {
    guard rule.flow.isEstablished == nil || rule.flow.isEstablished == isWanted else {
      throw RuleFault(field.start, "established and not_established")
    }
    rule.flow.isEstablished = isWanted
  }

  private mutating func direct(
    _ direction: FlowCondition.Direction, at field: RuleSlice
  ) throws(RuleFault) {
    guard rule.flow.direction == nil || rule.flow.direction == direction else {
      throw RuleFault(field.start, "both directions at once")
    }
    rule.flow.direction = direction
  }

  private mutating func look(at scope: PayloadScope, _ field: RuleSlice) throws(RuleFault) {
    let present = rule.header.protocol.scope
    guard present == .packetAndStream || present == scope else {
      throw RuleFault(field.start, "looks at packets only and at the stream only")
    }
    rule.header.protocol.scope = scope
  }

  // MARK: Bits and numbers

  private mutating func readFlowBits(_ value: RuleSlice) throws(RuleFault) {
    let fields = value.fields
    let action = fields[0]
    if action.isWord("noalert") {
      guard fields.count == 1 else { throw RuleFault(fields[1].start, "noalert takes no name") }
      rule.isSilent = true
      return
    }
    guard fields.count == 2 else {
      throw RuleFault(value.start, "an action and one name of a bit are expected")
    }
    if let change = Self.change(action) {
      rule.changes.append(.flowBit(name: try Self.name(fields[1]), change))
      return
    }
    let isSet = action.isWord("isset")
    guard isSet || action.isWord("isnotset") else {
      throw RuleFault(action.start, "\(action.quoted) is no action of flowbits")
    }
    var names: [String] = []
    var rest = fields[1]
    while !rest.isEmpty { names.append(try Self.name(rest.next(until: UInt8(ascii: "|")).trimmed)) }
    guard !names.isEmpty else { throw RuleFault(fields[1].start, "the name is missing") }
    rule.states.append(.flowBit(names: names, isSet: isSet))
  }

  private static func change(_ word: RuleSlice) -> BitChange? {
    if word.isWord("set") { return .set }
    if word.isWord("unset") { return .unset }
    return word.isWord("toggle") ? .toggle : nil
  }

  private static func name(_ slice: RuleSlice) throws(RuleFault) -> String {
    guard !slice.isEmpty, slice.count <= 256, !slice.octets.contains(where: \.isBlank) else {
      throw RuleFault(slice.start, "\(slice.quoted) is no name of a bit or number")
    }
    return slice.text
  }

  /// `set,name,track ip_src,expire 60`.
  private mutating func readExpiringBits(_ value: RuleSlice) throws(RuleFault) {
    let fields = value.fields
    if fields.count == 1, fields[0].isWord("noalert") {
      rule.isSilent = true
      return
    }
    guard fields.count >= 3 else {
      throw RuleFault(value.start, "action, name and track are not all there")
    }
    var subject: StateSubject?
    // Suricata's standard.
    var seconds: UInt32 = 30
    for field in fields[2...] {
      var rest = field
      let word = rest.nextWord()
      if word.isWord("track") {
        subject = try Self.subject(rest)
      } else if word.isWord("expire") {
        seconds = UInt32(try rest.number(1...31_536_000))
      } else {
        throw RuleFault(field.start, "\(field.quoted) is no part of xbits")
      }
    }
    guard let subject else { throw RuleFault(value.start, "track is missing") }
    try keepBit(fields[0], name: fields[1], subject: subject, seconds: seconds)
  }

  private static func subject(_ word: RuleSlice) throws(RuleFault) -> StateSubject {
    if word.isWord("ip_src") { return .source }
    if word.isWord("ip_dst") { return .destination }
    if word.isWord("ip_pair") { return .pair }
    throw RuleFault(word.start, "\(word.quoted) is none of ip_src, ip_dst, ip_pair")
  }

  /// `set,name,src`.
  private mutating func readHostBits(_ value: RuleSlice) throws(RuleFault) {
    let fields = value.fields
    guard fields.count == 3 else {
      throw RuleFault(value.start, "an action, a name and src or dst are expected")
    }
    guard fields[2].isWord("src") || fields[2].isWord("dst") else {
      throw RuleFault(fields[2].start, "\(fields[2].quoted) is neither src nor dst")
    }
    try keepBit(
      fields[0], name: fields[1],
      subject: fields[2].isWord("src") ? .source : .destination, seconds: 300)
  }

  private mutating func keepBit(
    _ action: RuleSlice, name: RuleSlice, subject: StateSubject, seconds: UInt32
  ) throws(RuleFault) {
    let name = try Self.name(name)
    if let change = Self.change(action) {
      rule.changes.append(
        .hostBit(name: name, subject: subject, change, seconds: seconds))
    } else if action.isWord("isset") || action.isWord("isnotset") {
      rule.states.append(
        .hostBit(name: name, subject: subject, isSet: action.isWord("isset")))
    } else {
      throw RuleFault(action.start, "\(action.quoted) is no action of bits")
    }
  }

  private mutating func readFlowNumber(_ value: RuleSlice) throws(RuleFault) {
    let fields = value.fields
    guard fields.count >= 2, fields.count <= 3 else {
      throw RuleFault(value.start, "a name, an operator and a number are expected")
    }
    let name = try Self.name(fields[0])
    let symbol = fields[1].text
    if fields.count == 2 {
      guard ["isset", "isnotset", "notset"].contains(symbol) else {
        throw RuleFault(fields[1].start, "\(fields[1].quoted) is neither isset nor isnotset")
      }
      rule.states.append(.flowNumberExists(name: name, isSet: symbol == "isset"))
      return
    }
    guard let number = fields[2].unsigned.flatMap(UInt32.init(exactly:)) else {
      throw RuleFault(
        fields[2].start, "\(fields[2].quoted) is no number; other names are not looked up")
    }
    switch symbol {
    case "=": rule.changes.append(.flowNumber(name: name, .set, value: number))
    case "+": rule.changes.append(.flowNumber(name: name, .add, value: number))
    case "-": rule.changes.append(.flowNumber(name: name, .subtract, value: number))
    default:
      let comparisons: [String: (ByteTest.Operation, Bool)] = [
        "==": (.equal, false), "!=": (.equal, true), "<": (.less, false), ">": (.greater, false),
        "<=": (.lessOrEqual, false), ">=": (.greaterOrEqual, false),
      ]
      guard let (comparison, isNegated) = comparisons[symbol] else {
        throw RuleFault(fields[1].start, "\(fields[1].quoted) is no operator")
      }
      rule.states.append(
        .flowNumber(name: name, comparison: comparison, isNegated: isNegated, value: number))
    }
  }
}
