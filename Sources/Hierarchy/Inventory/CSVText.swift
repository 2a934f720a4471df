/// Rows of comma-separated values as RFC 4180 has them: fields in double quotes may hold commas,
/// line breaks and quotes written twice. Nothing else is let pass: a quote within a plain field, or
/// anything between a closing quote and the next comma, is a fault, and the reading stops.
struct CSVText {
  struct Field {
    var text: String
    var position: Position
  }

  /// The longest field, in characters.
  static let fieldLimit = 4096
  static let rowLimit = 1 << 18
  static let columnLimit = 64

  private var scalars: String.UnicodeScalarView.Iterator
  private var next: Unicode.Scalar?
  private var position = Position.start
  private var fault: (Position, TopologyFault.Kind)?

  private init(_ text: String) {
    scalars = text.unicodeScalars.makeIterator()
    next = scalars.next()
    if next == "\u{FEFF}" { next = scalars.next() }
  }

  /// The rows up to the first fault, which is in `log`; blank lines are no rows.
  static func rows(_ text: String, _ log: inout FaultLog) -> [[Field]] {
    var reader = CSVText(text)
    var rows: [[Field]] = []
    while reader.next != nil, reader.fault == nil {
      guard rows.count < rowLimit else {
        log.add(reader.position, .tooMany("rows", limit: rowLimit))
        return rows
      }
      let row = reader.row()
      if reader.fault == nil, !(row.count == 1 && row[0].text.isEmpty) { rows.append(row) }
    }
    if let (position, kind) = reader.fault { log.add(position, kind) }
    return rows
  }

  private mutating func advance() {
    if next == "\n" {
      position = Position(line: position.line + 1, column: 1)
    } else {
      position.column += 1
    }
    next = scalars.next()
  }

  private mutating func row() -> [Field] {
    var fields: [Field] = []
    while fault == nil {
      guard fields.count < Self.columnLimit else {
        fault = (position, .tooMany("columns", limit: Self.columnLimit))
        break
      }
      let start = position
      let text = next == "\"" ? quoted() : plain()
      fields.append(Field(text: text, position: start))
      if next == "," {
        advance()
        continue
      }
      if next == "\r" { advance() }
      if next == "\n" {
        advance()
        break
      }
      if next == nil { break }
      fault = fault ?? (position, .inventory("a comma or the line's end is due"))
    }
    return fields
  }

  private mutating func plain() -> String {
    var text = String.UnicodeScalarView()
    var count = 0
    while let scalar = next, scalar != ",", scalar != "\n", scalar != "\r" {
      guard scalar != "\"" else {
        fault = (position, .inventory("a quote within a field that does not begin with one"))
        break
      }
      guard take(scalar, into: &text, &count) else { break }
    }
    return String(text)
  }

  private mutating func quoted() -> String {
    let start = position
    var text = String.UnicodeScalarView()
    var count = 0
    advance()
    while let scalar = next {
      if scalar == "\"" {
        advance()
        guard next == "\"" else { return String(text) }
      }
      guard take(scalar, into: &text, &count) else { return String(text) }
    }
    fault = (start, .inventory("the quote that opens here is never closed"))
    return String(text)
  }

  private mutating func take(
    _ scalar: Unicode.Scalar, into text: inout String.UnicodeScalarView, _ count: inout Int
  ) -> Bool {
    guard count < Self.fieldLimit else {
      fault = (position, .tooMany("characters in a field", limit: Self.fieldLimit))
      return false
    }
    count += 1
    text.append(scalar)
    advance()
    return true
  }
}
