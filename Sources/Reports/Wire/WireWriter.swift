/// Writes the protobuf wire format (protobuf.dev, "Encoding") into one growing buffer.
///
/// Scalars of value zero are left out, as proto3 has it.
package struct WireWriter: ~Copyable {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  package private(set) var count = 0

  package init(capacity: Int = 512) {
    self.capacity = max(capacity, 16)
    base = .allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// What was written so far.
  package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: count)) }

  /// What was written so far, in place.
  package func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
    body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Puts a number, byte for byte, over the first four bytes, which must have been written.
  package mutating func overwrite(_ value: UInt32) {
    precondition(count >= 4, "nothing to overwrite")
    UnsafeMutableRawPointer(base).storeBytes(of: value, as: UInt32.self)
  }

  // MARK: Fields

  package mutating func uint(_ field: Int, _ value: UInt64) {
    guard value != 0 else { return }
    tag(field, .varint)
    varint(value)
  }

  package mutating func fixed64(_ field: Int, _ value: UInt64) {
    guard value != 0 else { return }
    tag(field, .fixed64)
    raw(value)
  }

  package mutating func sfixed64(_ field: Int, _ value: Int64) {
    fixed64(field, UInt64(bitPattern: value))
  }

  /// What is not finite goes out as zero: nothing that a decoder would refuse is ever sent.
  package mutating func double(_ field: Int, _ value: Double) {
    fixed64(field, value.isFinite && value != 0 ? value.bitPattern : 0)
  }

  /// Text is cut at `limit` UTF-8 bytes, between characters.
  package mutating func text(_ field: Int, _ value: String, limit: Int) {
    guard !value.isEmpty else { return }
    presentText(field, value, limit: limit)
  }

  /// Like `text`, but an empty text is written too: for list elements and fields with presence.
  package mutating func presentText(_ field: Int, _ value: String, limit: Int) {
    var value = value.utf8.count <= limit ? value : Self.cut(value, limit)
    tag(field, .bytes)
    value.withUTF8 { utf8 in
      varint(UInt64(utf8.count))
      raw(UnsafeRawBufferPointer(utf8))
    }
  }

  package mutating func bytes(_ field: Int, _ value: [UInt8]) {
    guard !value.isEmpty else { return }
    tag(field, .bytes)
    varint(UInt64(value.count))
    value.withUnsafeBytes { raw($0) }
  }

  package mutating func packed(_ field: Int, fixed64 values: some Collection<UInt64>) {
    guard !values.isEmpty else { return }
    tag(field, .bytes)
    varint(UInt64(values.count * 8))
    for value in values { raw(value) }
  }

  package mutating func packed(_ field: Int, varints values: some Collection<UInt64>) {
    guard !values.isEmpty else { return }
    message(field) { writer in for value in values { writer.varint(value) } }
  }

  /// A nested message; written also when empty.
  package mutating func message(_ field: Int, _ body: (inout WireWriter) -> Void) {
    let mark = begin(field)
    body(&self)
    end(mark)
  }

  /// Starts a nested message or a packed list; `end` closes it.
  package mutating func begin(_ field: Int) -> Int {
    tag(field, .bytes)
    reserve(1)
    count += 1
    return count
  }

  /// Fills in the length: most nested messages fit the one byte kept for it, longer ones move up.
  package mutating func end(_ mark: Int) {
    let length = count - mark
    var extra = 0
    while length >> (7 * (extra + 1)) > 0 { extra += 1 }
    if extra > 0 {
      reserve(extra)
      (base + mark + extra).update(from: base + mark, count: length)
      count += extra
    }
    var rest = length
    for index in 0..<extra {
      base[mark - 1 + index] = UInt8(truncatingIfNeeded: rest) | 0x80
      rest >>= 7
    }
    base[mark - 1 + extra] = UInt8(truncatingIfNeeded: rest)
  }

  // MARK: Raw values

  package mutating func tag(_ field: Int, _ type: WireType) {
    varint(UInt64(field) << 3 | UInt64(type.rawValue))
  }

  @inline(__always)
  package mutating func varint(_ value: UInt64) {
    reserve(10)
    guard value >= 0x80 else {
      base[count] = UInt8(truncatingIfNeeded: value)
      count += 1
      return
    }
    longVarint(value)
  }

  private mutating func longVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      base[count] = UInt8(truncatingIfNeeded: rest) | 0x80
      count += 1
      rest >>= 7
    }
    base[count] = UInt8(truncatingIfNeeded: rest)
    count += 1
  }

  package mutating func raw<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
    let size = MemoryLayout<Value>.size
    reserve(size)
    UnsafeMutableRawPointer(base + count).storeBytes(of: value.littleEndian, as: Value.self)
    count += size
  }

  package mutating func raw(_ buffer: UnsafeRawBufferPointer) {
    guard let source = buffer.baseAddress, buffer.count > 0 else { return }
    reserve(buffer.count)
    UnsafeMutableRawPointer(base + count).copyMemory(from: source, byteCount: buffer.count)
    count += buffer.count
  }

  @inline(__always)
  private mutating func reserve(_ size: Int) {
    if count + size > capacity { grow(size) }
  }

  @inline(never)
  private mutating func grow(_ size: Int) {
    capacity = max(capacity * 2, count + size)
    let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    grown.update(from: base, count: count)
    base.deallocate()
    base = grown
  }

  private static func cut(_ text: String, _ limit: Int) -> String {
    var size = 0
    let kept = text.unicodeScalars.prefix { scalar in
      size += UTF8.width(scalar)
      return size <= limit
    }
    return String(kept)
  }
}

/// How a field's value is laid out (protobuf.dev, "Encoding").
package enum WireType: UInt8, Sendable {
  case varint = 0
  case fixed64 = 1
  case bytes = 2
  case fixed32 = 5
}
