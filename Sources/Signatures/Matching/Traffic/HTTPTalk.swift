/// The requests and responses of one conversation, as rules read them (RFC 9112, 6 and 7).
final class HTTPTalk {
  enum Encoding {
    case identity, compressed
  }

  private enum Phase {
    case head
    case body(UInt64)
    case untilClose
    case chunkSize
    case chunk(UInt64)
    case chunkEnd
    case trailer
    /// Not HTTP any more.
    case broken
  }

  private struct Side {
    var phase = Phase.head
    /// Of the line at hand, in heads and trailers.
    var lineLength = 0
    var chunkSize: UInt64 = 0
    var chunkLine = 0
  }

  let request = HTTPMessage()
  let response = HTTPMessage()
  @exclusivity(unchecked) private var sides = (Side(), Side())
  /// Requests that have not been answered: whether each was HEAD or CONNECT.
  @exclusivity(unchecked) private var awaited: [UInt8] = []

  init() {}

  func message(toServer: Bool) -> HTTPMessage { toServer ? request : response }

  func feed(_ bytes: UnsafeRawBufferPointer, toServer: Bool, _ inspector: SignatureInspector) {
    var at = 0
    while at < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[at...])
      let step =
        toServer
        ? feed(rest, &sides.0, toServer: true, inspector)
        : feed(rest, &sides.1, toServer: false, inspector)
      guard step > 0 else { return }
      at += step
    }
  }

  /// Bytes are lost: a body may go on behind them, a head cannot.
  func lose(_ count: UInt64, toServer: Bool) {
    var side = toServer ? sides.0 : sides.1
    switch side.phase {
    case .body(let left) where left > count: side.phase = .body(left - count)
    case .chunk(let left) where left > count: side.phase = .chunk(left - count)
    case .untilClose: break
    default: side.phase = .broken
    }
    if toServer { sides.0 = side } else { sides.1 = side }
  }

  /// The conversation is over: what there is of a body is all there is.
  func finish(_ inspector: SignatureInspector) {
    for toServer in [true, false] where message(toServer: toServer).headCount > 0 {
      inspector.inspectBody(message(toServer: toServer), toServer: toServer, isWhole: true)
    }
  }

  /// - Returns: bytes used; 0 when nothing more is understood.
  private func feed(
    _ bytes: UnsafeRawBufferPointer, _ side: inout Side, toServer: Bool,
    _ inspector: SignatureInspector
  ) -> Int {
    switch side.phase {
    case .broken: return 0
    case .head: return feedHead(bytes, &side, toServer: toServer, inspector)
    case .body(let left):
      let count = Int(min(left, UInt64(bytes.count)))
      keep(bytes, count, toServer, inspector)
      side.phase = .body(left - UInt64(count))
      if left == UInt64(count) { end(&side, toServer, inspector) }
      return count
    case .untilClose:
      keep(bytes, bytes.count, toServer, inspector)
      return bytes.count
    case .chunk(let left):
      let count = Int(min(left, UInt64(bytes.count)))
      keep(bytes, count, toServer, inspector)
      side.phase = left == UInt64(count) ? .chunkEnd : .chunk(left - UInt64(count))
      return count
    case .chunkEnd, .chunkSize, .trailer:
      feedFraming(bytes[0], &side, toServer, inspector)
      return 1
    }
  }

  private func keep(
    _ bytes: UnsafeRawBufferPointer, _ count: Int, _ toServer: Bool, _ inspector: SignatureInspector
  ) {
    let message = message(toServer: toServer)
    guard !message.isBodyDone else { return }
    message.keep(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
    guard message.body.count >= message.nextSearch else { return }
    message.nextSearch *= 2
    inspector.inspectBody(
      message, toServer: toServer, isWhole: message.body.count >= HTTPMessage.bodyLimit)
    if message.body.count >= HTTPMessage.bodyLimit { message.isBodyDone = true }
  }

  private func end(_ side: inout Side, _ toServer: Bool, _ inspector: SignatureInspector) {
    let message = message(toServer: toServer)
    if !message.isBodyDone { inspector.inspectBody(message, toServer: toServer, isWhole: true) }
    message.clear()
    side = Side()
  }

  private func feedHead(
    _ bytes: UnsafeRawBufferPointer, _ side: inout Side, toServer: Bool,
    _ inspector: SignatureInspector
  ) -> Int {
    let message = message(toServer: toServer)
    if message.headCount > 0 { message.clear() }
    // Blank lines before a message mean nothing.
    if message.head.count == 0, bytes[0] == 0x0d || bytes[0] == 0x0a { return 1 }
    var at = 0
    var isWhole = false
    while at < bytes.count {
      if bytes[at] == 0x0a {
        if side.lineLength == 0 {
          at += 1
          isWhole = true
          break
        }
        side.lineLength = 0
      } else if bytes[at] != 0x0d {
        side.lineLength += 1
      }
      at += 1
    }
    message.head.append(UnsafeRawBufferPointer(rebasing: bytes[..<at]))
    if !isWhole {
      if message.head.count > HTTPMessage.headLimit { side.phase = .broken }
      return at
    }
    if message.head.count > HTTPMessage.headLimit { message.head.cut(to: HTTPMessage.headLimit) }
    message.headCount = message.head.count
    let fields = HTTPFields(message, isRequest: toServer)
    side.lineLength = 0
    side.phase = phase(behind: fields, message, toServer: toServer)
    if fields.encoding == .compressed { message.inflater = Inflater() }
    inspector.inspectHead(message, toServer: toServer)
    if case .body(0) = side.phase { end(&side, toServer, inspector) }
    return at
  }

  private func phase(
    behind fields: HTTPFields, _ message: HTTPMessage, toServer: Bool
  ) -> Phase {
    if toServer {
      let method = message.bytes(.httpMethod)
      if awaited.count < 64 {
        awaited.append(
          method.elementsEqual("HEAD".utf8) ? 1 : method.elementsEqual("CONNECT".utf8) ? 2 : 0)
      }
      if fields.isChunked { return .chunkSize }
      return .body(fields.length ?? 0)
    }
    guard message.bytes(.httpProtocol).starts(with: "HTTP/".utf8) else { return .broken }
    let status = message.bytes(.httpStatusCode)
    if status.first == 0x31 { return .body(0) }
    let asked = awaited.isEmpty ? 0 : awaited.removeFirst()
    if asked == 2, status.first == 0x32 { return .broken }
    if asked == 1 || status.elementsEqual("204".utf8) || status.elementsEqual("304".utf8) {
      return .body(0)
    }
    if fields.isChunked { return .chunkSize }
    return fields.length.map { .body($0) } ?? .untilClose
  }

  private func feedFraming(
    _ byte: UInt8, _ side: inout Side, _ toServer: Bool, _ inspector: SignatureInspector
  ) {
    switch side.phase {
    case .chunkEnd: if byte == 0x0a { side.phase = .chunkSize }
    case .chunkSize:
      if byte == 0x0a {
        side.phase = side.chunkSize == 0 ? .trailer : .chunk(side.chunkSize)
        (side.chunkSize, side.chunkLine, side.lineLength) = (0, 0, 0)
      } else if let digit = ByteNumber.digit(byte), side.chunkLine >= 0, side.chunkLine < 14 {
        side.chunkSize = side.chunkSize << 4 | digit
        side.chunkLine += 1
      } else if byte != 0x0d, side.chunkLine == 0 {
        side.phase = .broken
      } else {
        // Behind the digits: an extension, which is of no interest.
        side.chunkLine = -1
      }
    default:
      if byte == 0x0a {
        if side.lineLength == 0 { return end(&side, toServer, inspector) }
        side.lineLength = 0
      } else if byte != 0x0d {
        side.lineLength += 1
      }
    }
  }
}
