/// `threshold` and `detection_filter`.
extension RuleParser {
  static func threshold(_ value: RuleSlice) throws(RuleFault) -> Threshold {
    var threshold = Threshold()
    var seen: Set<String> = []
    for field in value.fields {
      var rest = field
      let word = rest.nextWord()
      let name = word.text
      guard seen.insert(name).inserted else { throw RuleFault(field.start, "a second \(name)") }
      switch name {
      case "type": threshold.kind = try kind(rest)
      case "track": threshold.subject = try rateSubject(rest)
      case "count": threshold.count = try positive(rest)
      case "seconds": threshold.seconds = try positive(rest)
      default: throw RuleFault(field.start, "\(field.quoted) is no part of threshold")
      }
    }
    guard seen.count == 4 else {
      throw RuleFault(value.start, "type, track, count and seconds are not all there")
    }
    return threshold
  }

  static func detectionFilter(_ value: RuleSlice) throws(RuleFault) -> DetectionFilter {
    var filter = DetectionFilter()
    var seen: Set<String> = []
    for field in value.fields {
      var rest = field
      let word = rest.nextWord()
      let name = word.text
      guard seen.insert(name).inserted else { throw RuleFault(field.start, "a second \(name)") }
      switch name {
      case "track": filter.subject = try rateSubject(rest)
      case "count": filter.count = try positive(rest)
      case "seconds": filter.seconds = try positive(rest)
      default: throw RuleFault(field.start, "\(field.quoted) is no part of detection_filter")
      }
    }
    guard seen.count == 3 else {
      throw RuleFault(value.start, "track, count and seconds are not all there")
    }
    return filter
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
