import Glibc

/// The head of a message to the buffers that rules look at, in the forms of Suricata 7.
struct HTTPFields {
  private let message: HTTPMessage
  private let isRequest: Bool
  private var contentLength: UInt64?
  private(set) var isChunked = false
  private(set) var encoding = HTTPTalk.Encoding.identity
  private var headerStart = 0

  /// Reads the head that lies in `message.head`.
  init(_ message: HTTPMessage, isRequest: Bool) {
    self.message = message
    self.isRequest = isRequest
    // All that is derived from the head is written behind it, which must not move on the way.
    message.head.reserve(6 * message.headCount + 1024)
    read()
  }

  var length: UInt64? { contentLength }

  private var head: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: message.head.bytes[..<message.headCount])
  }

  private mutating func read() {
    let head = head
    var lines: [(range: Range<Int>, name: Range<Int>, value: Range<Int>)] = []
    var start = 0
    var first = 0..<0
    var number = 0
    var rawStart = 0
    while start < head.count {
      let end = Self.lineEnd(head, from: start)
      let last = end > start && head[end - 1] == 0x0d ? end - 1 : end
      if number == 0 {
        first = start..<last
        rawStart = min(end + 1, head.count)
      } else if last > start, lines.count < 256 {
        let colon = head[start..<last].firstIndex(of: 0x3a) ?? last
        lines.append(
          (
            start..<last, Self.trimmed(head, start..<colon),
            Self.trimmed(head, min(colon + 1, last)..<last)
          ))
      }
      number += 1
      start = end + 1
    }
    if isRequest { readRequestLine(first) } else { readStatusLine(first) }
    message.set(.httpRawHeader, rawStart..<head.count)
    for line in lines { readField(line.name, line.value) }
    write(first, lines)
  }

  private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    guard let base = bytes.baseAddress,
      let found = memchr(base + start, 0x0a, bytes.count - start)
    else { return bytes.count }
    return UnsafeRawPointer(found) - base
  }

  private static func trimmed(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    return start..<end
  }

  private func readRequestLine(_ line: Range<Int>) {
    let head = head
    message.set(.httpRequestLine, line)
    let space = head[line].firstIndex(of: 0x20) ?? line.upperBound
    message.set(.httpMethod, line.lowerBound..<space)
    var target = Self.trimmed(head, min(space + 1, line.upperBound)..<line.upperBound)
    // A target may have blanks in it; the version is behind the last one.
    if let last = head[target].lastIndex(of: 0x20),
      target.upperBound - last > 5, head[last + 1..<target.upperBound].starts(with: "HTTP/".utf8)
    {
      message.set(.httpProtocol, last + 1..<target.upperBound)
      target = Self.trimmed(head, target.lowerBound..<last)
    }
    message.set(.httpRawURI, target)
    let start = message.head.count
    URIForm.write(UnsafeRawBufferPointer(rebasing: head[target]), into: message.head)
    message.set(.httpURI, start..<message.head.count)
  }

  private func readStatusLine(_ line: Range<Int>) {
    let head = head
    message.set(.httpResponseLine, line)
    let first = head[line].firstIndex(of: 0x20) ?? line.upperBound
    message.set(.httpProtocol, line.lowerBound..<first)
    let rest = Self.trimmed(head, min(first + 1, line.upperBound)..<line.upperBound)
    let second = head[rest].firstIndex(of: 0x20) ?? rest.upperBound
    message.set(.httpStatusCode, rest.lowerBound..<second)
    if second < rest.upperBound { message.set(.httpStatusMessage, second + 1..<rest.upperBound) }
  }

  private mutating func readField(_ name: Range<Int>, _ value: Range<Int>) {
    let head = head
    let word = head[name]
    if let buffer = Self.plainBuffer(word, isRequest: isRequest) {
      if !message.has(buffer) { message.set(buffer, value) }
    }
    switch name.count {
    case 4 where isRequest && word.isWord("host"):
      if !message.has(.httpRawHost) {
        message.set(.httpRawHost, value)
        writeHost(value)
      }
    case 14 where word.isWord("content-length"):
      contentLength = Self.number(head[value])
    case 17 where word.isWord("transfer-encoding"):
      isChunked = head[value].hasWord("chunked")
    case 16 where word.isWord("content-encoding"):
      if head[value].hasWord("gzip") || head[value].hasWord("deflate") { encoding = .compressed }
    default: break
    }
  }

  private static func plainBuffer(
    _ name: Slice<UnsafeRawBufferPointer>, isRequest: Bool
  ) -> StickyBuffer? {
    switch name.count {
    case 6:
      isRequest
        ? (name.isWord("accept") ? .httpAccept : name.isWord("cookie") ? .httpCookie : nil)
        : name.isWord("server") ? .httpServer : nil
    case 7: isRequest && name.isWord("referer") ? .httpReferer : nil
    case 8: !isRequest && name.isWord("location") ? .httpLocation : nil
    case 10:
      name.isWord("connection")
        ? .httpConnection
        : isRequest && name.isWord("user-agent")
          ? .httpUserAgent
          : !isRequest && name.isWord("set-cookie") ? .httpCookie : nil
    case 12: name.isWord("content-type") ? .httpContentType : nil
    case 14: name.isWord("content-length") ? .httpContentLength : nil
    case 15:
      !isRequest
        ? nil
        : name.isWord("accept-encoding")
          ? .httpAcceptEncoding
          : name.isWord("accept-language") ? .httpAcceptLanguage : nil
    default: nil
    }
  }

  private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
    guard !digits.isEmpty, digits.count <= 18 else { return nil }
    var value: UInt64 = 0
    for byte in digits {
      guard byte >= 0x30, byte <= 0x39 else { return nil }
      value = value * 10 + UInt64(byte - 0x30)
    }
    return value
  }

  /// In lower case, without port; a dot before it for contents that ask for one.
  private func writeHost(_ value: Range<Int>) {
    let store = message.head
    store.append(0x2e)
    let start = store.count
    for place in value {
      let byte = store.base[place]
      if byte == 0x3a { break }
      store.append(byte.asciiLower)
    }
    message.set(.httpHost, start..<store.count)
  }

  private func write(
    _ first: Range<Int>, _ lines: [(range: Range<Int>, name: Range<Int>, value: Range<Int>)]
  ) {
    let store = message.head
    let headerStart = store.count
    for line in lines where !store.bytes[line.name].isWord(isRequest ? "cookie" : "set-cookie") {
      append(line)
    }
    message.set(.httpHeader, headerStart..<store.count)
    let namesStart = store.count
    store.append("\r\n")
    for line in lines {
      copy(line.name)
      store.append("\r\n")
    }
    store.append("\r\n")
    message.set(.httpHeaderNames, namesStart..<store.count)
    let start = store.count
    copy(first)
    store.append("\r\n")
    for line in lines { append(line) }
    store.append("\r\n")
    message.set(.httpStart, start..<store.count)
  }

  private func append(_ line: (range: Range<Int>, name: Range<Int>, value: Range<Int>)) {
    copy(line.name)
    message.head.append(": ")
    copy(line.value)
    message.head.append("\r\n")
  }

  private func copy(_ range: Range<Int>) {
    message.head.reserve(range.count)
    message.head.append(UnsafeRawBufferPointer(rebasing: message.head.bytes[range]))
  }
}

extension Slice<UnsafeRawBufferPointer> {
  /// Whether the bytes are `word`, in lower case, but for the case of letters.
  func isWord(_ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    var at = 0
    for byte in self {
      if byte.asciiLower != word.utf8Start[at] { return false }
      at += 1
    }
    return true
  }

  /// Whether `word`, in lower case, stands somewhere in the bytes.
  func hasWord(_ word: StaticString) -> Bool {
    guard count >= word.utf8CodeUnitCount else { return false }
    for start in startIndex...(endIndex - word.utf8CodeUnitCount)
    where self[start..<start + word.utf8CodeUnitCount].isWord(word) {
      return true
    }
    return false
  }
}

/// The normalised form of a request target: path decoded and without detours, query decoded.
enum URIForm {
  static func write(_ target: UnsafeRawBufferPointer, into store: ByteStore) {
    let start = pathStart(target)
    let query = target[start...].firstIndex(of: 0x3f) ?? target.count
    writePath(UnsafeRawBufferPointer(rebasing: target[start..<query]), into: store)
    guard query < target.count else { return }
    store.append(0x3f)
    decode(UnsafeRawBufferPointer(rebasing: target[(query + 1)...])) { store.append($0) }
  }

  /// Behind scheme and authority of an absolute target.
  private static func pathStart(_ target: UnsafeRawBufferPointer) -> Int {
    guard target.count > 7, target[0] != 0x2f,
      let colon = target.prefix(8).firstIndex(of: 0x3a), colon + 2 < target.count,
      target[colon + 1] == 0x2f, target[colon + 2] == 0x2f
    else { return 0 }
    return target[(colon + 3)...].firstIndex(of: 0x2f) ?? target.count
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer, _ put: (UInt8) -> Void) {
    var at = 0
    while at < bytes.count {
      guard bytes[at] == 0x25 else {
        put(bytes[at])
        at += 1
        continue
      }
      if at + 2 < bytes.count, let high = ByteNumber.digit(bytes[at + 1]),
        let low = ByteNumber.digit(bytes[at + 2])
      {
        put(UInt8(high << 4 | low))
        at += 3
      } else if at + 5 < bytes.count, bytes[at + 1] | 0x20 == 0x75,
        let first = ByteNumber.digit(bytes[at + 2]), let second = ByteNumber.digit(bytes[at + 3]),
        let third = ByteNumber.digit(bytes[at + 4]), let fourth = ByteNumber.digit(bytes[at + 5])
      {
        // %u0041, as IIS has it; the best fit of full-width forms is their ASCII.
        let code = first << 12 | second << 8 | third << 4 | fourth
        let isWide = code >= 0xff01 && code <= 0xff5e
        put(isWide ? UInt8(code - 0xfee0) : UInt8(truncatingIfNeeded: code))
        at += 6
      } else {
        put(0x25)
        at += 1
      }
    }
  }

  /// Backslashes are slashes, repeated ones one; `.` and `..` are followed.
  private static func writePath(_ path: UnsafeRawBufferPointer, into store: ByteStore) {
    let start = store.count
    decode(path) { byte in
      let byte = byte == 0x5c ? 0x2f : byte
      if byte == 0x2f {
        endSegment(store, start)
        if store.count > start, store.base[store.count - 1] == 0x2f { return }
      }
      store.append(byte)
    }
    endSegment(store, start)
  }

  /// Follows the segment that has just ended if it is `.` or `..`.
  private static func endSegment(_ store: ByteStore, _ start: Int) {
    let count = store.count - start
    let end = store.base + store.count
    if count >= 2, end[-1] == 0x2e, end[-2] == 0x2f {
      store.cut(to: store.count - 1)
    } else if count >= 3, end[-1] == 0x2e, end[-2] == 0x2e, end[-3] == 0x2f {
      store.cut(to: store.count - 3)
      while store.count > start, store.base[store.count - 1] != 0x2f {
        store.cut(to: store.count - 1)
      }
      if store.count == start { store.append(0x2f) }
    }
  }
}
