import Foundation
import Hierarchy

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Reads OSSIM's correlation directives (XML).
///
/// Differences: time runs with the data and not on the server's clock; a plugin's events become
/// report kinds (`plugins`), and one without a kind cannot be taken over; a monitor rule becomes a
/// question to this monitor, whatever its condition; source ports, user names and other fields that
/// reports do not carry are left out, and noted.
public struct OSSIMDirectives {
  /// Kinds of the reports that stand for a plugin's events.
  public var plugins: [String: [String]] = [
    "1001": ["access.signature"], "1505": ["campaign.multi-stage"],
    "4003": ["access.brute-force", "access.login-after-guessing"],
    "1512": ["spoof.arp"], "1104": ["anomaly.profile"], "1103": ["recon.port-scan"],
    "1100": ["recon.port-scan"],
  ]
  /// The longest file, in bytes.
  public static let byteLimit = 16 << 20

  public init(plugins: [String: [String]] = [:]) {
    self.plugins.merge(plugins) { _, new in new }
  }

  /// Whether the bytes look like a file of OSSIM directives.
  public static func recognises(_ bytes: [UInt8]) -> Bool {
    let start = String(decoding: bytes.prefix(4096), as: UTF8.self)
    return start.contains("<directive")
  }

  public func read(_ bytes: [UInt8], file: String) throws -> Import {
    guard bytes.count <= Self.byteLimit else {
      throw ImportNote(
        file: file, line: 1, column: 1, message: "longer than \(Self.byteLimit) bytes",
        isFault: true)
    }
    // Foundation's parser traps on names that are no UTF-8.
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ImportNote(file: file, line: 1, column: 1, message: "not UTF-8", isFault: true)
    }
    // Entities are how small files grow large, and prefixes are none of OSSIM's.
    if let (place, what) = XMLGuard.refusal(of: text) {
      throw ImportNote(
        file: file, line: place.line, column: place.column, message: "\(what) are not read",
        isFault: true)
    }
    let reader = OSSIMReader(file: file)
    let parser = XMLParser(data: Data(bytes))
    parser.shouldResolveExternalEntities = false
    parser.delegate = reader
    // Foundation's `parse` tells of some broken files that all is well: the reader looks itself.
    let isRead = parser.parse()
    if let broken = reader.broken { throw broken }
    guard isRead, reader.isWhole else {
      throw ImportNote(
        file: file, line: max(1, parser.lineNumber), column: max(1, parser.columnNumber),
        message: "not XML: it ends before its elements do", isFault: true)
    }
    var translation = OSSIMTranslation(plugins: plugins, file: file)
    let directives = reader.directives.compactMap { translation.directive($0) }
    return Import(
      directives, notes: reader.notes + translation.notes, from: "OSSIM", file: file)
  }
}

/// An element of the file, with its place.
final class OSSIMElement {
  let name: String
  let attributes: [String: String]
  let line: Int
  let column: Int
  var rules: [OSSIMElement] = []

  init(name: String, attributes: [String: String], line: Int, column: Int) {
    self.name = name
    self.attributes = attributes
    self.line = line
    self.column = column
  }
}

/// Collects `directive` elements with their nested rules.
private final class OSSIMReader: NSObject, XMLParserDelegate {
  /// Rules within rules; OSSIM's editor stops at ten.
  static let depthLimit = 24
  static let ruleLimit = 4096

  let file: String
  var directives: [OSSIMElement] = []
  var notes: [ImportNote] = []
  private var open: [OSSIMElement] = []
  private var count = 0
  /// Elements of whatever name that are open, and whether there was one.
  private var depth = 0
  private var hasRoot = false
  /// The first fault that the parser tells.
  private(set) var broken: ImportNote?

  /// Whether there was a root element, and every element is closed.
  var isWhole: Bool { hasRoot && depth == 0 }

  init(file: String) { self.file = file }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    depth += 1
    hasRoot = true
    guard name == "directive" || name == "rule" else { return }
    let element = OSSIMElement(
      name: name, attributes: attributes, line: parser.lineNumber, column: parser.columnNumber)
    count += 1
    if count > Self.ruleLimit || open.count > Self.depthLimit {
      if notes.count < 1000 {
        notes.append(
          ImportNote(
            file: file, line: element.line, column: element.column,
            message: "too many rules, or too deep", isFault: true))
      }
    } else if name == "directive" {
      directives.append(element)
    } else {
      open.last?.rules.append(element)
    }
    open.append(element)
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    depth -= 1
    if open.last?.name == name { open.removeLast() }
  }

  func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
    broken =
      broken
      ?? ImportNote(
        file: file, line: max(1, parser.lineNumber), column: max(1, parser.columnNumber),
        message: "not XML: \(XMLGuard.words(error))", isFault: true)
  }
}
