import Foundation
import Terms

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Reads what `nmap -oX` writes: hosts that are up, their open services with product and version
/// (`-sV`), their system (`-O`), and the vulnerabilities that scripts found (`--script vuln`,
/// `vulners`). Which ports are closed is taken from the scan too; filtered ones stay unknown.
///
/// Places of faults are those of the end of the tag. Of a broken file Foundation's parser keeps some
/// hundred bytes for good, with or without a delegate; whole ones leave nothing behind.
final class NmapReader: NSObject, XMLParserDelegate {
  /// Elements within elements; nmap's scripts nest a few tables.
  static let depthLimit = 64
  /// Text of one element that is kept, in bytes.
  static let textLimit = 4096
  /// Least accuracy, in percent, of a guess at the system.
  static let accuracy = 85

  private var log: FaultLog
  private var inventory: Inventory
  private var depth = 0
  private var hasRoot = false
  private var scanned: [TransportProtocol: [ClosedRange<UInt16>]] = [:]
  private var host: NmapHost?
  private var script: NmapScript?
  private var text = ""
  /// Set at the first fault after which nothing more is read.
  private var isBroken = false

  private init(_ inventory: Inventory, _ log: FaultLog) {
    self.inventory = inventory
    self.log = log
  }

  /// `text` is what `bytes` say.
  static func read(
    _ bytes: [UInt8], _ text: String, into inventory: inout Inventory, _ log: inout FaultLog
  ) {
    if let (position, what) = XMLGuard.refusal(of: text) {
      log.add(position, .inventory("\(what) are not read"))
      return
    }
    let reader = NmapReader(inventory, log)
    let parser = XMLParser(data: Data(bytes))
    parser.shouldResolveExternalEntities = false
    parser.delegate = reader
    // Foundation's `parse` tells of some broken files that all is well: the reader looks itself.
    let isRead = parser.parse()
    if !reader.isBroken, !isRead || !reader.hasRoot || reader.depth != 0 {
      reader.log.add(
        parser.position, .inventory("not XML: it ends before its elements do"))
    }
    log = reader.log
    inventory = reader.inventory
  }

  private func stop(_ parser: XMLParser, _ kind: TopologyFault.Kind) {
    if !isBroken { log.add(parser.position, kind) }
    isBroken = true
    parser.abortParsing()
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    guard !isBroken else { return }
    depth += 1
    guard depth <= Self.depthLimit else {
      return stop(parser, .tooDeep(limit: Self.depthLimit))
    }
    guard hasRoot || name == "nmaprun" else {
      return stop(parser, .inventory("'\(name)' where nmap writes 'nmaprun'"))
    }
    hasRoot = true
    text = ""
    if script != nil {
      script?.open(name, key: attributes["key"])
    } else if name == "script" {
      script = NmapScript(id: attributes["id"] ?? "", output: attributes["output"] ?? "")
    } else if name == "scaninfo" {
      note(scan: attributes, parser)
    } else if name == "host" {
      host = NmapHost()
    } else {
      host?.open(name, attributes, parser.position, &log)
    }
  }

  private func note(scan attributes: [String: String], _ parser: XMLParser) {
    guard let transport = TransportProtocol(attributes["protocol"] ?? "") else { return }
    let services = attributes["services"] ?? ""
    guard let ranges = PortLook.ranges(services) else {
      log.add(parser.position, .malformed(services, .ports))
      return
    }
    scanned[transport, default: []] += ranges
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    guard text.utf8.count + string.utf8.count <= Self.textLimit else { return }
    text += string
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    guard !isBroken else { return }
    depth -= 1
    if name == "script", let done = script {
      host?.take(done.vulnerabilities)
      script = nil
    } else if script != nil {
      script?.close(name, text: text)
    } else if name == "host", let done = host {
      host = nil
      guard done.isUp else { return }
      let facts = done.facts(scanned: scanned)
      if !done.addresses.allSatisfy({ inventory.add(facts, at: $0) }) {
        stop(parser, .tooMany("hosts", limit: Inventory.hostLimit))
      }
    } else {
      host?.close(name, text: text)
    }
    text = ""
  }

  func parser(_ parser: XMLParser, parseErrorOccurred error: any Error) {
    guard !isBroken else { return }
    isBroken = true
    log.add(parser.position, .inventory("not XML: \(XMLGuard.words(error))"))
  }
}

extension XMLParser {
  var position: Position { Position(line: max(1, lineNumber), column: max(1, columnNumber)) }
}
