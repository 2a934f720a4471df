/// `pcre:"/…/flags"`.
extension RuleParser {
  mutating func readExpression(_ option: Option) throws(RuleFault) {
    var rest = try value(of: option)
    let isNegated = rest.take("!")
    let inner = try quotedValue(rest)
    guard inner.first == UInt8(ascii: "/") else {
      throw RuleFault(inner.start, "no '/' begins the expression")
    }
    var end = inner.end - 1
    while end > inner.start, inner[end] != UInt8(ascii: "/") { end -= 1 }
    guard end > inner.start else { throw RuleFault(inner.start, "no '/' ends the expression") }
    let pattern = RuleSlice(base: inner.base, start: inner.start + 1, end: end)
    var expression = Expression(pattern: Array(pattern.octets))
    expression.isNegated = isNegated
    let buffer = try readFlags(inner.from(end + 1), into: &expression)
    if vocabulary.checksExpressions,
      let fault = ExpressionCheck.fault(expression.pattern, expression.options)
    {
      throw RuleFault(pattern.start + fault.position, fault.reason)
    }
    guard let buffer else {
      return try append(.expression(expression), at: option.name.start)
    }
    if let selection {
      guard selection.buffer == buffer else {
        throw RuleFault(
          end + 1,
          "a flag names '\(buffer.rawValue)' where '\(selection.buffer.rawValue)' is chosen")
      }
      return try append(.expression(expression), at: option.name.start)
    }
    try append(.expression(expression), to: group(of: buffer), at: option.name.start)
  }

  /// The buffer that a flag names, if one does.
  private func readFlags(
    _ flags: RuleSlice, into expression: inout Expression
  ) throws(RuleFault) -> StickyBuffer? {
    var buffer: StickyBuffer?
    for (index, flag) in flags.octets.enumerated() {
      if flag == UInt8(ascii: ",") {
        throw RuleFault(flags.start + index, "captures into variables are not kept")
      }
      if let option = Self.options[flag] {
        expression.options.insert(option)
      } else if flag == UInt8(ascii: "R") {
        expression.isRelative = true
      } else if let named = Self.buffers[flag] {
        guard buffer == nil || buffer == named else {
          throw RuleFault(flags.start + index, "a second flag that names a buffer")
        }
        buffer = named
      } else if flag != UInt8(ascii: "B"), flag != UInt8(ascii: "O") {
        // B: the payload as it came; O: without Suricata's limit of steps.
        throw RuleFault(flags.start + index, "'\(Character(Unicode.Scalar(flag)))' is no flag")
      }
    }
    return buffer
  }

  private static let options: [UInt8: Expression.Options] = [
    UInt8(ascii: "i"): .ignoresCase, UInt8(ascii: "m"): .multiline, UInt8(ascii: "s"): .dotAll,
    UInt8(ascii: "x"): .extended, UInt8(ascii: "A"): .anchored,
    UInt8(ascii: "E"): .dollarEndOnly, UInt8(ascii: "G"): .ungreedy,
  ]

  private static let buffers: [UInt8: StickyBuffer] = [
    UInt8(ascii: "U"): .httpURI, UInt8(ascii: "I"): .httpRawURI,
    UInt8(ascii: "P"): .httpRequestBody, UInt8(ascii: "Q"): .httpResponseBody,
    UInt8(ascii: "H"): .httpHeader, UInt8(ascii: "D"): .httpRawHeader,
    UInt8(ascii: "M"): .httpMethod, UInt8(ascii: "C"): .httpCookie,
    UInt8(ascii: "S"): .httpStatusCode, UInt8(ascii: "Y"): .httpStatusMessage,
    UInt8(ascii: "V"): .httpUserAgent, UInt8(ascii: "W"): .httpHost,
    UInt8(ascii: "Z"): .httpRawHost,
  ]
}
