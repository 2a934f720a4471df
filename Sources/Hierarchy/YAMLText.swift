/// The text of a YAML file as Unicode scalars with their places, as libyaml counts them.
struct YAMLText {
  private var scalars: [Unicode.Scalar]
  private let lineStarts: [Int]
  /// The keys hidden by `mask`, by place.
  private(set) var masked: [Position: String] = [:]

  init(_ text: String) {
    scalars = Array(text.unicodeScalars)
    if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
    var starts = [0]
    for index in scalars.indices where Self.isBreak(scalars[index]) {
      // CR LF is one break.
      if scalars[index] == "\r", index + 1 < scalars.count, scalars[index + 1] == "\n" { continue }
      starts.append(index + 1)
    }
    lineStarts = starts
  }

  var string: String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0A, 0x0D, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }

  private func position(index: Int) -> Position {
    var low = 0
    var high = lineStarts.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if lineStarts[middle] <= index { low = middle } else { high = middle }
    }
    return Position(line: low + 1, column: index - lineStarts[low] + 1)
  }

  /// The place of a character (extended grapheme cluster) offset.
  func position(character offset: Int) -> Position {
    let scalarOffset = string.prefix(offset).unicodeScalars.count
    return position(index: min(scalarOffset, max(0, scalars.count - 1)))
  }
}

extension YAMLText {
  /// Replaces the key that starts at `position` by one that no file has; false when the text there
  /// is not `key`.
  mutating func mask(_ key: String, at position: Position) -> Bool {
    let wanted = Array(key.unicodeScalars)
    guard !wanted.isEmpty, masked[position] == nil, lineStarts.indices.contains(position.line - 1)
    else { return false }
    let start = lineStarts[position.line - 1] + position.column - 1
    guard scalars.indices.contains(start) else { return false }
    let quoted = scalars[start] == "\"" || scalars[start] == "'"
    let first = quoted ? start + 1 : start
    guard first + wanted.count <= scalars.count,
      scalars[first..<first + wanted.count].elementsEqual(wanted),
      let mark = Unicode.Scalar(0xE000 + UInt32(masked.count))
    else { return false }
    for index in first..<first + wanted.count { scalars[index] = mark }
    masked[position] = key
    return true
  }

  /// Where a value starts with `*name`. Found before Yams sees the text, since it would hash what
  /// an alias stands for, which a few nested ones blow up. Comment lines are skipped, quotes are
  /// not understood: the rare text that looks like `: *name` within quotes is refused, and nothing
  /// slips through.
  var aliases: [Position] {
    var found: [Position] = []
    var atToken = true
    var inComment = false
    for index in scalars.indices {
      let scalar = scalars[index]
      if Self.isBreak(scalar) {
        atToken = true
        inComment = false
      } else if !inComment, !Self.isBlank(scalar) {
        if scalar == "#", isFirstInLine(index) { inComment = true }
        if scalar == "*", atToken, index + 1 < scalars.count,
          Self.isAnchorName(scalars[index + 1]), found.count < FaultLog.faultLimit
        {
          found.append(position(index: index))
        }
        switch scalar {
        case "[", "{", ",", ":", "-", "?": atToken = true
        default: atToken = false
        }
      }
    }
    return found
  }

  private static func isAnchorName(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-" || scalar == "_"
  }

  private func isFirstInLine(_ index: Int) -> Bool {
    var before = index
    while before > 0, Self.isBlank(scalars[before - 1]) { before -= 1 }
    return before == 0 || Self.isBreak(scalars[before - 1])
  }
}
