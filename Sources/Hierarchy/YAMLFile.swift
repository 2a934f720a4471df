import Glibc
import Yams

/// Turns bytes into located YAML values, within limits, noting every fault of form.
package enum YAMLFile {
  /// 1 MiB: some ten thousand monitors.
  static let byteLimit = 1 << 20
  /// A topology needs 5 levels, a schema 5 more when inline. (libyaml itself stops at 1,000.)
  static let depthLimit = 32
  /// Values in one file.
  static let nodeLimit = 1 << 18
  /// Items in one list.
  static let listLimit = 1024
  /// Mappings with duplicate keys that are told one by one; after these the reading stops.
  static let duplicateLimit = 32

  /// The bytes of a file, at most `limit`; a fault otherwise.
  package static func bytes(
    _ path: String, _ log: inout FaultLog, limit byteLimit: Int = byteLimit
  ) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      log.add(.start, .unreadable(String(cString: strerror(errno))))
      return nil
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0 {
        if errno == EINTR { continue }
        log.add(.start, .unreadable(String(cString: strerror(errno))))
        return nil
      }
      guard count > 0 else { return bytes }
      bytes.append(contentsOf: chunk.prefix(count))
      guard bytes.count <= byteLimit else {
        log.add(.start, .tooLarge(limit: byteLimit))
        return nil
      }
    }
  }

  /// The files of a folder whose names end so, in order of name; nil when it is no folder.
  package static func list(_ path: String, suffix: String) -> [String]? {
    guard let folder = opendir(path) else { return nil }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(suffix), !name.hasPrefix(".") { names.append(name) }
    }
    let stem = path.hasSuffix("/") ? path : path + "/"
    return names.sorted().map { stem + $0 }
  }

  /// The root value; nil with a fault when the file has none that can be read.
  package static func value(_ bytes: [UInt8], _ log: inout FaultLog) -> YAMLValue? {
    guard bytes.count <= byteLimit else {
      log.add(.start, .tooLarge(limit: byteLimit))
      return nil
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else {
      log.add(.start, .notText)
      return nil
    }
    var text = YAMLText(decoded)
    for position in text.aliases { log.add(position, .alias) }
    guard log.faults.isEmpty, let root = compose(&text, &log) else { return nil }
    var reader = YAMLNodeReader(text: text, log: log)
    let value = reader.value(root, depth: 0)
    log = reader.log
    guard let value, !value.isNull else {
      if log.faults.isEmpty { log.add(.start, .empty) }
      return nil
    }
    return value
  }

  /// Yams stops at the first mapping with a duplicate key. Here the first of the two is masked and
  /// the text is composed again, so that one slip does not hide the others.
  private static func compose(_ text: inout YAMLText, _ log: inout FaultLog) -> Node? {
    for _ in 0...duplicateLimit {
      do {
        guard let node = try Yams.compose(yaml: text.string, .basic, .default, .utf8) else {
          log.add(.start, .empty)
          return nil
        }
        return node
      } catch let error as YamlError {
        if case .duplicatedKeysInMapping(let keys, let context) = error, let key = keys.first,
          text.mask(key, at: Position(context.mark))
        {
          continue
        }
        let (position, kind) = located(error, text)
        log.add(position, kind)
        return nil
      } catch {
        log.add(.start, .syntax("\(error)"))
        return nil
      }
    }
    log.add(.start, .tooMany("mappings with duplicate keys", limit: duplicateLimit))
    return nil
  }

  private static func located(
    _ error: YamlError, _ text: YAMLText
  ) -> (Position, TopologyFault.Kind) {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let prefix = context.map { "\($0.text) from line \($0.mark.line), " } ?? ""
      return (Position(mark), .syntax(prefix + problem))
    case .reader(let problem, let offset, _, _):
      return (offset.map(text.position(character:)) ?? .start, .syntax(problem))
    case .duplicatedKeysInMapping(let keys, let context):
      let position = Position(context.mark)
      return (position, .duplicateKey(keys.first ?? "", firstLine: position.line))
    default: return (.start, .syntax("\(error)"))
    }
  }
}

extension Position {
  init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}

/// Walks Yams' nodes once, within the limits of `YAMLFile`.
struct YAMLNodeReader {
  let text: YAMLText
  var log: FaultLog
  private var nodes = 0

  init(text: YAMLText, log: FaultLog) {
    self.text = text
    self.log = log
  }

  mutating func value(_ node: Node, depth: Int) -> YAMLValue? {
    let position = node.mark.map(Position.init) ?? .start
    nodes += 1
    guard nodes <= YAMLFile.nodeLimit else {
      if nodes == YAMLFile.nodeLimit + 1 {
        log.add(position, .tooMany("values", limit: YAMLFile.nodeLimit))
      }
      return nil
    }
    guard depth < YAMLFile.depthLimit else {
      log.add(position, .tooDeep(limit: YAMLFile.depthLimit))
      return nil
    }
    switch node {
    case .scalar(let scalar):
      return YAMLValue(content: .scalar(scalar.string), position: position)
    case .sequence(let items):
      var list: [YAMLValue] = []
      for item in items {
        guard let value = value(item, depth: depth + 1) else { continue }
        list.append(value)
      }
      return YAMLValue(content: .list(list), position: position)
    case .mapping(let pairs):
      return YAMLValue(content: .mapping(entries(pairs, depth: depth)), position: position)
    case .alias:
      log.add(position, .alias)
      return nil
    }
  }

  private mutating func entries(_ pairs: Node.Mapping, depth: Int) -> [YAMLValue.Entry] {
    var entries: [YAMLValue.Entry] = []
    var firstLines: [String: Int] = [:]
    for (keyNode, valueNode) in pairs {
      let position = keyNode.mark.map(Position.init) ?? .start
      guard case .scalar(let scalar) = keyNode else {
        log.add(position, .wrongShape(due: .scalar, found: .mapping))
        continue
      }
      let key = text.masked[position] ?? scalar.string
      // The value is walked either way, for the faults within.
      let value = value(valueNode, depth: depth + 1)
      if let line = firstLines[key] {
        log.add(position, .duplicateKey(key, firstLine: line))
        continue
      }
      firstLines[key] = position.line
      guard let value else { continue }
      entries.append(YAMLValue.Entry(key: key, keyPosition: position, value: value))
    }
    return entries
  }
}
