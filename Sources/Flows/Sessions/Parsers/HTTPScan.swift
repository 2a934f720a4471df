/// One direction of HTTP/1: where heads and bodies end (RFC 9112, 6 and 7).
struct HTTPScan {
  enum Result {
    /// All bytes are used up.
    case more
    /// The head is complete.
    case head
    /// So much of the body is there as is kept.
    case sample
    /// The message is complete.
    case over
    case broken
  }

  private enum Phase {
    case head
    case body(UInt64)
    case untilClose
    case chunkSize
    case chunk(UInt64)
    case chunkEnd
    case trailer
    case over
  }

  /// Digits of a chunk's size, and bytes of its whole line.
  private static let chunkLineLimit = 1024
  private static let trailerLimit = 8192

  let headLimit: Int
  let bodyLimit: Int
  private var phase = Phase.head
  private var head: [UInt8] = []
  private(set) var headLength = 0
  private var lastByte: UInt8 = 0
  /// Of the line at hand.
  private var lineLength = 0
  private var longestLine = 0
  private var lines = 0
  private var body: [UInt8] = []
  private var isSampled = false
  private var chunkSize: UInt64 = 0
  private var chunkLine = 0
  private var hasExtension = false
  private var trailerLine = 0

  init(keeping headLimit: Int, body bodyLimit: Int) {
    self.headLimit = headLimit
    self.bodyLimit = bodyLimit
  }

  var held: Int { head.count + body.count }
  var isInHead: Bool { if case .head = phase { true } else { false } }
  var isOver: Bool { if case .over = phase { true } else { false } }
  /// Bytes of the body that are yet to come, where that is known.
  var missing: UInt64? { if case .body(let left) = phase { left } else { nil } }

  mutating func restart() { self = HTTPScan(keeping: headLimit, body: bodyLimit) }

  mutating func openBody(length: UInt64, isChunked: Bool, untilClose: Bool) {
    if isChunked {
      phase = .chunkSize
    } else if untilClose {
      phase = .untilClose
    } else {
      phase = length == 0 ? .over : .body(length)
    }
  }

  mutating func takeBody() -> [UInt8] {
    isSampled = true
    defer { body = [] }
    return body
  }

  /// Bytes are lost; false where it cannot go on behind them.
  mutating func skip(_ count: UInt64) -> Bool {
    switch phase {
    case .body(let left) where left > count:
      phase = .body(left - count)
      return true
    case .chunk(let left) where left > count:
      phase = .chunk(left - count)
      return true
    case .untilClose: return true
    default: return false
    }
  }

  /// Uses up bytes to the next thing worth telling.
  mutating func feed(_ bytes: UnsafeRawBufferPointer) -> (count: Int, result: Result) {
    var at = 0
    while at < bytes.count {
      let rest = bytes.from(at)
      let step: (count: Int, result: Result)
      switch phase {
      case .head: step = feedHead(rest)
      case .body(let left):
        let count = Int(min(left, UInt64(rest.count)))
        keep(rest.first(count))
        phase = left == UInt64(count) ? .over : .body(left - UInt64(count))
        step = (count, isOver ? .over : sampled())
      case .untilClose:
        keep(rest)
        step = (rest.count, sampled())
      case .chunk(let left):
        let count = Int(min(left, UInt64(rest.count)))
        keep(rest.first(count))
        phase = left == UInt64(count) ? .chunkEnd : .chunk(left - UInt64(count))
        step = (count, sampled())
      case .chunkSize, .chunkEnd, .trailer: step = feedFraming(rest[0])
      case .over: step = (0, .over)
      }
      at += step.count
      if step.result != .more { return (at, step.result) }
    }
    return (at, .more)
  }

  private mutating func keep(_ bytes: UnsafeRawBufferPointer) {
    guard !isSampled else { return }
    body.append(contentsOf: bytes.first(bodyLimit - body.count))
  }

  private mutating func sampled() -> Result {
    guard !isSampled, body.count >= bodyLimit else { return .more }
    isSampled = true
    return .sample
  }

  private mutating func feedHead(_ bytes: UnsafeRawBufferPointer) -> (Int, Result) {
    var at = 0
    while at < bytes.count {
      let rest = bytes.from(at)
      guard let end = rest.firstLineEnd else {
        lineLength += rest.count
        at = bytes.count
        break
      }
      let last = end > 0 ? rest[end - 1] : at > 0 ? bytes[at - 1] : lastByte
      let length = lineLength + end - (last == 0x0d && lineLength + end > 0 ? 1 : 0)
      at += end + 1
      longestLine = max(longestLine, length)
      lineLength = 0
      lines += 1
      if length == 0 {
        append(bytes.first(at))
        return (at, .head)
      }
    }
    append(bytes.first(at))
    return (at, headLength > HTTPParser.headCeiling ? .broken : .more)
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    headLength += bytes.count
    lastByte = bytes.last ?? lastByte
    if head.count < headLimit { head.append(contentsOf: bytes.first(headLimit - head.count)) }
  }

  /// One byte between chunks.
  private mutating func feedFraming(_ byte: UInt8) -> (Int, Result) {
    chunkLine += 1
    switch phase {
    case .chunkEnd:
      if byte == 0x0a {
        phase = .chunkSize
        chunkLine = 0
      } else if byte != 0x0d {
        return (1, .broken)
      }
    case .chunkSize:
      if byte == 0x0a {
        phase = chunkSize == 0 ? .trailer : .chunk(chunkSize)
        (chunkSize, chunkLine, hasExtension, trailerLine) = (0, 0, false, 0)
      } else if let digit = Self.digit(byte), !hasExtension {
        guard chunkSize < 1 << 56 else { return (1, .broken) }
        chunkSize = chunkSize << 4 | digit
      } else {
        hasExtension = true
        guard chunkLine <= Self.chunkLineLimit else { return (1, .broken) }
      }
    default:
      guard chunkLine <= Self.trailerLimit else { return (1, .broken) }
      if byte == 0x0a {
        if trailerLine == 0 {
          phase = .over
          return (1, .over)
        }
        trailerLine = 0
      } else if byte != 0x0d {
        trailerLine += 1
      }
    }
    return (1, .more)
  }

  private static func digit(_ byte: UInt8) -> UInt64? {
    if byte.isDigit { return UInt64(byte - 0x30) }
    let letter = byte.lowered
    return letter >= 0x61 && letter <= 0x66 ? UInt64(letter - 0x57) : nil
  }
}

extension HTTPScan {
  /// A field of a head: places of its name and of its value.
  private struct Field {
    var name: Range<Int>
    var value: Range<Int>
  }

  private mutating func takeHead() -> [UInt8] {
    defer { head = [] }
    return head
  }

  mutating func read(into request: inout HTTPRequest) {
    request.headLength = headLength
    request.fieldCount = max(0, lines - (lines > 1 ? 2 : 1))
    request.longestLine = max(longestLine, lineLength)
    let head = takeHead()
    var lengths: UInt64?
    var line = 0
    head.withUnsafeBytes { bytes in
      Self.forEachLine(bytes) { range in
        if line == 0 { Self.readRequestLine(bytes, range, into: &request) }
        line += 1
        guard line > 1, let field = Self.field(bytes, range) else { return }
        let name = bytes[field.name]
        switch name.count {
        case 4 where name.matches("host"): request.hostRange = field.value
        case 7 where name.matches("referer"): request.refererRange = field.value
        case 10 where name.matches("user-agent"): request.userAgentRange = field.value
        case 12 where name.matches("content-type"): request.contentTypeRange = field.value
        case 13 where name.matches("authorization"): request.authorizationRange = field.value
        case 14 where name.matches("content-length"):
          let length = bytes[field.value].number
          if lengths != nil, lengths != length { request.hasAmbiguousLength = true }
          lengths = length
        case 17 where name.matches("transfer-encoding"):
          request.isChunked = bytes[field.value].mentions("chunked")
        default: break
        }
      }
    }
    request.contentLength = lengths
    if request.isChunked, lengths != nil { request.hasAmbiguousLength = true }
    request.head = head
  }

  mutating func read(into response: inout HTTPResponse) {
    response.headLength = headLength
    let head = takeHead()
    var line = 0
    head.withUnsafeBytes { bytes in
      Self.forEachLine(bytes) { range in
        if line == 0 { Self.readStatusLine(bytes, range, into: &response) }
        line += 1
        guard line > 1, let field = Self.field(bytes, range) else { return }
        let name = bytes[field.name]
        switch name.count {
        case 6 where name.matches("server"): response.serverRange = field.value
        case 8 where name.matches("location"): response.locationRange = field.value
        case 12 where name.matches("content-type"): response.contentTypeRange = field.value
        case 14 where name.matches("content-length"):
          response.contentLength = bytes[field.value].number
        case 16 where name.matches("www-authenticate"): response.authenticateRange = field.value
        case 17 where name.matches("transfer-encoding"):
          response.isChunked = bytes[field.value].mentions("chunked")
        default: break
        }
      }
    }
    response.head = head
  }

  /// Gives the place of each line without its end; the last may lack one.
  private static func forEachLine(_ bytes: UnsafeRawBufferPointer, _ body: (Range<Int>) -> Void) {
    var start = 0
    while start < bytes.count {
      let end = bytes.from(start).firstLineEnd.map { start + $0 } ?? bytes.count
      let last = end > start && bytes[end - 1] == 0x0d ? end - 1 : end
      if last > start { body(start..<last) }
      start = end + 1
    }
  }

  private static func field(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) -> Field? {
    guard let colon = bytes[line].firstIndex(of: 0x3a) else { return nil }
    return Field(
      name: trimmed(bytes, line.lowerBound..<colon),
      value: trimmed(bytes, colon + 1..<line.upperBound))
  }

  private static func trimmed(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, bytes[start].isBlank { start += 1 }
    while end > start, bytes[end - 1].isBlank { end -= 1 }
    return start..<end
  }

  private static func readRequestLine(
    _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, into request: inout HTTPRequest
  ) {
    let space = bytes[line].firstIndex(of: 0x20) ?? line.upperBound
    request.method = bytes[line.lowerBound..<space].verb
    let rest = trimmed(bytes, min(space + 1, line.upperBound)..<line.upperBound)
    // Targets with blanks come from attackers; the version is behind the last one.
    if let last = bytes[rest].lastIndex(of: 0x20),
      bytes[(last + 1)..<rest.upperBound].begins("http/")
    {
      request.targetRange = trimmed(bytes, rest.lowerBound..<last)
      request.minorVersion = bytes[rest.upperBound - 1] == 0x30 ? 0 : 1
    } else {
      request.targetRange = rest
      request.minorVersion = 9
    }
  }

  private static func readStatusLine(
    _ bytes: UnsafeRawBufferPointer, _ line: Range<Int>, into response: inout HTTPResponse
  ) {
    guard bytes[line].begins("http/1."), line.count >= 12 else { return }
    response.minorVersion = bytes[line.lowerBound + 7] == 0x30 ? 0 : 1
    let digits = bytes[line.lowerBound + 9..<line.lowerBound + 12]
    response.status = Int(digits.number ?? 0)
  }
}
