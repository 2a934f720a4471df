/// A directive read from another system's rules, on its way to a file of directives.
struct ImportedDirective {
  var name: String
  var title: String
  var techniques: [String] = []
  var priority = 3
  var tell: String?
  var stages: [ImportedBlock] = []
}

/// A stage or alternatives of them.
indirect enum ImportedBlock {
  case stage(ImportedStage, then: [ImportedBlock])
  case any([ImportedBlock])
  case all([ImportedBlock])
}

/// A stage: keys and values as the file writes them, in order.
struct ImportedStage {
  var fields: [(key: String, value: String)] = []

  mutating func set(_ key: String, _ value: String) { fields.append((key, value)) }
}

/// What an import gave: the text of a file of directives, and what could not be taken over.
public struct Import: Sendable {
  public var yaml: String
  public var notes: [ImportNote]
  /// Directives taken over.
  public var count: Int
}

/// Something of the foreign rules that has no counterpart here, with its place.
public struct ImportNote: Error, Hashable, Sendable, CustomStringConvertible {
  public var file: String
  public var line: Int
  public var column: Int
  public var message: String
  /// Whether the directive it belongs to could not be taken over at all.
  public var isFault: Bool

  public var description: String {
    "\(file):\(line):\(column): \(message) [\(isFault ? "not-imported" : "difference")]"
  }
}

extension ImportedDirective {
  /// The directive as it stands in a file, indented by two.
  var yaml: String {
    var lines = ["  \(name):", "    title: \(Self.quoted(title))"]
    if !techniques.isEmpty {
      lines.append("    techniques: [\(techniques.joined(separator: ", "))]")
    }
    lines.append("    priority: \(priority)")
    if let tell { lines.append("    tell: \(tell)") }
    lines.append("    stages:")
    for block in stages { lines += Self.lines(block).map { "      " + $0 } }
    return lines.joined(separator: "\n")
  }

  private static func lines(_ block: ImportedBlock) -> [String] {
    var body: [String] = []
    switch block {
    case .stage(let stage, let then):
      body = stage.fields.map { "\($0.key): \($0.value)" }
      if !then.isEmpty {
        body.append("then:")
        for inner in then { body += lines(inner).map { "  " + $0 } }
      }
    case .any(let blocks), .all(let blocks):
      if case .any = block { body = ["any:"] } else { body = ["all:"] }
      for inner in blocks { body += lines(inner).map { "  " + $0 } }
    }
    return body.enumerated().map { ($0.offset == 0 ? "- " : "  ") + $0.element }
  }

  /// A double-quoted YAML scalar.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars.prefix(1000) {
      switch scalar {
      case "\"", "\\": result += "\\" + String(scalar)
      default:
        result += scalar.properties.generalCategory == .control ? " " : String(scalar)
      }
    }
    return (result == "\"" ? "\"-" : result) + "\""
  }

  /// A name as directives have it: a-z, 0-9 and '-', starting with a letter.
  static func name(_ text: String, else standard: String) -> String {
    var name = ""
    for byte in text.lowercased().utf8.prefix(256) {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        name.append(Character(Unicode.Scalar(byte)))
      default: if name.last != "-", !name.isEmpty { name.append("-") }
      }
    }
    while name.last == "-" { name.removeLast() }
    guard let first = name.first, first.isLetter else { return standard }
    return String(name.prefix(60))
  }
}

extension Import {
  init(_ directives: [ImportedDirective], notes: [ImportNote], from system: String, file: String) {
    var taken: [String: Int] = [:]
    var texts: [String] = []
    for var directive in directives {
      let seen = taken[directive.name, default: 0]
      taken[directive.name] = seen + 1
      if seen > 0 { directive.name += "-\(seen + 1)" }
      texts.append(directive.yaml)
    }
    let name = file.split(separator: "/").last.map(String.init) ?? file
    var head = ["# \(texts.count) directives, imported from \(system): \(name)."]
    for note in notes.prefix(100) {
      let message = String(note.message.unicodeScalars.filter { $0 != "\n" && $0 != "\r" })
      head.append("#   line \(note.line): \(message)")
    }
    if notes.count > 100 { head.append("#   and \(notes.count - 100) more") }
    yaml =
      head.joined(separator: "\n") + "\ndirectives:\n\n" + texts.joined(separator: "\n\n")
      + "\n"
    self.notes = notes
    count = texts.count
  }
}
