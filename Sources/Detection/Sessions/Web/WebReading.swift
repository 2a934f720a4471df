import Flows

/// One request as an attack on the application behind it: what speaks for each technique.
struct WebReading {
  private(set) var scores = WebScores()

  /// Least run of one byte that fills a worm's request (Code Red had 224).
  static let fillerLength = 64
  /// How far scripts in a header count: few pages show headers. And commands: in headers `;` is an
  /// ordinary separator.
  static let pageShare = 0.9
  static let shellShare = 0.6
  /// What serialised Java objects begin with (Java Object Serialization Specification, 6.1).
  static let serialMagic: [UInt8] = [0xac, 0xed, 0, 5]
  /// Bytes of a field's value that are read.
  static let valueLimit = 1024

  init(_ request: HTTPRequest) {
    let target = request.target
    let mark = target.firstIndex(of: 0x3f) ?? target.endIndex
    let path = WebText(target[..<mark], isQuery: false)
    let query = WebText(target[mark...].dropFirst(), isQuery: true)
    readWhole(target)
    readPath(path)
    readParameters(query)
    readNulls(path, query)
    if Self.isReadable(request) {
      readBody(request)
    } else if request.body.starts(with: Self.serialMagic) {
      scores[.codeInjection] += 0.6
      scores.add(Self.words(request.body.prefix(Self.valueLimit).map(\.lowered)))
    }
    readFields(request)
  }

  /// Whether the body is text that an application takes parameters from.
  private static func isReadable(_ request: HTTPRequest) -> Bool {
    guard !request.body.isEmpty else { return false }
    let type = request.contentType
    if isForm(request) || type.mentions("json") || type.mentions("xml") { return true }
    return type.mentions("text/") || type.mentions("multipart/")
      || request.body.prefix(64).allSatisfy({ $0.isPrintable })
  }

  private static func isForm(_ request: HTTPRequest) -> Bool {
    request.contentType.isEmpty || request.contentType.mentions("urlencoded")
  }
}

// MARK: - Target

extension WebReading {
  /// The words of a text, each counted once.
  private static func words(_ bytes: [UInt8]) -> WebScores {
    var scores = WebScores()
    guard bytes.count > 1 else { return scores }
    var best: [Int: Double] = [:]
    WebToken.matcher.scan(bytes) { index, end in
      let token = WebToken.all[index]
      let worth = token.worth(in: bytes, from: end &- token.text.utf8.count, to: end)
      if worth > best[index] ?? 0 { best[index] = worth }
    }
    for (index, worth) in best.sorted(by: { $0.key < $1.key }) {
      scores[WebToken.all[index].technique] += worth
    }
    return scores
  }

  /// The target as sent: Code Red and its kin have a long run of one letter before encoded
  /// instructions.
  private mutating func readWhole(_ target: ArraySlice<UInt8>) {
    guard target.count > Self.fillerLength else { return }
    var run = 0
    var longest = 0
    var escapes = 0
    for place in target.indices {
      run = place > target.startIndex && target[place] == target[place - 1] ? run + 1 : 1
      longest = max(longest, run)
      if target[place] == 0x25, place + 1 < target.endIndex, target[place + 1].lowered == 0x75 {
        escapes += 1
      }
    }
    if longest >= Self.fillerLength { scores[.codeRed] += escapes > 0 ? 0.7 : 0.2 }
    if escapes >= 8 { scores[.codeRed] += 0.4 }
  }

  private mutating func readPath(_ text: WebText) {
    scores.add(Self.words(text.bytes))
    // The indexing and printing extensions of IIS 4 and 5 (CVE-2001-0500, CVE-2001-0241).
    if text.bytes.ends(".ida") || text.bytes.ends(".idq") || text.bytes.ends(".printer") {
      scores[.codeRed] += 0.5
    }
    let climb = Climb(text.bytes)
    if climb.steps > 0 {
      scores[.traversal] += climb.isOutside ? 1 : 0.25
      scores[.traversal] += 0.4 * Double(min(climb.disguises, 2))
    }
    if text.hiddenDots > 0, climb.steps > 0 { scores[.traversal] += 0.5 }
    if text.rounds > 1, climb.steps > 0 { scores[.traversal] += 0.6 }
    if text.forbiddenForms > 0 { scores[.traversal] += climb.steps > 0 ? 1 : 0.3 }
    addLookup(text.bytes)
    shareFiles(climb)
  }

  /// A file that is climbed to belongs to the traversal, not to an inclusion.
  private mutating func shareFiles(_ climb: Climb) {
    guard climb.steps > 0 else { return }
    scores[.traversal] += min(scores[.fileInclusion], 1)
    scores[.fileInclusion] = 0
    if scores[.commandInjection] < 1 || climb.isOutside { scores[.commandInjection] *= 0.5 }
  }
}

// MARK: - Parameters

extension WebReading {
  /// How far words of scripts count in a text without any tag or handler, such as a program's
  /// report of what went wrong.
  private static let untaggedShare = 0.4

  /// What programs, and those who write of them, say without meaning the server.
  private static let writable: [WebTechnique] = [
    .sqli, .fileInclusion, .traversal, .commandInjection,
  ]

  /// The same of sentences: questions to a database are sentences themselves.
  private static let sayable: [WebTechnique] = [
    .fileInclusion, .traversal, .commandInjection, .codeInjection,
  ]

  private mutating func readBody(_ request: HTTPRequest) {
    let values = WrittenValues(request)
    let text = WebText(values.plain, isQuery: Self.isForm(request), isDocument: true)
    var found = WebReading(text)
    let writable = Self.isProgramFile(request) ? Self.writable : Self.writable + [.codeInjection]
    for (bytes, techniques) in [(values.written, writable), (values.said, Self.sayable)]
    where !bytes.isEmpty {
      var other = WebReading(
        WebText(bytes, isQuery: Self.isForm(request), isDocument: true)
      ).scores
      for technique in techniques {
        other[technique] = min(other[technique] * WrittenValues.share, WrittenValues.most)
      }
      found.scores.add(other)
    }
    if Self.isPage(request) {
      // Pages are there to hold scripts.
      found.scores[.xss] = 0
    } else if found.scores[.xss] > 0, !Self.hasTag(text.bytes) {
      found.scores[.xss] *= Self.untaggedShare
    } else if found.scores[.xss] > 0, Self.isFormatted(text.bytes) {
      found.scores[.xss] = min(
        found.scores[.xss] * WrittenValues.share, WrittenValues.most)
    }
    scores.add(found.scores)
  }

  /// Whether the body becomes a file that a server runs, by its name.
  private static func isProgramFile(_ request: HTTPRequest) -> Bool {
    let endings: [StaticString] = [".php", ".phtml", ".jsp", ".asp", ".cgi", ".pl", ".war"]
    if request.method == "PUT" { return true }
    return request.contentType.mentions("multipart/")
      && request.body.split(separator: 0x0a).contains { line in
        line.mentions("filename=") && endings.contains { line.mentions($0) }
      }
  }

  /// Whether a tag or an event's handler, by which a script gets into a page, is in the text.
  private static func hasTag(_ bytes: [UInt8]) -> Bool {
    var isFound = false
    WebToken.matcher.scan(bytes) { index, end in
      let token = WebToken.all[index]
      guard !isFound, token.technique == .xss, token.text.utf8.first == 0x3c || token.isHandler
      else { return }
      isFound = token.worth(in: bytes, from: end &- token.text.utf8.count, to: end) > 0
    }
    return isFound
  }

  /// Whether a value is a formatted text, as editors and mails make it: who slips a script into a
  /// page sets no paragraphs.
  private static func isFormatted(_ bytes: [UInt8]) -> Bool {
    var count = 0
    for place in bytes.indices.dropLast(3) where bytes[place] == 0x3c && bytes[place + 1] == 0x2f {
      let name = bytes[(place + 2)...].prefix { $0.isWord }
      if formatting.contains(String(decoding: name.prefix(10), as: UTF8.self)) { count += 1 }
      if count >= formattedParts { return true }
    }
    return false
  }

  private static let formatting: Set<String> = [
    "p", "b", "i", "u", "em", "strong", "li", "ul", "ol", "td", "tr", "table", "h1", "h2", "h3",
    "h4", "code", "pre", "blockquote", "span",
  ]
  private static let formattedParts = 3

  private init(_ parameters: WebText) { readParameters(parameters) }

  /// Whether the body is a page by itself: put in its place, or sent as one.
  private static func isPage(_ request: HTTPRequest) -> Bool {
    let type = request.contentType
    return type.mentions("text/html")
      || type.mentions("multipart/") && request.body.mentions("text/html")
      || request.method == "PUT" && !type.mentions("json") && !type.mentions("urlencoded")
  }

  private mutating func readParameters(_ text: WebText) {
    guard !text.bytes.isEmpty else { return }
    scores.add(Self.words(text.bytes))
    let climb = Climb(text.bytes)
    if climb.steps > 0 {
      scores[.traversal] += [0, 0.25, 0.8][min(climb.deepest, 2)] + (climb.deepest > 2 ? 0.3 : 0)
      scores[.traversal] += 0.4 * Double(min(climb.disguises, 2))
      if text.hiddenDots > 0 { scores[.traversal] += 0.5 }
      if text.rounds > 1 || text.forbiddenForms > 0 { scores[.traversal] += 0.4 }
    }
    readValues(text.bytes)
    addLookup(text.bytes)
    shareFiles(climb)
  }

  /// Names of parameters that applications take a file's name from.
  private static let fileNames: Set<String> = [
    "file", "page", "include", "inc", "path", "template", "doc", "dir", "lang", "view", "conf",
    "config", "root", "load", "abs_path", "mosconfig_absolute_path", "document", "folder", "pg",
    "style", "pdf", "layout", "mod", "module", "content", "site", "read", "cat", "filename",
  ]

  private static func isRemote(_ value: ArraySlice<UInt8>) -> Bool {
    switch value.first {
    case 0x68: value.begins("http://") || value.begins("https://")
    case 0x66: value.begins("ftp://")
    case 0x2f: value.begins("//")
    default: false
    }
  }

  /// Whether an address leads to the server that is asked itself, as nobody else's does: by name, by
  /// number, by a number without dots.
  private static func isHere(_ value: ArraySlice<UInt8>) -> Bool {
    guard isRemote(value), let colon = value.firstIndex(of: 0x3a) else { return false }
    let host = value[colon...].dropFirst(3)
    if host.begins("127.") || host.begins("localhost") || host.begins("[::1]")
      || host.begins("0.0.0.0") || host.begins("0x7f")
    {
      return true
    }
    let name = host.prefix { $0 != 0x2f && $0 != 0x3a }
    return name.count >= 8 && name.allSatisfy(\.isDigit)
  }

  /// Whether a parameter says where the browser goes next: programs that log in by a browser listen
  /// at their own host (RFC 8252, 7.3).
  private static func leads(_ name: ArraySlice<UInt8>) -> Bool {
    let words: [StaticString] = [
      "redirect", "return", "next", "callback", "continue", "goto", "origin", "refer", "state",
    ]
    return words.contains { name.mentions($0) }
  }

  /// Values that are a whole attack by themselves: files by absolute name, remote code, a single
  /// quote that tests for a reaction.
  private mutating func readValues(_ bytes: [UInt8]) {
    for part in bytes.split(separator: 0x26, maxSplits: 64) {
      let mark = part.firstIndex(of: 0x3d) ?? part.startIndex
      let value = part[mark...].drop { $0 == 0x3d || $0 == 0x20 }
      if value.first == 0x2f, value.begins("/etc/") || value.begins("/proc/") {
        scores[.fileInclusion] += 0.4
      }
      if Self.isRemote(value),
        Self.fileNames.contains(String(decoding: part[..<mark], as: UTF8.self))
      {
        let isScript = value.last == 0x3f || value.mentions(".txt") || value.mentions(".php")
        scores[.fileInclusion] += isScript ? 1 : 0.4
      }
      if Self.isHere(value), !Self.leads(part[..<mark]) { scores[.fileInclusion] += 1 }
      if value.last == 0x27, value.filter({ $0 == 0x27 }).count == 1 { scores[.sqli] += 0.35 }
    }
  }

  /// Log4j's lookups (CVE-2021-44228), also where their letters come from other lookups.
  private mutating func addLookup(_ bytes: [UInt8]) {
    scores[.log4shell] = max(scores[.log4shell], Lookup.score(bytes))
  }

  /// A zero byte ends a name for a C library but not for the application before it; in binary
  /// values zeros are nothing special.
  private mutating func readNulls(_ path: WebText, _ query: WebText) {
    for text in [path.bytes, query.bytes] {
      guard let zero = text.firstIndex(of: 0) else { continue }
      let isText = text.allSatisfy { $0 == 0 || $0 >= 0x20 && $0 < 0x7f }
      let next = zero + 1 < text.count ? text[zero + 1] : 0
      let endsName = next == 0 || next == 0x2e || next == 0x26 || next == 0x2f
      guard isText, endsName else { continue }
      scores[scores[.traversal] + scores[.fileInclusion] > 0 ? .traversal : .nullByte] += 0.7
    }
  }
}

// MARK: - Fields

extension WebReading {
  /// Bytes without which nothing in a field is worth reading: `$ % ' < ` { |`; besides them, a call
  /// of what a call returned, and `..`.
  private static let triggers: [Bool] = {
    var triggers = [Bool](repeating: false, count: 256)
    for byte in [0x24, 0x25, 0x27, 0x3c, 0x60, 0x7b, 0x7c] { triggers[byte] = true }
    return triggers
  }()

  private mutating func readFields(_ request: HTTPRequest) {
    let head = request.head
    var start = (head.firstIndex(of: 0x0a) ?? head.count) + 1
    while start < head.count {
      let (end, isTriggered) = Self.lineEnd(head, from: start)
      if isTriggered { readField(head[start..<end]) }
      start = end + 1
    }
  }

  /// Where the line that begins at `start` ends, and whether a trigger is in it.
  private static func lineEnd(_ head: [UInt8], from start: Int) -> (Int, Bool) {
    triggers.withUnsafeBufferPointer { triggers in
      head.withUnsafeBufferPointer { head in
        var end = start
        var isTriggered = false
        while end < head.count, head[end] != 0x0a {
          if triggers[Int(head[end])] { isTriggered = true }
          // A call of what a call returned, and a step up.
          if head[end] == 0x2e, end > start, head[end &- 1] == 0x29 || head[end &- 1] == 0x2e {
            isTriggered = true
          }
          end &+= 1
        }
        return (end, isTriggered)
      }
    }
  }

  private mutating func readField(_ line: ArraySlice<UInt8>) {
    guard let colon = line.firstIndex(of: 0x3a) else { return }
    let name = line[..<colon]
    var value = line[colon...].dropFirst()
    while let byte = value.first, byte == 0x20 || byte == 0x09 { value = value.dropFirst() }
    value = value.prefix(Self.valueLimit)
    if value.last == 0x0d { value = value.dropLast() }
    // Credentials are opaque.
    if value.isEmpty || name.begins("authorization") { return }
    let text = WebText(value, isQuery: false)
    addLookup(text.bytes)
    let found = Self.words(text.bytes)
    scores[.shellshock] += found[.shellshock]
    // A page's address in Referer is what another page did; no browser sends
    // what is no address.
    if name.begins("referer"), value.begins("http"), !value.contains(0x22) { return }
    readClimb(text, file: found[.fileInclusion])
    scores[.sqli] += found[.sqli]
    scores[.codeInjection] += found[.codeInjection]
    scores[.xss] += found[.xss] * Self.pageShare
    scores[.commandInjection] += found[.commandInjection] * Self.shellShare
  }
}

extension WebReading {
  /// Steps up in a field, as in the cookie that says which theme or language is read from disk.
  private mutating func readClimb(_ text: WebText, file: Double) {
    let climb = Climb(text.bytes)
    guard climb.steps > 1 else { return }
    scores[.traversal] += climb.steps > 2 ? 1 : 0.8
    scores[.traversal] += 0.4 * Double(min(climb.disguises, 2)) + min(file, 1)
  }
}

extension [UInt8] {
  /// Whether the bytes end with `text`, which is in lower case, but for the case of letters.
  fileprivate func ends(_ text: StaticString) -> Bool {
    count >= text.utf8CodeUnitCount && suffix(text.utf8CodeUnitCount).begins(text)
  }
}
