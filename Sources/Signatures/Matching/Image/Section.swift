/// A run of values in a section of the image.
struct Span: BitwiseCopyable, Hashable {
  var start: Int32 = 0
  var count: Int32 = 0

  init() {}

  init(_ range: Range<Int>) {
    start = Int32(truncatingIfNeeded: range.lowerBound)
    count = Int32(truncatingIfNeeded: range.count)
  }

  @inline(__always) var isEmpty: Bool { count == 0 }
  @inline(__always) var end: Int { Int(start) &+ Int(count) }
  @inline(__always) var range: Range<Int> { Int(start)..<end }
}

/// Values of one trivial type that lie in the image one behind the other.
struct Section<Value: BitwiseCopyable>: @unchecked Sendable {
  let base: UnsafePointer<Value>
  let count: Int

  @inline(__always) subscript(place: Int) -> Value {
    base[place]
  }

  @inline(__always) subscript(place: Int32) -> Value {
    base[Int(place)]
  }
}

extension Section<UInt8> {
  @inline(__always) func bytes(_ span: Span) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + Int(span.start), count: Int(span.count))
  }

  func text(_ span: Span) -> String { String(decoding: bytes(span), as: UTF8.self) }
}
