import Terms

/// Reads numbers with their units, as topologies write them.
package enum Quantity {
  /// Digits with at most one point; no sign, exponent, `inf` or `nan`.
  static func number(_ text: some StringProtocol) -> Double? {
    guard (1...24).contains(text.utf8.count), text.utf8.contains(where: \.isDigit),
      text.utf8.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: ".") })
    else { return nil }
    return Double(text)
  }

  /// A whole number below 10^15, which a `Double` holds exactly.
  package static func count(_ text: some StringProtocol) -> Int? {
    guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy(\.isDigit) else {
      return nil
    }
    return Int(text)
  }

  /// `500/s`, `30/m` or `10/h`, in things per second.
  static func rate(_ text: some StringProtocol) -> Double? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let value = number(parts[0]) else { return nil }
    switch parts[1] {
    case "s": return value
    case "m": return value / 60
    case "h": return value / 3600
    default: return nil
    }
  }

  /// `64KiB`, `32MiB`, `1GiB` or `4096B`.
  static func bytes(_ text: some StringProtocol) -> Int? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    guard let value = count(digits) else { return nil }
    let scale: Int
    switch text.dropFirst(digits.count) {
    case "B": scale = 1
    case "KiB": scale = 1 << 10
    case "MiB": scale = 1 << 20
    case "GiB": scale = 1 << 30
    default: return nil
    }
    let (product, overflow) = value.multipliedReportingOverflow(by: scale)
    return overflow ? nil : product
  }

  /// A length of time with its unit.
  package static func duration(_ text: some StringProtocol) -> TimeSpan? {
    guard let first = text.utf8.first, (48...57).contains(first) else { return nil }
    return TimeSpan(text)
  }
}

extension FaultLog {
  /// A quantity; a number that only lacks its unit, or has another one, is told apart from no
  /// number at all.
  package mutating func quantity<Value>(
    _ value: YAMLValue?, as form: TopologyFault.ValueForm, _ parse: (String) -> Value?
  ) -> Value? {
    guard let value, let text = scalar(value) else { return nil }
    if let parsed = parse(text) { return parsed }
    let startsAsNumber = text.utf8.first.map { $0.isDigit } ?? false
    add(value.position, startsAsNumber ? .wrongUnit(text, form) : .malformed(text, form))
    return nil
  }

  /// A number from `range`.
  package mutating func number(
    _ value: YAMLValue?, in range: ClosedRange<Double>, as form: TopologyFault.ValueForm = .number
  ) -> Double? {
    guard let value, let text = scalar(value) else { return nil }
    let magnitude = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard let number = Quantity.number(magnitude) else {
      add(value.position, .malformed(text, form))
      return nil
    }
    guard !text.hasPrefix("-") || number == 0, range.contains(number) else {
      add(value.position, .outOfRange(text, range: Self.shown(range)))
      return nil
    }
    return number
  }

  private static func shown(_ range: ClosedRange<Double>) -> String {
    func short(_ value: Double) -> String {
      value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }
    return "\(short(range.lowerBound))…\(short(range.upperBound))"
  }
}

extension UInt8 {
  /// An ASCII decimal digit.
  var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
