/// A frame to write, and as it is read back.
struct TestFrame: Equatable {
  var nanoseconds: Int64
  var bytes: [UInt8]
  var wireLength: UInt32
  var linkType: UInt32 = 1
}

/// Writes captures in every variant of the formats, from bytes.
struct CaptureWriter {
  var bytes: [UInt8] = []
  var isSwapped = false

  mutating func put<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: isSwapped ? value.byteSwapped : value) { bytes += $0 }
  }

  static func classic(
    _ frames: [TestFrame], isSwapped: Bool = false, isNano: Bool = false, isModified: Bool = false
  ) -> [UInt8] {
    var writer = CaptureWriter(isSwapped: isSwapped)
    writer.put(UInt32(isModified ? 0xa1b2_cd34 : isNano ? 0xa1b2_3c4d : 0xa1b2_c3d4))
    for value in [UInt16(2), 4] { writer.put(value) }
    let linkType = frames.first?.linkType ?? 1
    for value: UInt32 in [0, 0, 65_535, linkType] { writer.put(value) }
    for frame in frames {
      writer.put(UInt32(frame.nanoseconds / 1_000_000_000))
      writer.put(UInt32(frame.nanoseconds % 1_000_000_000 / (isNano ? 1 : 1000)))
      writer.put(UInt32(frame.bytes.count))
      writer.put(frame.wireLength)
      if isModified { writer.bytes += [UInt8](repeating: 0xee, count: 8) }
      writer.bytes += frame.bytes
    }
    return writer.bytes
  }

  mutating func block(_ type: UInt32, _ body: (inout CaptureWriter) -> Void) {
    var content = CaptureWriter(isSwapped: isSwapped)
    body(&content)
    while content.bytes.count % 4 != 0 { content.bytes.append(0) }
    put(type)
    put(UInt32(content.bytes.count + 12))
    bytes += content.bytes
    put(UInt32(content.bytes.count + 12))
  }

  mutating func section() {
    block(0x0a0d_0d0a) {
      $0.put(UInt32(0x1a2b_3c4d))
      $0.put(UInt16(1))
      $0.put(UInt16(0))
      $0.put(Int64(-1))
    }
  }

  /// `resolution` as in if_tsresol; nil leaves it out (microseconds).
  mutating func interface(linkType: UInt16 = 1, resolution: UInt8? = nil, offset: Int64? = nil) {
    block(1) {
      $0.put(linkType)
      $0.put(UInt16(0))
      $0.put(UInt32(0))
      if let resolution {
        for value in [UInt16(9), 1] { $0.put(value) }
        $0.bytes += [resolution, 0, 0, 0]
      }
      if let offset {
        for value in [UInt16(14), 8] { $0.put(value) }
        $0.put(offset)
      }
      $0.put(UInt32(0))
    }
  }

  mutating func enhanced(_ frame: TestFrame, interface: UInt32 = 0, ticks: UInt64) {
    block(6) {
      $0.put(interface)
      $0.put(UInt32(truncatingIfNeeded: ticks >> 32))
      $0.put(UInt32(truncatingIfNeeded: ticks))
      $0.put(UInt32(frame.bytes.count))
      $0.put(frame.wireLength)
      $0.bytes += frame.bytes
      while $0.bytes.count % 4 != 0 { $0.bytes.append(0) }
      // A comment and the end of options.
      for value in [UInt16(1), 2] { $0.put(value) }
      $0.bytes += [0x68, 0x69, 0, 0, 0, 0, 0, 0]
    }
  }

  mutating func obsolete(_ frame: TestFrame, ticks: UInt64) {
    block(2) {
      $0.put(UInt16(0))
      $0.put(UInt16(0xffff))
      $0.put(UInt32(truncatingIfNeeded: ticks >> 32))
      $0.put(UInt32(truncatingIfNeeded: ticks))
      $0.put(UInt32(frame.bytes.count))
      $0.put(frame.wireLength)
      $0.bytes += frame.bytes
    }
  }

  mutating func simple(_ frame: TestFrame) {
    block(3) {
      $0.put(frame.wireLength)
      $0.bytes += frame.bytes
    }
  }

  static func blocks(_ frames: [TestFrame], isSwapped: Bool = false) -> [UInt8] {
    var writer = CaptureWriter(isSwapped: isSwapped)
    writer.section()
    writer.interface()
    writer.block(4) { $0.bytes += [UInt8](repeating: 7, count: 40) }
    for frame in frames { writer.enhanced(frame, ticks: UInt64(frame.nanoseconds / 1000)) }
    return writer.bytes
  }
}
