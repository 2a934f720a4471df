import Reports
import Terms

/// Reads a message schema: `attack`, named sets of `comparisons`, and `kinds` by name.
struct SchemaParser {
  var log: FaultLog
  /// The sets that a kind's `correlate` can name instead of spelling one out.
  private var comparisons: [String: [FeatureComparison]] = [:]

  /// What a report of any detection kind may carry besides its kind's own fields.
  private var common: [String: FieldType] = [:]

  init(log: FaultLog) { self.log = log }

  /// The longest kind name, in characters.
  static let kindNameLimit = 64
  /// The most techniques of one kind.
  static let techniqueLimit = 16

  /// Everything of the schema that can be read; faults are in `log`.
  mutating func schema(_ value: YAMLValue) -> Schema {
    let fields = log.fields(
      value, of: "the schema", keys: ["attack", "comparisons", "fields", "kinds"])
    let attack = log.required("attack", fields)
    let version = log.read(attack, as: .version) { text in
      text.range(ofDigitsAndDots: 1...16) ? text : nil
    }
    if let value = fields["comparisons"] {
      for entry in log.entries(value) {
        comparisons[entry.key] = features(entry.value, fieldNames: [])
      }
    }
    common = fieldTypes(fields["fields"])
    var kinds: [ReportKind: KindDefinition] = [:]
    if let value = log.required("kinds", fields) {
      for entry in log.entries(value) {
        guard Self.isKindName(entry.key) else {
          log.add(entry.keyPosition, .malformed(entry.key, .kindName))
          continue
        }
        kinds[ReportKind(entry.key)] = kind(entry)
      }
      if kinds.isEmpty, log.faults.isEmpty {
        log.add(value.position, .missingKey("a kind", of: "kinds"))
      }
    }
    return Schema(attackVersion: version ?? "", kinds: kinds)
  }

  private mutating func kind(_ entry: YAMLValue.Entry) -> KindDefinition {
    let fields = log.fields(
      entry.value, of: "kind '\(entry.key)'",
      keys: [
        "class", "techniques", "severity", "fields", "correlate", "needs", "gives", "concerns",
      ],
      at: entry.keyPosition)
    let classText = log.choice(
      log.required("class", fields), of: ReportClass.allCases.map(\.rawValue), role: .reportClass)
    let techniques = log.items(fields["techniques"]).compactMap { item in
      log.read(item, as: .technique) { Self.isTechnique($0) ? $0 : nil }
    }
    if techniques.count > Self.techniqueLimit, let value = fields["techniques"] {
      log.add(value.position, .tooMany("techniques", limit: Self.techniqueLimit))
    }
    let severity = log.number(log.required("severity", fields), in: 0...10)
    var types = fieldTypes(fields["fields"])
    if classText != ReportClass.evidence.rawValue { types.merge(common) { own, _ in own } }
    let (concerns, byTechnique) = self.concerns(fields["concerns"], of: entry.key)
    return KindDefinition(
      reportClass: classText.flatMap(ReportClass.init(rawValue:)) ?? .detection,
      techniques: techniques, severity: severity ?? 0, fields: types,
      correlation: correlation(fields["correlate"], fieldNames: types.keys.sorted()),
      needs: footholds(fields["needs"], of: "what kind '\(entry.key)' needs"),
      gives: footholds(fields["gives"], of: "what kind '\(entry.key)' gives"),
      concerns: concerns, techniqueConcerns: byTechnique)
  }

  private mutating func footholds(_ value: YAMLValue?, of owner: String) -> Footholds {
    guard let value else { return Footholds() }
    let fields = log.fields(value, of: owner, keys: ["source", "target"])
    func foothold(_ key: String, _ log: inout FaultLog) -> Foothold? {
      let name = log.choice(
        fields[key], of: Foothold.allCases.map(\.rawValue), role: .foothold)
      return name.flatMap(Foothold.init(rawValue:))
    }
    return Footholds(source: foothold("source", &log), target: foothold("target", &log))
  }

  private mutating func fieldTypes(_ value: YAMLValue?) -> [String: FieldType] {
    guard let value else { return [:] }
    var types: [String: FieldType] = [:]
    for entry in log.entries(value) {
      guard MonitorName(entry.key) != nil else {
        log.add(entry.keyPosition, .malformed(entry.key, .name))
        continue
      }
      let type = log.choice(entry.value, of: FieldType.allCases.map(\.rawValue), role: .type)
      types[entry.key] = type.flatMap(FieldType.init(rawValue:)) ?? .text
    }
    if types.count > Report.Limit.attributes {
      log.add(value.position, .tooMany("fields", limit: Report.Limit.attributes))
    }
    return types
  }

  /// A named set or one spelled out.
  private mutating func correlation(
    _ value: YAMLValue?, fieldNames: [String]
  ) -> [FeatureComparison] {
    guard let value else { return [] }
    guard case .scalar = value.content, !value.isNull else {
      return features(value, fieldNames: fieldNames)
    }
    let name = log.choice(value, of: comparisons.keys.sorted(), role: .comparison)
    return name.flatMap { comparisons[$0] } ?? []
  }

  /// Features sorted by name, so that their order in the file does not reach the digest.
  private mutating func features(
    _ value: YAMLValue, fieldNames: [String]
  ) -> [FeatureComparison] {
    let features = ["sources", "targets", "ports", "time"] + fieldNames
    return log.entries(value).compactMap { entry in
      guard features.contains(entry.key) else {
        log.add(
          entry.keyPosition, .unknownName(.feature, entry.key), wrong: entry.key, among: features)
        return nil
      }
      return comparison(entry)
    }.sorted { $0.feature < $1.feature }
  }

  private mutating func comparison(_ entry: YAMLValue.Entry) -> FeatureComparison? {
    let fields = log.fields(
      entry.value, of: "the comparison of \(entry.key)",
      keys: ["measure", "expected", "least", "within"]
        + FeatureComparison.Situation.allCases.map(\.rawValue), at: entry.keyPosition)
    let name = log.choice(
      log.required("measure", fields), of: ["exact", "prefix", "overlap", "vector", "time"],
      role: .measure)
    let expected = log.number(log.required("expected", fields), in: 0...1, as: .ratio)
    let situations = situations(of: entry.key, fields)
    let least = log.number(fields["least"], in: 0...1, as: .ratio) ?? 0
    let within = log.quantity(fields["within"], as: .duration, Quantity.duration)
    if let name, name != "time", let position = fields.keyPosition("within") {
      log.add(position, .misplacedKey("within", of: "measure '\(name)'"))
    }
    let measure: FeatureComparison.Measure
    switch name {
    case "exact": measure = .exact
    case "prefix": measure = .prefix
    case "overlap": measure = .overlap
    case "vector": measure = .vector
    case "time":
      if fields["within"] == nil { _ = log.required("within", fields) }
      measure = .time(within: within ?? .zero)
    default: return nil
    }
    return FeatureComparison(
      feature: entry.key, measure: measure, expected: expected ?? 0, situations: situations,
      least: least)
  }

  /// What is expected of a feature in the situations that concern it.
  private mutating func situations(
    of feature: String, _ fields: YAMLFields
  ) -> [FeatureComparison.Situation: Double] {
    var found: [FeatureComparison.Situation: Double] = [:]
    for situation in FeatureComparison.Situation.allCases {
      guard let position = fields.keyPosition(situation.rawValue) else { continue }
      guard situation.feature == feature else {
        log.add(position, .misplacedKey(situation.rawValue, of: "the comparison of \(feature)"))
        continue
      }
      found[situation] = log.number(fields[situation.rawValue], in: 0...1, as: .ratio)
    }
    return found
  }

  /// `family.name`: two labels of a-z, 0-9 and '-', each starting with a letter.
  static func isKindName(_ text: String) -> Bool {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    return text.utf8.count <= kindNameLimit && labels.count == 2
      && labels.allSatisfy { MonitorName($0) != nil }
  }

  /// `T1595` or `T1595.001`.
  static func isTechnique(_ text: String) -> Bool {
    let parts = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
    func isDigits(_ part: Substring, _ count: Int) -> Bool {
      part.utf8.count == count && part.utf8.allSatisfy(\.isDigit)
    }
    guard text.hasPrefix("T"), let number = parts.first, isDigits(number, 4) else { return false }
    return parts.count == 1 || (parts.count == 2 && isDigits(parts[1], 3))
  }
}

extension String {
  fileprivate func range(ofDigitsAndDots lengths: ClosedRange<Int>) -> Bool {
    lengths.contains(utf8.count)
      && utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
  }
}

extension Schema {
  /// Reads a schema file.
  public static func load(path: String) throws(TopologyFaults) -> Schema {
    var log = FaultLog(file: path)
    guard let bytes = YAMLFile.bytes(path, &log), let value = YAMLFile.value(bytes, &log) else {
      throw TopologyFaults(log.sorted)
    }
    var parser = SchemaParser(log: log)
    let schema = parser.schema(value)
    guard parser.log.faults.isEmpty else { throw TopologyFaults(parser.log.sorted) }
    return schema
  }
}
