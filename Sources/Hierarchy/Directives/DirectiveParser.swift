import Reports
import Terms

/// Reads files of directives; every fault is located.
struct DirectiveParser {
  var log: FaultLog
  let schema: Schema
  /// Names taken in files read before, with their files.
  var taken: [String: String]

  /// What the directive at hand has so far.
  var stages: [Stage] = []
  var slots: [String] = []
  /// Slots that a stage written so far carries, and so can be referred to.
  var known: [String] = []

  static let keys = [
    "title", "kind", "techniques", "priority", "reliability", "tell", "within", "tiers", "stages",
    "examples",
  ]
  /// The longest example, in characters.
  static let exampleLimit = 16_384

  init(log: FaultLog, schema: Schema, taken: [String: String]) {
    self.log = log
    self.schema = schema
    self.taken = taken
  }

  mutating func directives(_ root: YAMLValue) -> [Directive] {
    let fields = log.fields(root, of: "the file", keys: ["directives"])
    guard let value = log.required("directives", fields) else { return [] }
    return log.entries(value).compactMap { entry in
      guard MonitorName(entry.key) != nil else {
        log.add(entry.keyPosition, .malformed(entry.key, .name))
        return nil
      }
      if let file = taken[entry.key] {
        log.add(entry.keyPosition, .takenName(entry.key, by: file))
        return nil
      }
      taken[entry.key] = log.file
      return directive(entry)
    }
  }

  private mutating func directive(_ entry: YAMLValue.Entry) -> Directive? {
    stages = []
    slots = []
    known = []
    let owner = "directive '\(entry.key)'"
    let fields = log.fields(
      entry.value, of: owner, keys: Self.keys, at: entry.keyPosition)
    let title = log.read(log.required("title", fields), as: .text) {
      (1...1024).contains($0.count) ? $0 : nil
    }
    let kind = fields["kind"].map { self.kind($0) } ?? ReportKind.multiStage
    let techniques = log.items(fields["techniques"]).compactMap { item in
      log.read(item, as: .technique) { SchemaParser.isTechnique($0) ? $0 : nil }
    }
    let within = log.quantity(fields["within"], as: .duration, Quantity.duration)
    let tiers = log.items(fields["tiers"]).compactMap {
      log.choice($0, of: ["domain", "enterprise"], role: .tier).flatMap(Tier.init(rawValue:))
    }
    let blocks = log.required("stages", fields).map { self.blocks($0) } ?? []
    let unfolding = StageUnfolding(blocks)
    check(unfolding, at: fields.keyPosition("stages") ?? entry.keyPosition)
    return Directive(
      name: entry.key, title: title ?? "", kind: kind ?? .multiStage, techniques: techniques,
      priority: whole(fields["priority"], in: Directive.priorities) ?? 3,
      reliability: whole(fields["reliability"], in: Directive.reliabilities) ?? 0,
      telling: telling(fields["tell"]), within: within,
      tiers: tiers.isEmpty ? [.domain, .enterprise] : Set(tiers), stages: stages, slots: slots,
      graph: unfolding.graph, examples: examples(fields["examples"]), file: log.file,
      line: entry.keyPosition.line)
  }

  private mutating func check(_ unfolding: StageUnfolding, at position: Position) {
    if stages.count > Directive.stageLimit {
      log.add(position, .tooMany("stages", limit: Directive.stageLimit))
    }
    if unfolding.isTooLarge {
      log.add(position, .tooMany("unfolded stages", limit: Directive.nodeLimit))
    }
    if unfolding.canBeEmpty, log.faults.isEmpty {
      log.add(position, .missingKey("a stage that must be reached", of: "'stages'"))
    }
    for node in unfolding.graph.entries where unfolding.graph.nodes.indices.contains(node) {
      let stage = stages[unfolding.graph.nodes[node].stage]
      if case .ask = stage.test {
        log.add(Position(line: stage.line, column: 1), .noOpening("a question"))
      } else if stage.isAbsence {
        log.add(Position(line: stage.line, column: 1), .noOpening("an absence"))
      }
    }
  }

  /// A kind that directives can conclude: it has the field that names the directive.
  private mutating func kind(_ value: YAMLValue) -> ReportKind? {
    let fit = schema.kinds.filter { $0.value.fields[Directive.attribute] == .text }
    if case .scalar(let text) = value.content, schema.kinds[ReportKind(text)] != nil,
      fit[ReportKind(text)] == nil
    {
      log.add(
        value.position,
        .missingKey(
          "fields: { \(Directive.attribute): text }", of: "kind '\(text)' of a conclusion"))
      return nil
    }
    return log.choice(value, of: fit.keys.map(\.text).sorted(), role: .kind).map {
      ReportKind($0)
    }
  }

  mutating func whole(_ value: YAMLValue?, in range: ClosedRange<Int>) -> Int? {
    guard let value, let count = log.read(value, as: .count, Quantity.count) else { return nil }
    guard range.contains(count) else {
      log.add(
        value.position,
        .outOfRange("\(count)", range: "\(range.lowerBound)…\(range.upperBound)"))
      return nil
    }
    return count
  }

  /// `complete`, `risk N`, or a stage's name.
  private mutating func telling(_ value: YAMLValue?) -> Directive.Telling {
    guard let value, let text = log.scalar(value), text != "complete" else { return .complete }
    let words = text.split(separator: " ")
    if words.count == 2, words[0] == "risk" {
      guard let risk = Quantity.count(words[1]), (1...10).contains(risk) else {
        log.add(value.position, .outOfRange(String(words[1]), range: "1…10"))
        return .complete
      }
      return .risk(risk)
    }
    guard let slot = slots.firstIndex(of: text) else {
      log.add(
        value.position, .unknownName(.stage, text), wrong: text,
        among: slots + ["complete", "risk 1"])
      return .complete
    }
    return .slot(slot)
  }

  private mutating func examples(_ value: YAMLValue?) -> [Directive.Example] {
    log.items(value).compactMap { item in
      let fields = log.fields(item, of: "an example", keys: ["fires", "silent"])
      let told = ["fires", "silent"].compactMap { key in fields[key].map { (key, $0) } }
      guard told.count == 1, let (key, value) = told.first, let text = log.scalar(value) else {
        if told.count != 1 {
          log.add(item.position, .missingKey("either 'fires' or 'silent'", of: "an example"))
        }
        return nil
      }
      guard text.utf8.count <= Self.exampleLimit else {
        log.add(value.position, .tooMany("bytes in an example", limit: Self.exampleLimit))
        return nil
      }
      return Directive.Example(fires: key == "fires", text: text, line: value.position.line)
    }
  }
}

extension Directive {
  /// Files of one library.
  static let fileLimit = 256

  /// Reads directives from a file's bytes.
  public static func parse(
    _ bytes: [UInt8], path: String, schema: Schema
  ) throws(TopologyFaults) -> [Directive] {
    var log = FaultLog(file: path)
    guard let root = YAMLFile.value(bytes, &log) else { throw TopologyFaults(log.sorted) }
    var parser = DirectiveParser(log: log, schema: schema, taken: [:])
    let directives = parser.directives(root)
    guard parser.log.faults.isEmpty else { throw TopologyFaults(parser.log.sorted) }
    return directives
  }

  /// Reads a file of directives, or every `.yaml` file of a folder in order of name.
  ///
  /// - Throws: every fault of all files at once.
  public static func load(
    path: String, schema: Schema
  ) throws(TopologyFaults) -> [Directive] {
    let files = YAMLFile.list(path, suffix: ".yaml") ?? [path]
    var faults: [TopologyFault] = []
    var directives: [Directive] = []
    var taken: [String: String] = [:]
    for file in files.prefix(fileLimit) {
      var log = FaultLog(file: file)
      guard let bytes = YAMLFile.bytes(file, &log), let root = YAMLFile.value(bytes, &log) else {
        faults += log.sorted
        continue
      }
      var parser = DirectiveParser(log: log, schema: schema, taken: taken)
      directives += parser.directives(root)
      taken = parser.taken
      faults += parser.log.sorted
    }
    if files.count > fileLimit {
      faults.append(
        TopologyFault(
          file: path, line: 1, column: 1, kind: .tooMany("files", limit: fileLimit)))
    }
    guard faults.isEmpty else { throw TopologyFaults(faults) }
    return directives
  }
}
