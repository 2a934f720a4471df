extension WebToken {
  /// What the word from `start` to `end` is worth where it stands.
  func worth(in bytes: [UInt8], from start: Int, to end: Int) -> Double {
    let before = ByteCursor(bytes, at: start)
    let cursor = ByteCursor(bytes, at: end)
    switch check {
    case .none: return weight
    case .word: return before.at(-1).isWord ? 0 : weight
    case .call: return Self.isCall(before, cursor) ? weight : 0
    case .sqlCall: return Self.isCall(before, cursor) ? weight * Self.operand(before) : 0
    case .union: return before.at(-1).isLetter ? 0 : weight * Self.union(cursor)
    case .tautology: return weight * Self.tautology(before, cursor)
    case .stacked:
      return weight * Self.stacked(cursor) * (Self.isSentence(before, cursor) ? 0.4 : 1)
    case .command: return Self.isCommand(before, cursor, end: bytes[end &- 1]) ? weight : 0
    case .plainCommand:
      guard Self.isCommand(before, cursor, end: bytes[end &- 1]), !Self.isList(before) else {
        return 0
      }
      return Self.isUnlikely(before) || Self.isWhole(before, cursor) ? weight * 1.45 : weight
    case .handler: return weight * Self.handler(before, cursor)
    case .tag: return Self.isMentioned(before, cursor) ? weight * 0.45 : weight
    case .value, .function: return Self.beginsValue(before) ? weight : 0
    case .comment:
      guard Self.isComment(before) else { return 0 }
      return Self.cutsOff(before, cursor) ? weight * 2 : weight
    case .object: return Self.isObject(before) ? weight : 0
    case .entity: return Self.isFetched(cursor) ? weight : weight / 2
    }
  }

  private static func isCall(_ before: ByteCursor, _ behind: ByteCursor) -> Bool {
    var behind = behind
    _ = behind.skipBlank()
    let previous = before.at(-1)
    return behind.byte == 0x28 && !previous.isWord && previous != 0x2e
  }

  /// Whether an operand is due where the word stands: behind AND, OR, SELECT, IF( or an operator.
  private static func operand(_ before: ByteCursor) -> Double {
    var cursor = before
    cursor.place -= 1
    while [0x20, 0x28, 0x2b, 0x09, 0x0a].contains(cursor.byte) { cursor.place -= 1 }
    if [0x2d, 0x2a, 0x3d, 0x3b, 0x7c, 0x2c, 0x26].contains(cursor.byte) { return 1.5 }
    let end = cursor.place
    while cursor.byte.isLetter { cursor.place -= 1 }
    let word = cursor.bytes[max(0, cursor.place + 1)..<max(0, cursor.place + 1, end + 1)]
    return ["and", "or", "xor", "select", "if", "not", "when", "then"].contains {
      word.elementsEqual($0.utf8)
    } ? 1.5 : 1
  }

  private static func union(_ behind: ByteCursor) -> Double {
    var cursor = behind
    guard cursor.skipOpening() else { return 0 }
    if cursor.accept("all") || cursor.accept("distinct") { _ = cursor.skipOpening() }
    guard cursor.accept("select") else { return 0 }
    // "union select committee": a column list has digits, quotes, functions or commas in it.
    guard cursor.skipOpening() else { return cursor.byte.isQuote || cursor.byte == 0x40 ? 1 : 0.3 }
    if cursor.byte.isDigit || cursor.byte.isQuote || cursor.byte == 0x40 || cursor.byte == 0x2a
      || cursor.starts("null") || cursor.starts("char(")
    {
      return 1
    }
    guard cursor.skipWord() > 0 else { return 0.5 }
    _ = cursor.skipBlank()
    return [0x2c, 0x28, 0x2e].contains(cursor.byte) || cursor.starts("from ") ? 1 : 0.4
  }

  /// A literal: a number, or a string in quotes; its bytes without them.
  private static func literal(_ cursor: inout ByteCursor) -> Bool {
    if cursor.byte.isQuote {
      let quote = cursor.byte
      cursor.place += 1
      var length = 0
      while !cursor.isAtEnd, cursor.byte != quote, !cursor.byte.isOperator, length < 24 {
        cursor.place += 1
        length += 1
      }
      if cursor.byte == quote { cursor.place += 1 }
      return true
    }
    _ = cursor.accept("-") || cursor.accept("~")
    let start = cursor.place
    while cursor.byte.isDigit { cursor.place += 1 }
    return cursor.place > start
  }

  /// A comparison of literals behind OR or AND: nobody asks whether 1 = 1. With `<` and `>` it may
  /// be arithmetic.
  private static func tautology(_ before: ByteCursor, _ behind: ByteCursor) -> Double {
    var cursor = behind
    let isSign = !before.byte.isLetter
    guard !before.at(-1).isLetter, !before.at(-1).isDigit || isSign else { return 0 }
    // `or'1'='1` needs no blank; `order` is no `or`.
    guard isSign || cursor.byte.isQuote || cursor.skipOpening() else { return 0 }
    _ = cursor.skipOpening()
    if cursor.accept("not ") || cursor.accept("!") { _ = cursor.skipOpening() }
    if cursor.starts("true--") || cursor.starts("true#") { return 1 }
    guard literal(&cursor) else { return 0 }
    _ = cursor.skipBlank()
    var worth = 1.0
    if cursor.byte.isOperator {
      if cursor.byte != 0x3d, cursor.at(1) != 0x3d { worth = 0.6 }
      while cursor.byte.isOperator { cursor.place += 1 }
    } else {
      guard cursor.accept("like") || cursor.accept("rlike") || cursor.accept("between") else {
        return 0
      }
    }
    _ = cursor.skipOpening()
    return literal(&cursor) ? worth : 0
  }

  /// Statements that an attacker puts behind `;`, what follows the verb, and the weights with and
  /// without: "update kitchen" is no SQL.
  private static let statements:
    [(verb: StaticString, [StaticString], with: Double, else: Double)] =
      [
        ("drop", ["table", "database", "view", "user", "procedure", "index", "schema"], 1, 0.2),
        ("insert", ["into"], 1, 0.2), ("delete", ["from"], 1, 0.2),
        ("alter", ["table", "database", "user", "login"], 1, 0.2),
        ("create", ["table", "user", "login", "procedure", "function", "or replace"], 1, 0.2),
        ("truncate", ["table"], 1, 0.2), ("declare", ["@"], 1, 0.2), ("set", ["@"], 0.9, 0),
        ("exec", ["xp_", "sp_", "master", "(", "@"], 1, 0.3), ("shutdown", ["--", ";"], 1, 0.2),
        ("waitfor", ["delay", "time"], 1, 0.2), ("grant", ["all", "select"], 0.8, 0.1),
        ("copy", ["(", "from"], 0.8, 0.1), ("select", ["(", "*", "@@", "pg_", "sleep"], 1, 0.3),
      ]

  /// Whether `; ` stands between words of letters: a statement is stacked behind the end of a value,
  /// and a sentence goes on.
  private static func isSentence(_ before: ByteCursor, _ behind: ByteCursor) -> Bool {
    before.at(-1).isLetter && before.at(-2).isLetter && behind.byte == 0x20
      && behind.at(1).isLetter
  }

  private static func stacked(_ behind: ByteCursor) -> Double {
    var cursor = behind
    _ = cursor.skipBlank()
    for statement in statements where cursor.accept(statement.verb) {
      let isParted = cursor.skipBlank()
      if statement.1.contains(where: { cursor.starts($0) }) { return statement.with }
      return isParted ? statement.else : 0
    }
    guard cursor.accept("update") else { return 0 }
    guard cursor.skipBlank(), cursor.skipWord() > 0, cursor.skipBlank() else { return 0 }
    return cursor.starts("set ") ? 1 : 0.2
  }

  /// Whether a shell would take what stands here for a command: behind `;`, `|`, `&&`, a backtick,
  /// `$(`, `<(` or a new line, with blanks between.
  private static func isCommand(_ before: ByteCursor, _ behind: ByteCursor, end: UInt8) -> Bool {
    // A word ends where no letter, `=` or `.` goes on; a path or option has ended by itself.
    if end.isWord, behind.byte.isWord || [0x3d, 0x2e, 0x2d, 0x3a].contains(behind.byte) {
      return false
    }
    var offset = -1
    while [0x20, 0x09, 0x2b].contains(before.at(offset)), offset > -8 { offset -= 1 }
    switch before.at(offset) {
    case 0x60: return !isProse(before, offset - 1)
    case 0x3b, 0x0a, 0x0d, 0x7c: return true
    case 0x26:
      // A lone one parts parameters, too; few are named like a longer command, without a value.
      return before.at(offset - 1) == 0x26 || isAlone(before, behind)
    case 0x28: return before.at(offset - 1) == 0x24 || before.at(offset - 1) == 0x3c
    default: return false
    }
  }

  /// Whether a word of six letters or more, or one with its arguments, stands between `&` and a
  /// blank or the end.
  private static func isAlone(_ before: ByteCursor, _ behind: ByteCursor) -> Bool {
    let length = behind.place - before.place
    return length >= 6 && (behind.isAtEnd || behind.byte <= 0x20 || !behind.at(-1).isWord)
  }

  /// Whether a number, a separator and the command are all there is of a value: `host=1|id`.
  private static func isWhole(_ before: ByteCursor, _ behind: ByteCursor) -> Bool {
    (behind.isAtEnd || behind.byte == 0x26) && before.at(-2).isDigit
      && (before.at(-1) == 0x7c || before.at(-1) == 0x0a)
  }

  /// Behind `"`, `:` and a number and `:`.
  private static func isObject(_ before: ByteCursor) -> Bool {
    var offset = -1
    while before.at(offset).isDigit, offset > -6 { offset -= 1 }
    return offset < -1 && before.at(offset) == 0x3a && before.at(offset - 1) == 0x22
  }

  /// Whether the comment stands right behind the quote and cuts off whatever would follow the value.
  private static func cutsOff(_ before: ByteCursor, _ behind: ByteCursor) -> Bool {
    let previous = before.at(-1)
    guard previous == 0x27 || previous == 0x22 || previous == 0x29 else { return false }
    var cursor = behind
    _ = cursor.skipBlank()
    return cursor.isAtEnd || cursor.byte == 0x26 || cursor.byte == 0x2d
  }

  /// Whether a word and a blank stand before a backtick: writers quote names of commands so.
  private static func isProse(_ before: ByteCursor, _ offset: Int) -> Bool {
    let last = before.at(offset - 1)
    return before.at(offset) == 0x20 && (last.isLetter || [0x2c, 0x2e, 0x3a, 0x29].contains(last))
  }

  /// Whether `$(`, a backtick, `&&` or `||` stands before the word: in what people write they are
  /// rarer than `;` and `|`.
  private static func isUnlikely(_ before: ByteCursor) -> Bool {
    var offset = -1
    while before.at(offset) == 0x20, offset > -4 { offset -= 1 }
    switch (before.at(offset - 1), before.at(offset)) {
    case (0x24, 0x28), (0x26, 0x26), (0x7c, 0x7c), (_, 0x60): return true
    default: return false
    }
  }

  /// Whether the word is one of several names between separators, as in `sort=name|id|dir`.
  private static func isList(_ before: ByteCursor) -> Bool {
    before.at(-1) == 0x7c && before.at(-2).isLetter || before.at(-1) == 0x3b && before.at(-2) == 0
  }

  /// `onerror=`, `onload =`: three letters at least, then `=`.
  private static func handler(_ before: ByteCursor, _ behind: ByteCursor) -> Double {
    let previous = before.at(-1)
    guard previous <= 0x20 && previous != 0 || previous == 0x2f || previous.isQuote else {
      return 0
    }
    var cursor = behind
    let length = cursor.skipWord()
    guard (3...20).contains(length) else { return 0 }
    _ = cursor.skipBlank()
    guard cursor.byte == 0x3d else { return 0 }
    // Inside a tag, or breaking out of a quoted attribute.
    var offset = -1
    while offset > -128, before.at(offset) != 0, before.at(offset) != 0x3e {
      if before.at(offset) == 0x3c { return 1 }
      if before.at(offset).isQuote { return 0.9 }
      offset -= 1
    }
    return 0
  }

  /// Whether a tag stands between words, as in "escape <script> in comments": a word before it, and
  /// two behind it.
  private static func isMentioned(_ before: ByteCursor, _ behind: ByteCursor) -> Bool {
    guard before.at(-1) == 0x20, before.at(-2).isLetter, before.at(-3).isLetter else {
      return false
    }
    var cursor = behind
    guard cursor.accept("> ") else { return false }
    let length = cursor.skipWord()
    guard length > 1, cursor.byte == 0x20 || cursor.isAtEnd else { return false }
    cursor.place += 1
    return cursor.byte.isLetter && cursor.at(1).isLetter
  }

  /// At the beginning of the text, or behind `=` or `&`.
  private static func beginsValue(_ before: ByteCursor) -> Bool {
    var offset = -1
    while before.at(offset) == 0x20 { offset -= 1 }
    return [0, 0x3d, 0x26, 0x3f, 0x22].contains(before.at(offset))
  }

  /// `<!ENTITY [%] name SYSTEM|PUBLIC` (XML 1.0, 4.2.2).
  private static func isFetched(_ behind: ByteCursor) -> Bool {
    var cursor = behind
    _ = cursor.skipBlank()
    if cursor.accept("%") { _ = cursor.skipBlank() }
    _ = cursor.skipWord()
    _ = cursor.skipBlank()
    return cursor.starts("system") || cursor.starts("public")
  }

  /// Behind a quote, perhaps with brackets and blanks between; or at the end behind a number.
  private static func isComment(_ before: ByteCursor) -> Bool {
    var offset = -1
    while [0x20, 0x29, 0x3b].contains(before.at(offset)), offset > -6 { offset -= 1 }
    return before.at(offset) == 0x27 || before.at(offset) == 0x22
  }
}

extension UInt8 {
  /// `<`, `=` or `>`; also `!`, of `!=`.
  fileprivate var isOperator: Bool { self >= 0x3c && self <= 0x3e || self == 0x21 }
}
