/// Numbers in rules.
extension RuleSlice {
  /// Digits, or hexadecimal digits behind `0x`; nil for anything else, and what does not fit.
  var unsigned: UInt64? {
    var digits = self
    var base: UInt64 = 10
    if hasPrefix("0x") || hasPrefix("0X") {
      digits.start += 2
      base = 16
    }
    guard !digits.isEmpty else { return nil }
    var number: UInt64 = 0
    for octet in digits.octets {
      guard let digit = octet.hexadecimal, UInt64(digit) < base else { return nil }
      let (product, isTooLarge) = number.multipliedReportingOverflow(by: base)
      let (sum, isOver) = product.addingReportingOverflow(UInt64(digit))
      guard !isTooLarge, !isOver else { return nil }
      number = sum
    }
    return number
  }

  /// With an optional sign.
  var signed: Int? {
    let isNegative = first == UInt8(ascii: "-")
    let digits = isNegative || first == UInt8(ascii: "+") ? from(start + 1) : self
    guard let number = digits.unsigned, let whole = Int(exactly: number) else { return nil }
    return isNegative ? -whole : whole
  }

  func number(_ range: ClosedRange<Int>) throws(RuleFault) -> Int {
    guard let number = signed else { throw RuleFault(start, "\(quoted) is no number") }
    guard range.contains(number) else {
      throw RuleFault(
        start, "\(number) is not between \(range.lowerBound) and \(range.upperBound)")
    }
    return number
  }

  func number<Number: FixedWidthInteger & UnsignedInteger>(
    _ type: Number.Type
  ) throws(RuleFault) -> Number {
    guard let number = unsigned else { throw RuleFault(start, "\(quoted) is no number") }
    guard let exact = Number(exactly: number) else {
      throw RuleFault(start, "\(number) is more than \(Number.max)")
    }
    return exact
  }

  /// `N`, `!N`, `<N`, `>N`, `<=N`, `>=N`, `A<>B` (between, without A and B); `-` is the same as
  /// `<>`.
  func numberRange(maximum: UInt32) throws(RuleFault) -> NumberRange {
    var rest = self
    let isNegated = rest.take("!")
    let isLess = !isNegated && rest.take("<")
    let isGreater = !isNegated && !isLess && rest.take(">")
    let isEqual = rest.take("=")
    rest = rest.trimmed
    if let middle = rest.interval {
      guard !isLess, !isGreater, !isEqual else {
        throw RuleFault(start, "\(quoted) is no range of numbers")
      }
      let low = try rest.upTo(middle.lowerBound).trimmed.number(UInt32.self)
      let high = try rest.from(middle.upperBound).trimmed.number(UInt32.self)
      guard high <= maximum, low < high, high - low > 1 else {
        throw RuleFault(start, "no number up to \(maximum) is between \(low) and \(high)")
      }
      return NumberRange(low + 1, high - 1, isNegated: isNegated)
    }
    let bound = try rest.number(UInt32.self)
    let isImpossible =
      bound > maximum || (isLess && !isEqual && bound == 0)
      || (isGreater && !isEqual && bound == maximum)
    guard !isImpossible else { throw RuleFault(start, "no number up to \(maximum) is \(quoted)") }
    if isLess { return NumberRange(0, isEqual ? bound : bound - 1) }
    if isGreater { return NumberRange(isEqual ? bound : bound + 1, maximum) }
    return NumberRange(bound, bound, isNegated: isNegated)
  }

  /// Steps over `word`, and white space behind it, if it stands here.
  mutating func take(_ word: StaticString) -> Bool {
    guard hasPrefix(word) else { return false }
    start += word.utf8CodeUnitCount
    while let octet = first, octet.isBlank { start += 1 }
    return true
  }

  /// Where `<>` or `-` stands between two numbers.
  private var interval: Range<Int>? {
    if let dash = firstIndex(of: UInt8(ascii: "-")), dash > start { return dash..<(dash + 1) }
    guard let less = firstIndex(of: UInt8(ascii: "<")), less > start, less + 1 < end,
      base[less + 1] == UInt8(ascii: ">")
    else { return nil }
    return less..<(less + 2)
  }
}
