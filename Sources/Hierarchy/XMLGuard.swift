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

  /// What a parser's error says, in words: Foundation has only libxml2's numbers
  /// (`xmlParserErrors`).
  package static func words(_ error: any Error) -> String {
    let error = error as NSError
    let code = error.userInfo["NSXMLParserErrorCode"] as? Int ?? error.code
    return switch code {
    case 4: "the document is empty"
    case 5: "something stands behind the end of the document, or its elements do not end"
    case 6...12: "a character that XML does not have"
    case 13...30: "a '&' that begins no reference"
    case 38: "a '<' in the value of an attribute"
    case 39: "an attribute's value is not in quotes"
    case 40: "an attribute's value is not closed"
    case 41: "an attribute without a value"
    case 42: "an attribute is given twice"
    case 45: "a comment is not closed"
    case 46, 47: "a processing instruction is not closed"
    case 57: "the declaration '<?xml …?>' is not closed"
    case 62: "a ']]>' outside of CDATA"
    case 63: "a CDATA section is not closed"
    case 65: "a blank is missing"
    case 68: "a name is missing"
    case 73: "a '>' is missing"
    case 74: "a '</' is missing"
    case 76: "an end tag does not fit the start tag"
    case 77: "a tag is not closed"
    default: "libxml2's error \(code)"
    }
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
