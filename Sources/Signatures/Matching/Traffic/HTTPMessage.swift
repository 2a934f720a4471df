/// One request or response of HTTP/1: the buffers of its head, and its body as far as it is read.
final class HTTPMessage {
  /// Bytes read of a head.
  static let headLimit = 16_384
  /// Bytes read of a body.
  static let bodyLimit = 32_768

  let head = ByteStore(capacity: 2048)
  let body = ByteStore(capacity: 256)
  /// The first line and the fields, as they came.
  @exclusivity(unchecked) var headCount = 0
  @exclusivity(unchecked) private var spans: [Span]
  /// Buffers that are there, by code.
  @exclusivity(unchecked) private(set) var present: UInt64 = 0
  @exclusivity(unchecked) var pending: [Int32] = []
  /// What is not in the body so far.
  @exclusivity(unchecked) var absences = Absences()
  /// Rules that answered: each does once for a message.
  @exclusivity(unchecked) var answered: [Int32] = []
  /// Bytes of the body that were searched, and where the next search is due.
  @exclusivity(unchecked) var searched = 0
  @exclusivity(unchecked) var nextSearch = 4096
  @exclusivity(unchecked) var isBodyDone = false
  @exclusivity(unchecked) var inflater: Inflater?

  init() { spans = Array(repeating: Span(), count: StickyBuffer.allCases.count) }

  func clear() {
    head.clear()
    body.clear()
    absences.clear()
    headCount = 0
    present = 0
    if !pending.isEmpty { pending.removeAll(keepingCapacity: true) }
    if !answered.isEmpty { answered.removeAll(keepingCapacity: true) }
    searched = 0
    nextSearch = 4096
    isBodyDone = false
    inflater = nil
  }

  func has(_ buffer: StickyBuffer) -> Bool { present & 1 &<< UInt64(buffer.code) != 0 }

  func set(_ buffer: StickyBuffer, _ range: Range<Int>) {
    spans[buffer.code] = Span(range)
    present |= 1 &<< UInt64(buffer.code)
  }

  /// Only valid until the head grows.
  func bytes(_ code: Int) -> UnsafeRawBufferPointer { head.bytes(spans[code]) }

  func bytes(_ buffer: StickyBuffer) -> UnsafeRawBufferPointer {
    has(buffer) ? bytes(buffer.code) : UnsafeRawBufferPointer(start: nil, count: 0)
  }

  /// Keeps bytes of the body, decompressed where need be.
  func keep(_ bytes: UnsafeRawBufferPointer) {
    guard !isBodyDone, body.count < Self.bodyLimit else { return }
    if let inflater {
      inflater.inflate(bytes, into: body, limit: Self.bodyLimit)
    } else {
      body.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.bodyLimit - body.count)))
    }
  }
}
