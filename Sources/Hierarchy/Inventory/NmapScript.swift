/// One `script` element of nmap's output, and the vulnerabilities in it. Three forms are read: the
/// tables of nmap's library `vulns` (title, state, ids), those of `vulners` (id, type, cvss), and,
/// where a script writes no table, its text.
struct NmapScript {
  /// Vulnerabilities of one script at most.
  static let limit = 1024

  private struct Table {
    var key: String?
    var state: String?
    var ids: [String] = []
    var id: String?
    var type: String?
    var score: Double?
  }

  private let id: String
  private let output: String
  private var tables: [Table] = []
  private var element: String?
  private var found: [Vulnerability] = []
  private var hasTables = false

  init(id: String, output: String) {
    self.id = id
    self.output = output
  }

  mutating func open(_ name: String, key: String?) {
    if name == "table" {
      hasTables = true
      tables.append(Table(key: key))
    } else {
      element = key ?? ""
    }
  }

  mutating func close(_ name: String, text: String) {
    if name == "table", let table = tables.popLast() { return finish(table) }
    defer { element = nil }
    guard name == "elem", !tables.isEmpty else { return }
    let last = tables.count - 1
    switch element {
    case "state": tables[last].state = text
    case "id": tables[last].id = text
    case "type": tables[last].type = text
    case "cvss": tables[last].score = Double(text).flatMap { (0...10).contains($0) ? $0 : nil }
    default: if tables[last].key == "ids" { tables[last].ids.append(text) }
    }
  }

  private mutating func finish(_ table: Table) {
    if table.key == "ids", !tables.isEmpty {
      tables[tables.count - 1].ids += table.ids.prefix(64)
    } else if let text = table.state {
      guard let state = Self.state(text) else { return }
      // `CVE:CVE-2014-6271`; where there is none, the check's name.
      let named = (table.ids + [table.key ?? ""]).compactMap {
        CVE.id($0.split(separator: ":").last ?? "")
      }
      add(named.isEmpty ? [String(id.prefix(64))] : named, state, score: nil)
    } else if table.type == "cve", let cve = table.id.flatMap({ CVE.id($0) }) {
      add([cve], .likely, score: table.score)
    }
  }

  private static func state(_ text: String) -> Vulnerability.State? {
    if text.hasPrefix("NOT VULNERABLE") { return .absent }
    if text.hasPrefix("LIKELY VULNERABLE") { return .likely }
    return text.hasPrefix("VULNERABLE") ? .confirmed : nil
  }

  private mutating func add(_ ids: [String], _ state: Vulnerability.State, score: Double?) {
    for id in ids where found.count < Self.limit && !id.isEmpty {
      found.append(Vulnerability(id: id, state: state, score: score))
    }
  }

  var vulnerabilities: [Vulnerability] {
    guard !hasTables else { return found }
    let lines = output.split(whereSeparator: \.isNewline).map { line in
      line.drop { $0 == " " || $0 == "|" || $0 == "_" }
    }
    let states = lines.compactMap { line in
      Self.state(String(line.hasPrefix("State: ") ? line.dropFirst(7) : line))
    }
    guard let state = states.max() else { return [] }
    return CVE.ids(in: output, limit: 64).map { Vulnerability(id: $0, state: state) }
  }
}
