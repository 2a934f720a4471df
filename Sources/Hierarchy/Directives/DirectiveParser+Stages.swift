import Reports
import Terms

/// Stages, one by one and nested.
extension DirectiveParser {
  static let stageKeys = [
    "name", "kinds", "ask", "any", "all", "where", "same", "join", "share", "by", "count",
    "distinct",
    "total", "mean", "percentile", "within", "after", "absent", "optional", "priority",
    "reliability", "then",
  ]
  /// Keys that mean something for what waits for reports only.
  private static let reportKeys = [
    "where", "same", "join", "share", "by", "count", "distinct", "total", "mean", "percentile",
    "absent",
    "within",
  ]

  mutating func blocks(_ value: YAMLValue) -> [StageBlock] {
    log.items(value).compactMap { block($0) }
  }

  private mutating func block(_ value: YAMLValue) -> StageBlock? {
    let fields = log.fields(value, of: "a stage", keys: Self.stageKeys)
    let forms = ["kinds", "ask", "any", "all"].filter { fields[$0] != nil }
    guard forms.count == 1 else {
      log.add(
        value.position,
        .missingKey("exactly one of 'kinds', 'ask', 'any' and 'all'", of: "a stage"))
      return nil
    }
    let isOptional = log.read(fields["optional"], as: .boolean, TopologyParser.boolean) ?? false
    switch forms[0] {
    case "any":
      refuse(["all", "then", "priority", "reliability"] + Self.reportKeys, fields, of: "'any'")
      let before = known
      var after = known
      let branches = log.items(fields["any"]).compactMap { item -> StageBlock? in
        known = before
        let branch = block(item)
        after += known.filter { !after.contains($0) }
        return branch
      }
      known = after
      return .any(branches, isOptional: isOptional)
    case "all":
      refuse(["then", "priority", "reliability"] + Self.reportKeys, fields, of: "'all'")
      return all(fields, isOptional: isOptional)
    default:
      guard let stage = stage(fields, at: value.position) else { return nil }
      if isOptional { return .optional(stage) }
      return .stage(stage, then: fields["then"].map { blocks($0) } ?? [])
    }
  }

  private mutating func refuse(_ keys: [String], _ fields: YAMLFields, of owner: String) {
    for key in keys {
      if let position = fields.keyPosition(key) { log.add(position, .misplacedKey(key, of: owner)) }
    }
  }

  private mutating func all(_ fields: YAMLFields, isOptional: Bool) -> StageBlock? {
    guard let value = fields["all"] else { return nil }
    let items = log.items(value)
    if items.count > Directive.anyOrderLimit {
      log.add(value.position, .tooMany("stages in 'all'", limit: Directive.anyOrderLimit))
    }
    var indices: [Int] = []
    for item in items {
      let inner = log.fields(item, of: "a stage of 'all'", keys: Self.stageKeys)
      refuse(["any", "all", "then", "optional"], inner, of: "a stage of 'all'")
      guard inner["kinds"] != nil else {
        _ = log.required("kinds", inner)
        continue
      }
      if let index = stage(inner, at: item.position) { indices.append(index) }
    }
    return .all(indices, isOptional: isOptional)
  }

  private mutating func stage(_ fields: YAMLFields, at position: Position) -> Int? {
    var name = "\(stages.count + 1)"
    if let value = fields["name"] {
      name = log.read(value, as: .name, { MonitorName($0)?.text }) ?? name
    }
    let slot = slots.firstIndex(of: name) ?? slots.count
    if slot == slots.count { slots.append(name) }
    var stage = Stage(slot: slot, test: .report(ReportTest(patterns: [])))
    stage.line = position.line
    if fields["ask"] != nil {
      refuse(Self.reportKeys, fields, of: "a question")
      guard let question = question(fields) else { return nil }
      stage.test = .ask(question)
    } else {
      readReport(fields, into: &stage)
    }
    stage.priority = escalation(fields["priority"], in: Directive.priorities)
    stage.reliability = escalation(fields["reliability"], in: Directive.reliabilities)
    stages.append(stage)
    if !known.contains(name) { known.append(name) }
    return stages.count - 1
  }

  private mutating func readReport(_ fields: YAMLFields, into stage: inout Stage) {
    if let position = fields.keyPosition("after") {
      log.add(position, .misplacedKey("after", of: "a stage with 'kinds'"))
    }
    let patterns = log.items(fields["kinds"]).compactMap { pattern($0) }
    let kinds = schema.kinds.filter { kind, _ in patterns.contains { kind.matches($0) } }
    let names = Set(kinds.values.flatMap(\.fields.keys)).sorted()
    var test = ReportTest(patterns: patterns)
    if let value = fields["where"] { test.conditions = conditions(value, attributes: names) }
    stage.test = .report(test)
    stage.joins = joins(fields, attributes: names)
    stage.share = log.number(fields["share"], in: 0...1, as: .ratio) ?? 0
    stage.grouping = log.items(fields["by"]).compactMap { field($0, attributes: names) }
    if let value = fields["count"] {
      stage.count = whole(value, in: 1...100_000) ?? 1
    }
    if let value = fields["distinct"] {
      let inner = log.fields(value, of: "'distinct'", keys: ["of", "count"])
      let of = log.required("of", inner).flatMap { field($0, attributes: names) }
      let count = log.required("count", inner).flatMap { whole($0, in: 1...1024) }
      if let of, let count { stage.distinct = Distinct(field: of, count: count) }
    }
    stage.measure = measure(fields, attributes: names)
    if let span = log.quantity(fields["within"], as: .duration, Quantity.duration) {
      stage.within = span
    }
    stage.isAbsence = log.read(fields["absent"], as: .boolean, TopologyParser.boolean) ?? false
  }

  private mutating func measure(_ fields: YAMLFields, attributes: [String]) -> Measure? {
    for key in ["total", "mean", "percentile"] {
      guard let value = fields[key] else { continue }
      let inner = log.fields(
        value, of: "'\(key)'", keys: ["of", "is"] + (key == "percentile" ? ["rank"] : []))
      let of = log.choice(log.required("of", inner), of: attributes, role: .attribute)
      let comparison = log.read(log.required("is", inner), as: .comparison) { NumberBound($0) }
      var function = Measure.Function.total
      if key == "mean" { function = .mean }
      if key == "percentile" {
        guard let rank = log.required("rank", inner).flatMap({ whole($0, in: 1...99) })
        else { return nil }
        function = .percentile(rank)
      }
      guard let of, let comparison else { return nil }
      return Measure(function: function, attribute: of, comparison: comparison)
    }
    return nil
  }

  /// A pattern must fit a kind of the schema.
  private mutating func pattern(_ value: YAMLValue) -> String? {
    guard let text = log.scalar(value) else { return nil }
    guard text != "*", !schema.kinds.keys.contains(where: { $0.matches(text) }) else {
      return text
    }
    let families = Set(schema.kinds.keys.map { "\($0.family).*" }).sorted()
    log.add(
      value.position, .unknownName(.kind, text), wrong: text,
      among: text.hasSuffix(".*") ? families : schema.kinds.keys.map(\.text).sorted())
    return nil
  }

  /// `7`, or `+2` and `-1` over what it was.
  private mutating func escalation(
    _ value: YAMLValue?, in range: ClosedRange<Int>
  ) -> Stage.Escalation? {
    guard let value, let text = log.scalar(value) else { return nil }
    let sign = text.hasPrefix("+") ? 1 : text.hasPrefix("-") ? -1 : 0
    guard let number = Quantity.count(sign == 0 ? text[...] : text.dropFirst()) else {
      log.add(value.position, .malformed(text, .escalation))
      return nil
    }
    guard number <= range.upperBound else {
      log.add(
        value.position, .outOfRange(text, range: "\(range.lowerBound)…\(range.upperBound)"))
      return nil
    }
    return sign == 0 ? .to(number) : .by(sign * number)
  }
}
