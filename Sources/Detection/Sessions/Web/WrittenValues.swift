import Flows

/// A body's values, those apart that somebody wrote: texts of several lines, what begins as a
/// program or a query, and sentences. Scripts, tickets and mails are posted all day, and name commands and files;
/// who breaks out of a value has neither room for lines nor a program to begin with.
///
/// Only the value itself counts less, so that a long one beside it hides nothing.
struct WrittenValues {
  /// Line breaks of a written text, and its least mean length of a line, in bytes as sent: who puts
  /// line breaks in the place of blanks writes words.
  static let breaks = 3
  static let lineLength = 16
  /// Plain words that make a sentence, and their least part of all that stands between blanks: who
  /// breaks out of a value names a command and what it is to do.
  static let sentence = 6
  static let sentenceShare = 0.5
  /// How far what a written value says counts, and at most: by itself it is no attack.
  static let share = 0.3
  static let most = 0.6

  private(set) var plain: [UInt8]
  private(set) var written: [UInt8] = []
  /// Sentences; what they say of a database counts in full.
  private(set) var said: [UInt8] = []

  init(_ request: HTTPRequest) {
    plain = request.body
    let body = request.body[...]
    let mayBeWritten = Self.countBreaks(body) >= Self.breaks || body.mentions("select")
    let mayBeTyped = Self.mayBeTyped(body)
    guard mayBeWritten || mayBeTyped || Self.mayBeSaid(body) else { return }
    plain = []
    var start = 0
    for value in Self.values(body, type: request.contentType) {
      let isWritten = mayBeWritten && Self.isWritten(body[value])
      guard isWritten || Self.isSaid(body[value]) || mayBeTyped && Self.isTyped(body, value)
      else { continue }
      plain += body[start..<value.lowerBound]
      // As a value of its own.
      if isWritten {
        written += body[value] + [0x26]
      } else {
        said += body[value] + [0x26]
      }
      start = value.upperBound
    }
    plain += body[start...]
  }

  /// Where values stand: strings of JSON, fields of a form, parts of several, or the whole.
  private static func values(_ body: ArraySlice<UInt8>, type: ArraySlice<UInt8>) -> [Range<Int>] {
    let isJSON = body.first { $0 > 0x20 } == 0x7b
    if isJSON || type.mentions("json") { return strings(body) }
    if type.mentions("multipart/") { return parts(body) }
    if type.isEmpty || type.mentions("urlencoded") { return fields(body) }
    return [body.startIndex..<body.endIndex]
  }

  private static func strings(_ body: ArraySlice<UInt8>) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start: Int?
    var place = body.startIndex
    while place < body.endIndex {
      if body[place] == 0x5c {
        place += 1
      } else if body[place] == 0x22 {
        if let begin = start { found.append(begin..<place) }
        start = start == nil ? place + 1 : nil
      }
      place += 1
    }
    return found
  }

  private static func fields(_ body: ArraySlice<UInt8>) -> [Range<Int>] {
    body.split(separator: 0x26).compactMap { field in
      field.firstIndex(of: 0x3d).map { ($0 + 1)..<field.endIndex }
    }
  }

  /// What stands between the blank line behind a part's head and the next boundary (RFC 2046, 5.1).
  private static func parts(_ body: ArraySlice<UInt8>) -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start: Int?
    for place in body.indices.dropLast(3) where body[place] == 0x0d && body[place + 1] == 0x0a {
      let isBoundary = body[place + 2] == 0x2d && body[place + 3] == 0x2d
      if let begin = start, isBoundary {
        found.append(begin..<max(begin, place))
        start = nil
      } else if start == nil, body[place + 2] == 0x0d, body[place + 3] == 0x0a {
        start = place + 4
      }
    }
    return found
  }

  private static func isWritten(_ value: ArraySlice<UInt8>) -> Bool {
    let count = countBreaks(value)
    if count >= breaks, value.count >= count * lineLength { return true }
    let text = value.drop { $0 == 0x20 || $0 == 0x2b }
    if text.begins("#!/") || text.begins("%23!") || text.begins("%23%21") { return true }
    return (text.begins("select ") || text.begins("select+") || text.begins("select%20"))
      && text.mentions("from")
  }

  /// Whether there are blanks for a sentence.
  private static func mayBeSaid(_ body: ArraySlice<UInt8>) -> Bool {
    var blanks = 0
    for byte in body where byte == 0x20 || byte == 0x2b { blanks &+= 1 }
    return blanks >= sentence
  }

  /// Whether most of the value are plain words, in lower case but for the first letter: of letters
  /// only, perhaps with a comma or a stop behind.
  private static func isSaid(_ value: ArraySlice<UInt8>) -> Bool {
    var words = 0
    var pieces = 0
    for piece in value.split(whereSeparator: { $0 == 0x20 || $0 == 0x2b }) {
      pieces += 1
      var word = piece
      if let last = word.last, [0x2c, 0x2e, 0x3a, 0x3f, 0x21].contains(last) {
        word = word.dropLast()
      }
      let isWord = word.count >= 2 && word.dropFirst().allSatisfy { 0x61...0x7a ~= $0 }
      if isWord, let head = word.first, head.isLetter { words += 1 }
    }
    return words >= sentence && Double(words) >= sentenceShare * Double(pieces)
  }

  /// Whether JSON may hold a line for a shell.
  private static func mayBeTyped(_ body: ArraySlice<UInt8>) -> Bool {
    body.first { $0 > 0x20 } == 0x7b
      && body.contains { $0 == 0x7c || $0 == 0x3b || $0 == 0x26 || $0 == 0x60 || $0 == 0x24 }
  }

  /// Whether a string of JSON is a line for a shell from its beginning, a command and what it works
  /// on, as people send each other: who breaks out of a value leaves something of it before the
  /// separator. What a member named so is to run is no talk.
  private static func isTyped(_ body: ArraySlice<UInt8>, _ value: Range<Int>) -> Bool {
    var line = body[value].drop { $0 == 0x20 }
    if line.count > 2, line.first == 0x24 || line.first == 0x23 {
      let rest = line.dropFirst()
      guard rest.first == 0x20 else { return false }
      line = rest.dropFirst()
    }
    let command = line.prefix { $0.isLetter || $0.isDigit || $0 == 0x2d || $0 == 0x5f }
    guard typed.contains(String(decoding: command.map(\.lowered), as: UTF8.self)) else {
      return false
    }
    let rest = line.dropFirst(command.count)
    guard rest.first == 0x20, let next = rest.dropFirst().first,
      next.isLetter || next.isDigit || [0x2d, 0x2f, 0x2e, 0x7e, 0x2a].contains(next)
    else { return false }
    return !runs.contains(memberName(body, before: value.lowerBound))
  }

  /// The name of the member whose value begins there; empty where there is none.
  private static func memberName(_ body: ArraySlice<UInt8>, before value: Int) -> String {
    var place = value - 2
    while place >= body.startIndex, body[place] == 0x20 || body[place] == 0x3a { place -= 1 }
    guard place > body.startIndex, body[place] == 0x22 else { return "" }
    let name = body[..<place].suffix(32)
    guard let quote = name.lastIndex(of: 0x22) else { return "" }
    return String(decoding: name[(quote + 1)...].map(\.lowered), as: UTF8.self)
  }

  /// Commands that lines begin with.
  private static let typed: Set<String> = [
    "ls", "cat", "grep", "curl", "wget", "sudo", "git", "docker", "kubectl", "ssh", "scp", "tail",
    "head", "find", "ps", "df", "du", "rm", "cp", "mv", "echo", "cd", "make", "npm", "pip", "apt",
    "yum", "chmod", "awk", "sed", "export", "python", "python3", "node", "psql", "mysql", "tar",
    "ping", "systemctl", "journalctl", "netstat", "ss", "dig", "terraform", "ansible", "helm",
  ]
  /// Members whose values are run.
  private static let runs: Set<String> = [
    "cmd", "command", "commands", "exec", "execute", "run", "shell", "args", "c", "process",
  ]

  /// Line feeds, as they are, as JSON writes them, or as forms do.
  private static func countBreaks(_ text: ArraySlice<UInt8>) -> Int {
    var count = 0
    for place in text.indices {
      switch text[place] {
      case 0x0a: count += 1
      case 0x5c where place + 1 < text.endIndex && text[place + 1] == 0x6e: count += 1
      case 0x25
      where place + 2 < text.endIndex && text[place + 1] == 0x30 && text[place + 2] | 0x20 == 0x61:
        count += 1
      default: break
      }
    }
    return count
  }
}
