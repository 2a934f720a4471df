/// OSSIM's rules in the words of directives.
struct OSSIMTranslation {
  let plugins: [String: [String]]
  let file: String
  private(set) var notes: [ImportNote] = []
  private var isLost = false

  init(plugins: [String: [String]], file: String) {
    self.plugins = plugins
    self.file = file
  }

  /// nil, with notes, when a rule of it has no counterpart.
  mutating func directive(_ element: OSSIMElement) -> ImportedDirective? {
    isLost = false
    let id = element.attributes["id"] ?? "\(element.line)"
    let title = element.attributes["name"] ?? "directive \(id)"
    var directive = ImportedDirective(
      name: ImportedDirective.name("ossim-\(id)", else: "ossim"), title: title)
    directive.priority = min(5, max(0, Int(element.attributes["priority"] ?? "") ?? 3))
    // OSSIM raises an alarm as soon as the risk is one.
    directive.tell = "risk 1"
    guard !element.rules.isEmpty else {
      lose(element, "directive \(id) has no rules")
      return nil
    }
    directive.stages = blocks(element.rules, level: 1)
    return isLost ? nil : directive
  }

  private mutating func blocks(_ rules: [OSSIMElement], level: Int) -> [ImportedBlock] {
    if rules.count == 1 {
      // A single child goes on in the same list, so that depth costs no nesting.
      return [.stage(stage(rules[0], level: level), then: [])]
        + (rules[0].rules.isEmpty ? [] : blocks(rules[0].rules, level: level + 1))
    }
    return [
      .any(
        rules.map { rule in
          .stage(
            stage(rule, level: level),
            then: rule.rules.isEmpty ? [] : blocks(rule.rules, level: level + 1))
        })
    ]
  }

  private mutating func stage(_ rule: OSSIMElement, level: Int) -> ImportedStage {
    var stage = ImportedStage()
    stage.set("name", "level-\(level)")
    if rule.attributes["type"] == "monitor" {
      ask(rule, level: level, into: &stage)
    } else {
      report(rule, level: level, into: &stage)
    }
    if let text = rule.attributes["reliability"] {
      let digits = text.hasPrefix("+") ? text.dropFirst() : text[...]
      if let value = Int(digits), (0...10).contains(value) {
        stage.set("reliability", text.hasPrefix("+") ? "+\(value)" : "\(value)")
      } else {
        note(rule, "reliability '\(text)' is no number from 0 to 10")
      }
    }
    return stage
  }

  /// A monitor rule: OSSIM asks an agent, this asks the monitor whether the service is up.
  private mutating func ask(_ rule: OSSIMElement, level: Int, into stage: inout ImportedStage) {
    guard level > 1 else {
      lose(rule, "a monitor rule opens the directive")
      return
    }
    let of = Self.reference(rule.attributes["to"] ?? "") ?? ("level-\(level - 1)", "target", false)
    let port =
      Self.reference(rule.attributes["port_to"] ?? "").map { "\($0.0).port" }
      ?? "level-\(level - 1).port"
    stage.set("ask", "{ service: up, of: \(of.0).\(of.1), port: \(port) }")
    if let timeout = seconds(rule) { stage.set("after", "\(timeout)s") }
    note(rule, "a monitor rule asks whether the service is up, whatever its condition")
  }

  private mutating func report(
    _ rule: OSSIMElement, level: Int, into stage: inout ImportedStage
  ) {
    let plugin = rule.attributes["plugin_id"] ?? ""
    var conditions: [String] = []
    var attributes: [String] = []
    var joins: [String] = []
    if let kinds = plugins[plugin] {
      stage.set("kinds", "[\(kinds.joined(separator: ", "))]")
      sids(rule, plugin, &attributes, &joins)
    } else {
      lose(rule, "plugin '\(plugin)' has no report kind: give it one with --plugin \(plugin)=KIND")
    }
    for (key, field) in [("from", "source"), ("to", "target")] {
      address(rule, key, field, &conditions, &joins)
    }
    ports(rule, &conditions, &joins)
    if let text = rule.attributes["sensor"], text != "ANY" {
      if let reference = Self.reference(text) {
        joins.append("monitor: \(reference.2 ? "\"!" : "\"")\(reference.0).monitor\"")
      } else {
        note(rule, "sensor '\(text)' is left out: monitors have names")
      }
    }
    let transport = (rule.attributes["protocol"] ?? "ANY").lowercased()
    if ["tcp", "udp", "icmp"].contains(transport) {
      conditions.append("transport: \(transport)")
    } else if transport != "any" {
      note(rule, "protocol '\(transport)' is left out")
    }
    for key in rule.attributes.keys.sorted() where Self.foreign(key) {
      if let value = rule.attributes[key], value != "ANY", !value.isEmpty {
        note(rule, "\(key)=\"\(value)\" is left out: reports have no such field")
      }
    }
    if !attributes.isEmpty {
      conditions.append("attributes: { \(attributes.joined(separator: ", ")) }")
    }
    if !conditions.isEmpty { stage.set("where", "{ \(conditions.joined(separator: ", ")) }") }
    if !joins.isEmpty { stage.set("join", "{ \(joins.joined(separator: ", ")) }") }
    counts(rule, level: level, into: &stage)
  }

  private mutating func counts(
    _ rule: OSSIMElement, level: Int, into stage: inout ImportedStage
  ) {
    let occurrence = Int(rule.attributes["occurrence"] ?? "1") ?? 1
    if let different = rule.attributes["sticky_different"], occurrence > 1 {
      let fields = [
        "SRC_IP": "source", "DST_IP": "target", "DST_PORT": "port", "SENSOR": "monitor",
        "PLUGIN_SID": "signature",
      ]
      if let field = fields[different] {
        stage.set("distinct", "{ of: \(field), count: \(min(occurrence, 1024)) }")
      } else {
        note(rule, "sticky_different=\"\(different)\" is counted as occurrences")
        stage.set("count", "\(min(occurrence, 1024))")
      }
    } else if occurrence > 1 {
      stage.set("count", "\(min(occurrence, 1024))")
    }
    if level > 1, let timeout = seconds(rule) { stage.set("within", "\(timeout)s") }
  }

  /// Signatures of Snort, and directives that another one builds on.
  private mutating func sids(
    _ rule: OSSIMElement, _ plugin: String, _ attributes: inout [String], _ joins: inout [String]
  ) {
    let text = rule.attributes["plugin_sid"] ?? "ANY"
    guard text != "ANY", !text.isEmpty else { return }
    if let reference = Self.reference(text) {
      if plugin == "1001" {
        joins.append("signature: \"\(reference.2 ? "!" : "")\(reference.0).signature\"")
      }
      return
    }
    let numbers = text.split(separator: ",").compactMap { Int($0) }
    switch plugin {
    case "1001" where numbers.count > 1:
      attributes.append("signature: [\(numbers.map { "\($0)" }.joined(separator: ", "))]")
    case "1001" where numbers.count == 1: attributes.append("signature: \"= \(numbers[0])\"")
    case "1505":
      attributes.append("directive: [\(numbers.map { "ossim-\($0)" }.joined(separator: ", "))]")
    default: note(rule, "plugin_sid=\"\(text)\" is left out: the kind stands for the plugin")
    }
  }

  private mutating func address(
    _ rule: OSSIMElement, _ key: String, _ field: String, _ conditions: inout [String],
    _ joins: inout [String]
  ) {
    let text = rule.attributes[key] ?? "ANY"
    guard text != "ANY", !text.isEmpty else { return }
    let items = text.split(separator: ",").map(String.init)
    if items.allSatisfy({ Self.reference($0) != nil }) {
      let texts = items.compactMap { Self.reference($0) }.map {
        "\"\($0.2 ? "!" : "")\($0.0).\($0.1)\""
      }
      joins.append("\(field): [\(texts.joined(separator: ", "))]")
      return
    }
    switch text {
    case "HOME_NET": conditions.append("\(key): inside")
    case "!HOME_NET": conditions.append("\(key): outside")
    default:
      let addresses = items.filter { item in
        item.utf8.allSatisfy { "0123456789abcdefABCDEF:./!".utf8.contains($0) }
      }
      if addresses.count == items.count {
        conditions.append("\(key): [\(items.map { "\"\($0)\"" }.joined(separator: ", "))]")
      } else {
        note(rule, "\(key)=\"\(text)\" is left out")
      }
    }
  }

  private mutating func ports(
    _ rule: OSSIMElement, _ conditions: inout [String], _ joins: inout [String]
  ) {
    if let text = rule.attributes["port_from"], text != "ANY", !text.isEmpty {
      note(rule, "port_from=\"\(text)\" is left out: reports name target ports")
    }
    let text = rule.attributes["port_to"] ?? "ANY"
    guard text != "ANY", !text.isEmpty else { return }
    if let reference = Self.reference(text) {
      joins.append("port: \"\(reference.2 ? "!" : "")\(reference.0).port\"")
    } else {
      let items = text.split(separator: ",").map { "\"\($0)\"" }
      conditions.append("ports: [\(items.joined(separator: ", "))]")
    }
  }

  /// `1:SRC_IP`, `!2:DST_PORT`: the stage, its field, and whether it is negated.
  private static func reference(_ text: String) -> (String, String, Bool)? {
    let isNegated = text.hasPrefix("!")
    let parts = (isNegated ? text.dropFirst() : text[...]).split(separator: ":")
    let fields = [
      "SRC_IP": "source", "DST_IP": "target", "DST_PORT": "port", "SRC_PORT": "port",
      "SENSOR": "monitor", "PLUGIN_SID": "signature",
    ]
    guard parts.count == 2, let level = Int(parts[0]), level > 0,
      let field = fields[String(parts[1])]
    else { return nil }
    return ("level-\(level)", field, isNegated)
  }

  private static func foreign(_ key: String) -> Bool {
    key.hasPrefix("userdata")
      || [
        "username", "password", "filename", "product", "category", "subcategory", "from_rep",
        "to_rep", "entity", "suppress",
      ].contains(key)
  }

  private func seconds(_ rule: OSSIMElement) -> Int? {
    Int(rule.attributes["time_out"] ?? "").flatMap { $0 > 0 && $0 < 100_000_000 ? $0 : nil }
  }

  private mutating func note(_ element: OSSIMElement, _ message: String) {
    guard notes.count < 1000 else { return }
    notes.append(
      ImportNote(
        file: file, line: element.line, column: element.column, message: message, isFault: false))
  }

  private mutating func lose(_ element: OSSIMElement, _ message: String) {
    isLost = true
    guard notes.count < 1000 else { return }
    notes.append(
      ImportNote(
        file: file, line: element.line, column: element.column, message: message, isFault: true))
  }
}
