import Hierarchy

/// Reads Sigma correlation rules (specification 2.1): event_count, value_count, temporal,
/// temporal_ordered, value_sum, value_avg and value_percentile.
///
/// The rules that a correlation names are report kinds here: by name (`recon.port-scan`), by `kinds`
/// given at import, or by a base rule of the file with `kind` in its detection. `lt` and `lte`, which
/// count what does not happen, are taken for figures only.
public struct SigmaCorrelations {
  /// Kinds by rule name or id.
  public var kinds: [String: [String]]

  public init(kinds: [String: [String]] = [:]) { self.kinds = kinds }

  /// Whether the bytes look like a file of Sigma's: by how lines begin, so that one that is no YAML is
  /// told where it is broken.
  public static func recognises(_ bytes: [UInt8]) -> Bool {
    hasLine(["correlation:", "title:"], bytes)
  }

  private static func hasLine(_ beginnings: [String], _ bytes: [UInt8]) -> Bool {
    String(decoding: bytes.prefix(1 << 20), as: UTF8.self).split { $0.isNewline }
      .contains { line in beginnings.contains { line.hasPrefix($0) } }
  }

  public func read(_ bytes: [UInt8], file: String) throws -> Import {
    var translation = SigmaTranslation(file: file, kinds: kinds)
    var log = FaultLog(file: file)
    var documents: [YAMLValue] = []
    for text in Self.documents(String(decoding: bytes, as: UTF8.self)) {
      if let value = YAMLFile.value(Array(text.utf8), &log) { documents.append(value) }
    }
    if let fault = log.faults.first {
      throw ImportNote(
        file: file, line: fault.line, column: fault.column, message: fault.message, isFault: true)
    }
    guard Self.hasLine(["correlation:"], bytes) else {
      throw ImportNote(
        file: file, line: 1, column: 1,
        message: "no correlation in it: rules of Sigma that look at logs have no counterpart",
        isFault: true)
    }
    for document in documents { translation.noteBase(document) }
    let directives = documents.compactMap { translation.directive($0) }
    return Import(directives, notes: translation.notes, from: "Sigma", file: file)
  }

  /// The documents of the file, each with empty lines before it so that places stay true.
  private static func documents(_ text: String) -> [String] {
    var documents: [String] = []
    var current = ""
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      if line.hasPrefix("---") {
        documents.append(current)
        current = String(repeating: "\n", count: number + 1)
      } else {
        current += line + "\n"
      }
    }
    documents.append(current)
    return documents.prefix(1024).filter { $0.contains { !$0.isWhitespace } }
  }
}

/// Sigma's words in those of directives.
struct SigmaTranslation {
  let file: String
  private var kinds: [String: [String]]
  private(set) var notes: [ImportNote] = []

  init(file: String, kinds: [String: [String]]) {
    self.file = file
    self.kinds = kinds
  }

  /// A base rule that says which reports it stands for.
  mutating func noteBase(_ document: YAMLValue) {
    guard document["correlation"] == nil,
      let detection = document["detection"]?.fields
    else { return }
    let names = ["name", "id", "title"].compactMap { document[$0]?.text }
    for (_, selection) in detection {
      let found = selection["kind"]?.texts ?? selection["kinds"]?.texts ?? []
      guard !found.isEmpty else { continue }
      for name in names { kinds[name] = found }
    }
  }

  /// nil for what is no correlation, or has no counterpart.
  mutating func directive(_ document: YAMLValue) -> ImportedDirective? {
    guard let correlation = document["correlation"] else { return nil }
    let title = document["title"]?.text ?? "Sigma correlation"
    let name = document["name"]?.text ?? title
    var directive = ImportedDirective(
      name: ImportedDirective.name(name, else: "sigma"), title: title)
    let levels = ["informational": 1, "low": 2, "medium": 3, "high": 4, "critical": 5]
    directive.priority = document["level"]?.text.flatMap { levels[$0] } ?? 3
    directive.techniques = (document["tags"]?.texts ?? []).compactMap(Self.technique)
    guard let type = correlation["type"]?.text else {
      lose(correlation, "the correlation has no type")
      return nil
    }
    guard let blocks = stages(type, correlation) else { return nil }
    directive.stages = blocks
    return directive
  }

  private mutating func stages(_ type: String, _ value: YAMLValue) -> [ImportedBlock]? {
    var rules: [[String]] = []
    for rule in value["rules"]?.texts ?? [] {
      if let known = kinds[rule] {
        rules.append(known)
      } else if rule.contains(".") {
        rules.append([rule])
      } else {
        lose(
          value["rules"] ?? value,
          "rule '\(rule)' has no report kind: give it one with --kind \(rule)=KIND")
        return nil
      }
    }
    guard !rules.isEmpty else {
      lose(value, "the correlation names no rules")
      return nil
    }
    let groups = (value["group-by"]?.texts ?? []).compactMap { field($0, value) }
    guard let span = value["timespan"]?.text, Quantity.duration(span) != nil else {
      lose(value["timespan"] ?? value, "the timespan is no number with s, m, h or d")
      return nil
    }
    switch type {
    case "temporal", "temporal_ordered":
      let blocks = rules.map { kinds -> ImportedBlock in
        var stage = ImportedStage()
        stage.set("kinds", "[\(kinds.joined(separator: ", "))]")
        if !groups.isEmpty { stage.set("same", "[\(groups.joined(separator: ", "))]") }
        stage.set("within", span)
        stage.set("reliability", "+\(max(1, 8 / rules.count))")
        return .stage(stage, then: [])
      }
      if type == "temporal_ordered" { return blocks }
      guard blocks.count <= 5 else {
        lose(value["rules"] ?? value, "more than 5 rules in whatever order")
        return nil
      }
      return [.all(blocks)]
    default: return counting(type, value, rules.flatMap { $0 }, groups, span)
    }
  }

  private mutating func counting(
    _ type: String, _ value: YAMLValue, _ kinds: [String], _ groups: [String], _ span: String
  ) -> [ImportedBlock]? {
    guard let condition = value["condition"] else {
      lose(value, "the correlation has no condition")
      return nil
    }
    var stage = ImportedStage()
    stage.set("kinds", "[\(kinds.joined(separator: ", "))]")
    if !groups.isEmpty { stage.set("by", "[\(groups.joined(separator: ", "))]") }
    stage.set("within", span)
    stage.set("reliability", "7")
    let named = condition["field"]?.texts.first.flatMap { field($0, condition) }
    switch type {
    case "event_count", "value_count":
      guard let count = least(condition) else {
        lose(condition, "only gte, gt and eq of a whole number up to 1024 count what happens")
        return nil
      }
      if type == "event_count" {
        stage.set("count", "\(count)")
      } else if let named {
        stage.set("distinct", "{ of: \(named), count: \(count) }")
      } else {
        lose(condition, "value_count names no field that reports have")
        return nil
      }
    case "value_sum", "value_avg", "value_percentile":
      guard let named, let bound = bound(condition) else {
        lose(condition, "a field and one of gte, gt, lte, lt, eq and neq are due")
        return nil
      }
      let keys = ["value_sum": "total", "value_avg": "mean", "value_percentile": "percentile"]
      let rank = condition["percentile"]?.text.flatMap { Int($0) } ?? 50
      let more = type == "value_percentile" ? ", rank: \(min(99, max(1, rank)))" : ""
      stage.set(keys[type] ?? "total", "{ of: \(named), is: \"\(bound)\"\(more) }")
    default:
      lose(value["type"] ?? value, "unknown type '\(type)'")
      return nil
    }
    return [.stage(stage, then: [])]
  }

  private func least(_ condition: YAMLValue) -> Int? {
    func number(_ key: String) -> Int? { condition[key]?.text.flatMap { Int($0) } }
    let count = number("gte") ?? number("gt").map { $0 &+ 1 } ?? number("eq")
    return count.flatMap { (1...1024).contains($0) ? $0 : nil }
  }

  private func bound(_ condition: YAMLValue) -> String? {
    for (key, sign) in [
      ("gte", ">="), ("gt", ">"), ("lte", "<="), ("lt", "<"), ("eq", "="), ("neq", "!="),
    ] {
      guard let text = condition[key]?.text else { continue }
      return NumberBound("\(sign) \(text)").map(\.description)
    }
    return nil
  }

  /// A field of logs as reports have it.
  private mutating func field(_ name: String, _ value: YAMLValue) -> String? {
    switch name.lowercased().filter({ $0.isLetter || $0.isNumber }) {
    case "source", "sourceip", "srcip", "src", "cip", "ipaddress", "sourceaddress", "clientip":
      return "source"
    case "target", "destinationip", "dstip", "dst", "sip", "destinationaddress", "serverip":
      return "target"
    case "port", "destinationport", "dstport", "dport", "serverport": return "port"
    case "monitor", "host", "hostname", "computer", "computername", "sensor": return "monitor"
    case "user", "username", "targetusername", "account", "accountname", "subjectusername":
      return "account"
    default:
      if name.utf8.allSatisfy({ $0 == 45 || (97...122).contains($0) || (48...57).contains($0) }) {
        return name
      }
      note(value, "field '\(name)' is left out: reports have none like it")
      return nil
    }
  }

  /// `attack.t1110.001`.
  private static func technique(_ tag: String) -> String? {
    guard tag.lowercased().hasPrefix("attack.t") else { return nil }
    let parts = tag.dropFirst(8).split(separator: ".")
    guard let number = parts.first, number.count == 4, number.allSatisfy(\.isNumber) else {
      return nil
    }
    guard parts.count == 2, parts[1].count == 3, parts[1].allSatisfy(\.isNumber) else {
      return "T\(number)"
    }
    return "T\(number).\(parts[1])"
  }

  private mutating func note(_ value: YAMLValue, _ message: String) {
    notes.append(
      ImportNote(
        file: file, line: value.position.line, column: value.position.column, message: message,
        isFault: false))
  }

  private mutating func lose(_ value: YAMLValue, _ message: String) {
    notes.append(
      ImportNote(
        file: file, line: value.position.line, column: value.position.column, message: message,
        isFault: true))
  }
}

extension YAMLValue {
  /// The value of a key; nil when there is none.
  fileprivate subscript(key: String) -> YAMLValue? {
    fields?.first { $0.0 == key }?.1
  }

  fileprivate var fields: [(String, YAMLValue)]? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.map { ($0.key, $0.value) }
  }

  fileprivate var text: String? {
    guard case .scalar(let text) = content else { return nil }
    return text
  }

  fileprivate var texts: [String] {
    switch content {
    case .scalar(let text): [text]
    case .list(let items): items.compactMap(\.text)
    case .mapping: []
    }
  }
}
