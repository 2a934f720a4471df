/// Reads the protobuf wire format from bytes that anyone may have written: every length is checked
/// before use.
///
/// The bytes must outlive the reader.
package struct WireReader {
  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  /// The field that `next` found.
  package private(set) var field = 0
  package private(set) var type = WireType.varint

  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  package var isAtEnd: Bool { position >= bytes.count }
  package var remaining: Int { bytes.count - position }
  package var unread: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[position...])
  }

  /// Moves to the next field; false at the end.
  package mutating func next() throws(WireFault) -> Bool {
    guard position < bytes.count else { return false }
    let key = try rawVarint()
    guard let type = WireType(rawValue: UInt8(key & 7)), key >> 3 > 0, key >> 3 < 1 << 29 else {
      throw fault("a field with key \(key) at byte \(position)")
    }
    field = Int(key >> 3)
    self.type = type
    return true
  }

  /// Skips a field that this build does not know.
  package mutating func skip() throws(WireFault) {
    switch type {
    case .varint: _ = try rawVarint()
    case .fixed64: try advance(8)
    case .fixed32: try advance(4)
    case .bytes: _ = try rawBytes()
    }
  }

  // MARK: Values of the field

  package mutating func uint() throws(WireFault) -> UInt64 {
    try expect(.varint)
    return try rawVarint()
  }

  /// A varint in 0…`limit`.
  package mutating func uint(upTo limit: UInt64, _ name: StaticString) throws(WireFault) -> UInt64 {
    try expect(.varint, name)
    let value = try rawVarint()
    guard value <= limit else { throw fault("\(value) is more than \(limit)", name) }
    return value
  }

  package mutating func fixed64() throws(WireFault) -> UInt64 {
    try expect(.fixed64)
    return try rawFixed64()
  }

  package mutating func sfixed64() throws(WireFault) -> Int64 {
    Int64(bitPattern: try fixed64())
  }

  /// A finite number.
  package mutating func double(_ name: StaticString) throws(WireFault) -> Double {
    try expect(.fixed64, name)
    let value = Double(bitPattern: try rawFixed64())
    guard value.isFinite else { throw fault("not a finite number", name) }
    return value
  }

  package mutating func text(_ name: StaticString, limit: Int) throws(WireFault) -> String {
    try expect(.bytes, name)
    let buffer = try rawBytes()
    guard buffer.count <= limit else {
      throw fault("\(buffer.count) bytes of text, the limit is \(limit)", name)
    }
    let units = buffer.bindMemory(to: UInt8.self)
    // Decoding is several times faster than validating, and ASCII, the usual, needs no validation.
    if isASCII(buffer) { return String(decoding: units, as: UTF8.self) }
    guard let text = String(validating: units, as: UTF8.self) else {
      throw fault("not UTF-8", name)
    }
    return text
  }

  package mutating func byteArray(_ name: StaticString, limit: Int) throws(WireFault) -> [UInt8] {
    try expect(.bytes, name)
    let buffer = try rawBytes()
    guard buffer.count <= limit else {
      throw fault("\(buffer.count) bytes, the limit is \(limit)", name)
    }
    return Array(buffer)
  }

  /// A reader over a nested message.
  package mutating func message() throws(WireFault) -> WireReader {
    try expect(.bytes)
    return WireReader(try rawBytes())
  }

  /// Adds a packed or single fixed64 field to `list`.
  package mutating func appendFixed64(
    to list: inout [UInt64], limit: Int, _ name: StaticString
  ) throws(WireFault) {
    if type == .fixed64 {
      guard list.count < limit else { throw fault("more than \(limit) values", name) }
      list.append(try rawFixed64())
      return
    }
    try expect(.bytes, name)
    let buffer = try rawBytes()
    let count = buffer.count / 8
    guard buffer.count % 8 == 0 else { throw fault("\(buffer.count) bytes of fixed64", name) }
    guard list.count + count <= limit else { throw fault("more than \(limit) values", name) }
    list.reserveCapacity(list.count + count)
    for index in 0..<count {
      list.append(
        UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)))
    }
  }

  /// Hands each value of a packed or single fixed32 field to `body`.
  package mutating func eachFixed32(
    limit: Int, _ name: StaticString, _ body: (UInt32) -> Void
  ) throws(WireFault) {
    if type == .fixed32 {
      guard remaining >= 4 else { throw truncated() }
      body(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
      position += 4
      return
    }
    try expect(.bytes, name)
    let buffer = try rawBytes()
    guard buffer.count % 4 == 0 else { throw fault("\(buffer.count) bytes of fixed32", name) }
    guard buffer.count / 4 <= limit else { throw fault("more than \(limit) values", name) }
    for offset in stride(from: 0, to: buffer.count, by: 4) {
      body(UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
  }

  /// Adds a packed or single varint field to `list`.
  package mutating func appendVarints(
    to list: inout [UInt64], limit: Int, _ name: StaticString
  ) throws(WireFault) {
    if type == .varint {
      guard list.count < limit else { throw fault("more than \(limit) values", name) }
      list.append(try rawVarint())
      return
    }
    try expect(.bytes, name)
    var reader = WireReader(try rawBytes())
    while !reader.isAtEnd {
      guard list.count < limit else { throw fault("more than \(limit) values", name) }
      list.append(try reader.rawVarint())
    }
  }

  package func fault(_ reason: String, _ name: StaticString = "") -> WireFault {
    WireFault(field: "\(name)", reason: reason)
  }

  // MARK: Raw values

  private func expect(_ wanted: WireType, _ name: StaticString = "") throws(WireFault) {
    guard type == wanted else { throw fault("wire type \(type), not \(wanted)", name) }
  }

  private func truncated() -> WireFault { fault("cut off at byte \(bytes.count)") }

  private mutating func advance(_ size: Int) throws(WireFault) {
    guard remaining >= size else { throw truncated() }
    position += size
  }

  private mutating func rawVarint() throws(WireFault) -> UInt64 {
    guard position < bytes.count else { throw truncated() }
    let first = bytes[position]
    position += 1
    if first < 0x80 { return UInt64(first) }
    var value = UInt64(first & 0x7f)
    var shift: UInt64 = 7
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
      guard shift < 64 else { throw fault("a number of more than ten bytes") }
    }
    throw truncated()
  }

  private func isASCII(_ buffer: UnsafeRawBufferPointer) -> Bool {
    var joined: UInt8 = 0
    for byte in buffer { joined |= byte }
    return joined < 0x80
  }

  private mutating func rawFixed64() throws(WireFault) -> UInt64 {
    guard remaining >= 8 else { throw truncated() }
    defer { position += 8 }
    return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
  }

  private mutating func rawBytes() throws(WireFault) -> UnsafeRawBufferPointer {
    let length = try rawVarint()
    guard length <= UInt64(remaining) else {
      throw fault("announces \(length) bytes, \(remaining) are left")
    }
    defer { position += Int(length) }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)])
  }
}

extension WireFault {
  /// The same fault seen from the message that holds `name`.
  package func inside(_ name: String) -> WireFault {
    WireFault(field: field.isEmpty ? name : "\(name).\(field)", reason: reason)
  }
}
