/// What a rule says of itself.
extension RuleParser {
  /// Whether `keyword` is one of these.
  mutating func readIdentity(
    _ keyword: RuleOption, _ option: Option
  ) throws(RuleFault) -> Bool {
    switch keyword {
    case .msg: rule.message = try Self.unescaped(quotedValue(value(of: option)))
    case .sid:
      rule.signature = try plainValue(value(of: option)).number(UInt32.self)
      guard rule.signature > 0, !hasSignature else {
        throw RuleFault(option.name.start, hasSignature ? "a second number" : "0 is no number")
      }
      hasSignature = true
    case .rev: rule.revision = try plainValue(value(of: option)).number(UInt32.self)
    case .gid: rule.generator = try plainValue(value(of: option)).number(UInt32.self)
    case .classtype: try readClassification(plainValue(value(of: option)))
    case .priority:
      rule.priority = try plainValue(value(of: option)).number(UInt8.self)
      hasPriority = true
    case .reference: try readReference(plainValue(value(of: option)))
    case .metadata:
      let text = try value(of: option).text
      rule.metadata.text = rule.metadata.text.isEmpty ? text : "\(rule.metadata.text), \(text)"
    case .target: try readTarget(plainValue(value(of: option)))
    case .noalert:
      try refuseValue(of: option)
      rule.isSilent = true
    case .prefilter: try refuseValue(of: option)  // How Suricata is to search; no condition.
    default: return false
    }
    return true
  }

  private mutating func readClassification(_ value: RuleSlice) throws(RuleFault) {
    let name = value.text
    rule.classification = name
    guard !hasPriority, let known = vocabulary.classification(name) else { return }
    rule.classification = known.name
    rule.priority = known.priority
  }

  private mutating func readReference(_ value: RuleSlice) throws(RuleFault) {
    guard let comma = value.firstIndex(of: UInt8(ascii: ",")) else {
      throw RuleFault(value.start, "\(value.quoted) has no ',' between system and identifier")
    }
    let system = value.upTo(comma).trimmed
    let identifier = value.from(comma + 1).trimmed
    guard !system.isEmpty, !identifier.isEmpty else {
      throw RuleFault(value.start, "\(value.quoted) lacks the system or the identifier")
    }
    rule.references.append(
      RuleReference(
        system: system.text.lowercased(), identifier: Self.unescaped(identifier)))
  }

  private mutating func readTarget(_ value: RuleSlice) throws(RuleFault) {
    if value.isWord("src_ip") {
      rule.target = .source
    } else if value.isWord("dest_ip") {
      rule.target = .destination
    } else {
      throw RuleFault(value.start, "\(value.quoted) is neither src_ip nor dest_ip")
    }
  }

  /// Text whose `\` keep the octet behind them from ending it.
  private static func unescaped(_ slice: RuleSlice) -> String {
    guard slice.firstIndex(of: UInt8(ascii: "\\")) != nil else { return slice.text }
    var octets: [UInt8] = []
    var isEscaped = false
    for octet in slice.octets {
      if !isEscaped, octet == UInt8(ascii: "\\") {
        isEscaped = true
        continue
      }
      if isEscaped, !"\\\":;".utf8.contains(octet) { octets.append(UInt8(ascii: "\\")) }
      octets.append(octet)
      isEscaped = false
    }
    if isEscaped { octets.append(UInt8(ascii: "\\")) }
    return String(decoding: octets, as: UTF8.self)
  }
}
