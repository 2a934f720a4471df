/// `threshold` and `detection_filter`.
extension RuleParser {
  static func threshold(_ value: RuleSlice) throws(RuleFault) -> Threshold {
    var threshold = Threshold()
    try read(value, of: "threshold", ["type", "track", "count", "seconds"]) {
      (name, value) throws(RuleFault) in
      switch name {
      case "type": threshold.kind = try kind(value)
      case "track": threshold.subject = try rateSubject(value)
      case "count": threshold.count = try positive(value)
      default: threshold.seconds = try positive(value)
      }
    }
    return threshold
  }

  static func detectionFilter(_ value: RuleSlice) throws(RuleFault) -> DetectionFilter {
    var filter = DetectionFilter()
    try read(value, of: "detection_filter", ["track", "count", "seconds"]) {
      (name, value) throws(RuleFault) in
      switch name {
      case "track": filter.subject = try rateSubject(value)
      case "count": filter.count = try positive(value)
      default: filter.seconds = try positive(value)
      }
    }
    return filter
  }

  /// Reads the fields of an option that needs each of `names` once.
  private static func read(
    _ value: RuleSlice, of option: String, _ names: [String],
    _ body: (String, RuleSlice) throws(RuleFault) -> Void
  ) throws(RuleFault) {
    var seen: Set<String> = []
    for field in value.fields {
      var rest = field
      let name = rest.nextWord().text
      guard names.contains(name) else {
        throw RuleFault(field.start, "\(field.quoted) is no part of \(option)")
      }
      guard seen.insert(name).inserted else { throw RuleFault(field.start, "a second \(name)") }
      try body(name, rest)
    }
    guard seen.count == names.count else {
      let all = names.dropLast().joined(separator: ", ") + " and \(names[names.count - 1])"
      throw RuleFault(value.start, "\(all) are not all there")
    }
  }

  private static func positive(_ slice: RuleSlice) throws(RuleFault) -> UInt32 {
    let number = try slice.number(UInt32.self)
    guard number > 0 else { throw RuleFault(slice.start, "0 is no count or time") }
    return number
  }

  private static func kind(_ word: RuleSlice) throws(RuleFault) -> Threshold.Kind {
    if word.isWord("limit") { return .limit }
    if word.isWord("threshold") { return .threshold }
    if word.isWord("both") { return .both }
    throw RuleFault(word.start, "\(word.quoted) is none of limit, threshold, both")
  }

  private static func rateSubject(_ word: RuleSlice) throws(RuleFault) -> RateSubject {
    switch word.text {
    case "by_src": return .source
    case "by_dst": return .destination
    case "by_both": return .both
    case "by_rule": return .rule
    case "by_flow": return .flow
    default:
      throw RuleFault(
        word.start, "\(word.quoted) is none of by_src, by_dst, by_both, by_rule, by_flow")
    }
  }
}
