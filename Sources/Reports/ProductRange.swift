/// A product, or some versions of it, as a schema names it: `apache httpd`, `openssh < 9.8`.
public struct ProductRange: Sendable, Hashable {
  public enum Relation: String, Sendable, Hashable, CaseIterable {
    case less = "<"
    case atMost = "<="
    case equal = "="
    case atLeast = ">="
    case greater = ">"
  }

  /// Words in lower case that a product's name or its CPE must hold.
  public var words: [String]
  /// nil: any version.
  public var relation: Relation?
  public var version: String

  public init(words: [String], relation: Relation? = nil, version: String = "") {
    self.words = words
    self.relation = relation
    self.version = version
  }

  /// Parses the words, then perhaps a relation and a version; nil for anything else.
  public init?(_ text: some StringProtocol) {
    var parts = text.lowercased().split { $0 == " " || $0 == "_" }.map(String.init)
    guard text.utf8.count <= 128, !parts.isEmpty else { return nil }
    var relation: Relation?
    var version = ""
    if parts.count > 2, let known = Relation(rawValue: parts[parts.count - 2]) {
      (relation, version) = (known, parts[parts.count - 1])
      parts.removeLast(2)
      guard version.utf8.contains(where: { (48...57).contains($0) }) else { return nil }
    }
    guard parts.allSatisfy({ Relation(rawValue: $0) == nil }) else { return nil }
    self.init(words: parts, relation: relation, version: version)
  }

  /// Whether a product of this name (and CPE) is meant.
  public func names(_ text: String) -> Bool {
    let text = text.lowercased()
    return words.allSatisfy { text.contains($0) }
  }

  /// Whether a version of the product is meant; nil when that cannot be said.
  public func holds(_ found: String) -> Bool? {
    guard let relation else { return nil }
    let found = found.prefix { $0 != " " }
    guard found.utf8.contains(where: { (48...57).contains($0) }) else { return nil }
    let order = Self.order(found, version[...])
    return switch relation {
    case .less: order < 0
    case .atMost: order <= 0
    case .equal: order == 0
    case .atLeast: order >= 0
    case .greater: order > 0
    }
  }

  private enum Part: Equatable {
    case number(UInt64)
    case letters(String)
  }

  /// -1, 0 or 1: numbers by size, letters by the alphabet and before numbers; `9.2` is `9.2.0` and
  /// comes before `9.2p1`.
  static func order(_ left: Substring, _ right: Substring) -> Int {
    let (mine, theirs) = (parts(left), parts(right))
    for index in 0..<max(mine.count, theirs.count) {
      let pair = (
        index < mine.count ? mine[index] : nil, index < theirs.count ? theirs[index] : nil
      )
      switch pair {
      case (.number(let a)?, .number(let b)?): if a != b { return a < b ? -1 : 1 }
      case (.letters(let a)?, .letters(let b)?): if a != b { return a < b ? -1 : 1 }
      case (.number?, .letters?): return 1
      case (.letters?, .number?): return -1
      case (.number(let a)?, nil): if a != 0 { return 1 }
      case (nil, .number(let b)?): if b != 0 { return -1 }
      case (.letters?, nil): return 1
      case (nil, .letters?): return -1
      case (nil, nil): break
      }
    }
    return 0
  }

  private static func parts(_ text: Substring) -> [Part] {
    var parts: [Part] = []
    var rest = text.prefix(64)[...]
    while let first = rest.first, parts.count < 16 {
      let isDigit = ("0"..."9").contains(first)
      let run = rest.prefix { ("0"..."9").contains($0) == isDigit && ($0.isLetter || isDigit) }
      if run.isEmpty {
        rest = rest.dropFirst()
        continue
      }
      parts.append(isDigit ? .number(UInt64(run) ?? .max) : .letters(run.lowercased()))
      rest = rest.dropFirst(run.count)
    }
    return parts
  }

  var canonical: String { "\(words.joined(separator: " "))\(relation?.rawValue ?? "")\(version)" }
}
