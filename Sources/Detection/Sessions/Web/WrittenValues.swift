import Flows

/// A body's values, those apart that somebody wrote: texts of several lines, and what begins as a
/// program or a query. Scripts, tickets and mails are posted all day, and name commands and files;
/// who breaks out of a value has neither room for lines nor a program to begin with.
///
/// Only the value itself counts less, so that a long one beside it hides nothing.
struct WrittenValues {
  /// Line breaks of a written text, and its least mean length of a line, in bytes as sent: who puts
  /// line breaks in the place of blanks writes words.
  static let breaks = 3
  static let lineLength = 16
  /// How far what a written value says counts.
  static let share = 0.3

  private(set) var plain: [UInt8]
  private(set) var written: [UInt8] = []

  init(_ request: HTTPRequest) {
    plain = request.body
    let body = request.body[...]
    guard Self.countBreaks(body) >= Self.breaks || body.mentions("select") else { return }
    let values = Self.values(body, type: request.contentType).filter { Self.isWritten(body[$0]) }
    guard !values.isEmpty else { return }
    plain = []
    var start = 0
    for value in values {
      plain += body[start..<value.lowerBound]
      // As a value of its own.
      written += body[value] + [0x26]
      start = value.upperBound
    }
    plain += body[start...]
  }

  /// Where values stand: strings of JSON, fields of a form, parts of several, or the whole.
  private static func values(_ body: ArraySlice<UInt8>, type: ArraySlice<UInt8>) -> [Range<Int>] {
    if type.mentions("json") { return strings(body) }
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
