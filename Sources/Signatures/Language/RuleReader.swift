import Glibc

/// Reads rule files in the language of Suricata and Snort. A rule that cannot be taken as it is
/// meant becomes a row of `RuleSet.unsupported`; reading goes on behind it, whatever stands there.
public struct RuleReader {
  private var collected = RuleSet()
  private let vocabulary: RuleVocabulary
  /// Where in `collected.rules` the rule of a generator and a signature number is.
  private var positions: [UInt64: Int] = [:]

  /// - Parameter checksExpressions: compile each regular expression to find those that do not; a
  ///   caller that compiles them itself can leave it out.
  public init(variables: RuleVariables = RuleVariables(), checksExpressions: Bool = true) {
    vocabulary = RuleVocabulary(variables: variables, checksExpressions: checksExpressions)
  }

  /// Everything read so far, in the order of the files.
  public var rules: RuleSet { collected }

  /// Reads one file's text; `file` is what rows call it.
  public mutating func read(_ bytes: [UInt8], file: String) {
    collected.files.append(file)
    bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      readLines(RuleSlice(base: base, start: 0, end: buffer.count))
    }
  }

  public mutating func read(_ text: String, file: String) { read(Array(text.utf8), file: file) }

  private mutating func readLines(_ file: RuleSlice) {
    var rest = file
    if rest.hasPrefix("\u{FEFF}") { rest.start += 3 }
    var line = 0
    while !rest.isEmpty {
      line += 1
      let text = rest.next(until: UInt8(ascii: "\n")).trimmed
      guard let first = text.first else { continue }
      if first == UInt8(ascii: "#") {
        if isRule(behindMark: text) { collected.disabledCount += 1 }
        continue
      }
      guard text.last == UInt8(ascii: "\\") else {
        let indent = text.start - lineStart(of: text, in: file)
        readRule(text, at: RuleText(line: line), indent: indent)
        continue
      }
      var whole = RuleText(line: line)
      var part = text
      var isContinued = true
      while true {
        isContinued = part.last == UInt8(ascii: "\\")
        if isContinued { part.end -= 1 }
        whole.append(part.octets, line: line)
        guard isContinued, !rest.isEmpty else { break }
        line += 1
        part = rest.next(until: UInt8(ascii: "\n"))
        while let octet = part.last, octet.isBlank { part.end -= 1 }
      }
      whole.joined.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        let text = RuleSlice(base: base, start: 0, end: buffer.count)
        readRule(text, at: whole, indent: 0)
      }
    }
  }

  private func lineStart(of text: RuleSlice, in file: RuleSlice) -> Int {
    var start = text.start
    while start > file.start, file[start - 1] != UInt8(ascii: "\n") { start -= 1 }
    return start
  }

  /// A rule that is commented out.
  private func isRule(behindMark text: RuleSlice) -> Bool {
    var rest = text
    while let octet = rest.first, octet == UInt8(ascii: "#") || octet.isBlank { rest.start += 1 }
    let action = rest.nextWord()
    guard RuleAction(word: action) != nil, rest.firstIndex(of: UInt8(ascii: "(")) != nil else {
      return false
    }
    return rest.last == UInt8(ascii: ")")
  }

  private mutating func readRule(_ slice: RuleSlice, at text: RuleText, indent: Int) {
    // Offsets count from the beginning of the rule, so that rows need no file.
    let slice = RuleSlice(base: slice.base + slice.start, start: 0, end: slice.count)
    var parser = RuleParser(text: slice, vocabulary: vocabulary)
    do throws(RuleFault) {
      var rule = try parser.parse()
      rule.file = Int32(clamping: collected.files.count - 1)
      rule.line = Int32(clamping: text.firstLine)
      keep(rule)
    } catch {
      let (line, column) = text.position(of: error.offset, indent: indent)
      collected.unsupported.append(
        UnsupportedRule(
          file: collected.files[collected.files.count - 1], line: line, column: column,
          signature: RuleParser.signature(in: slice), keyword: error.keyword, reason: error.reason))
    }
  }

  /// Of several rules with one number the newest revision stands, or else the first.
  private mutating func keep(_ rule: Rule) {
    let key = UInt64(rule.generator) << 32 | UInt64(rule.signature)
    guard let position = positions[key] else {
      positions[key] = collected.rules.count
      collected.rules.append(rule)
      return
    }
    let other = collected.rules[position]
    let isNewer = rule.revision > other.revision
    let (lost, kept) = isNewer ? (other, rule) : (rule, other)
    let relation = lost.revision == kept.revision ? "same" : "newer"
    collected.unsupported.append(
      UnsupportedRule(
        file: collected.files[Int(lost.file)], line: Int(lost.line), column: 1,
        signature: lost.signature, keyword: "sid",
        reason: "a rule of the \(relation) revision has this number, at "
          + "\(collected.files[Int(kept.file)]):\(kept.line)"))
    if isNewer { collected.rules[position] = rule }
  }
}
