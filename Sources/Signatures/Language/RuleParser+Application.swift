/// Conditions on what parsers of sessions know.
extension RuleParser {
  mutating func readApplication(_ keyword: RuleOption, _ option: Option) throws(RuleFault) {
    switch keyword {
    case .applicationProtocol: try readApplicationProtocol(plainValue(value(of: option)))
    case .applicationEvent: try readEvent(plainValue(value(of: option)), at: option.name.start)
    case .tlsVersion, .sslVersion:
      rule.application.append(try Self.version(plainValue(value(of: option))))
    case .tlsSubject: try appendText(of: .tlsCertificateSubject, option)
    case .tlsIssuer: try appendText(of: .tlsCertificateIssuer, option)
    case .tlsFingerprint: try appendText(of: .tlsCertificateFingerprint, option)
    default: throw RuleFault(option.name.start, "is not evaluated")
    }
  }

  private mutating func readApplicationProtocol(_ value: RuleSlice) throws(RuleFault) {
    let fields = value.fields
    guard fields.count == 1 else {
      throw RuleFault(fields[1].start, "the protocol of one direction is not kept")
    }
    var name = fields[0]
    let isNegated = name.take("!")
    if name.isWord("failed") || name.isWord("unknown") {
      rule.application.append(.isProtocol(nil, isNegated: isNegated))
      return
    }
    guard let application = ApplicationProtocol(ruleName: name.text.lowercased()) else {
      throw RuleFault(name.start, "Beryl has no parser of the protocol \(name.quoted)")
    }
    rule.application.append(.isProtocol(application, isNegated: isNegated))
  }

  /// What Suricata's parser finds odd in the header of a request is a condition on that header.
  private mutating func readEvent(_ value: RuleSlice, at offset: Int) throws(RuleFault) {
    guard value.isWord("http.invalid_transfer_encoding_value_in_request") else {
      throw RuleFault(value.start, "no parser tells the event \(value.quoted)")
    }
    guard rule.flow.direction != .toClient else {
      throw RuleFault(value.start, "a request goes to the server")
    }
    rule.flow.direction = .toServer
    // Anything but `chunked` (libhtp).
    var expression = Expression(
      pattern: Array(#"^transfer-encoding:(?![ \t]*chunked[ \t]*\r?$)"#.utf8))
    expression.options = [.ignoresCase, .multiline]
    let previous = lastGroup
    try append(.expression(expression), to: group(of: .httpHeader), at: offset)
    lastGroup = previous
  }

  /// `1.2`, `!tls1.2`, `sslv3,tls1.0`.
  private static func version(_ value: RuleSlice) throws(RuleFault) -> ApplicationCondition {
    let numbers: [String: UInt16] = [
      "sslv2": 0x0002, "sslv3": 0x0300, "1.0": 0x0301, "1.1": 0x0302, "1.2": 0x0303,
      "1.3": 0x0304,
    ]
    var versions: [UInt16] = []
    var isNegated = false
    for (index, field) in value.fields.enumerated() {
      var name = field
      let isNot = name.take("!")
      guard index == 0 || isNot == isNegated else {
        throw RuleFault(field.start, "some versions are negated, others not")
      }
      isNegated = isNot
      let text = name.text.lowercased()
      guard let number = numbers[text.hasPrefix("tls") ? String(text.dropFirst(3)) : text] else {
        throw RuleFault(name.start, "\(name.quoted) is no version of TLS")
      }
      versions.append(number)
    }
    return .tlsVersion(versions, isNegated: isNegated)
  }

  /// Keywords whose value is to be found in a field of the certificate.
  private mutating func appendText(
    of buffer: StickyBuffer, _ option: Option
  ) throws(RuleFault) {
    let content = try Self.content(value(of: option))
    let previous = (lastContent, lastGroup)
    try append(.content(content), to: group(of: buffer), at: option.name.start)
    (lastContent, lastGroup) = previous
  }
}
