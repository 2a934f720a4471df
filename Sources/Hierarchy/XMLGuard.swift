import Foundation

/// What of XML is not handed to Foundation's parser.
package enum XMLGuard {
  /// Entities, by which small files grow large; namespaces, and processing instructions that say
  /// nothing (`<?xm?>`), on which the parser can trap; and where. Marks that stand in a value are
  /// escaped there, or not followed by a quote.
  package static func refusal(of text: String) -> (Position, String)? {
    if let place = text.range(of: "<!ENTITY", options: .caseInsensitive) {
      return (position(place.lowerBound, text), "entities")
    }
    var rest = text[...]
    while let place = rest.range(of: "xmlns") {
      let after = rest[place.upperBound...].drop { $0 != "=" && $0 != ">" && $0 != "\"" }
      let value = after.dropFirst().drop { $0.isWhitespace }
      if after.first == "=", value.first == "\"" || value.first == "'" {
        return (position(place.lowerBound, text), "namespaces")
      }
      rest = rest[place.upperBound...]
    }
    return emptyInstruction(text).map { (position($0, text), "empty processing instructions") }
  }

  /// The longest name of a processing instruction, in bytes.
  private static let nameLimit = 256

  /// The first processing instruction that ends with its name, or whose name does not end.
  private static func emptyInstruction(_ text: String) -> String.Index? {
    var rest = text[...]
    while let place = rest.range(of: "<?") {
      let name = text.utf8[place.upperBound...].prefix(nameLimit)
      let end = name.firstIndex { [0x20, 0x09, 0x0a, 0x0d].contains($0) } ?? name.endIndex
      if end == name.endIndex || name[..<end].contains(UInt8(ascii: "?")) {
        return place.lowerBound
      }
      rest = rest[place.upperBound...]
    }
    return nil
  }

  private static func position(_ index: String.Index, _ text: String) -> Position {
    let before = text[..<index]
    let line = 1 + before.count { $0.isNewline }
    let start = before.lastIndex { $0.isNewline }.map { before.index(after: $0) }
    return Position(
      line: line, column: 1 + before[(start ?? before.startIndex)...].unicodeScalars.count)
  }
}
