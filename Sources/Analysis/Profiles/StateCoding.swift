/// Why learned state cannot be read: where, and what is wrong there.
public struct StateFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Bytes from the beginning.
  public var offset: Int
  public var reason: String

  public init(_ reason: String, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  public var description: String { "byte \(offset): \(reason)" }
}

/// Numbers as bytes, least significant first.
public struct StateWriter {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public mutating func put<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  public mutating func put(_ number: Float) { put(number.bitPattern) }
  public mutating func put(_ number: Double) { put(number.bitPattern) }

  /// The count, then the numbers.
  public mutating func put(_ numbers: [Float]) {
    put(UInt32(truncatingIfNeeded: numbers.count))
    for number in numbers { put(number) }
  }

  public mutating func put<Number: FixedWidthInteger>(_ numbers: [Number]) {
    put(UInt32(truncatingIfNeeded: numbers.count))
    for number in numbers { put(number) }
  }
}

/// Reads what `StateWriter` wrote; every length is checked, nothing traps.
public struct StateReader {
  private let bytes: [UInt8]
  public private(set) var offset: Int

  public init(_ bytes: [UInt8], from offset: Int = 0) {
    self.bytes = bytes
    self.offset = min(max(offset, 0), bytes.count)
  }

  public var isAtEnd: Bool { offset == bytes.count }

  public func fault(_ reason: String) -> StateFault { StateFault(reason, at: offset) }

  public mutating func integer<Number: FixedWidthInteger>(
    _ type: Number.Type = Number.self
  ) throws(StateFault) -> Number {
    let width = MemoryLayout<Number>.size
    guard bytes.count - offset >= width else { throw fault("\(width) bytes are missing") }
    var value: Number = 0
    for place in (0..<width).reversed() {
      value = (width > 1 ? value << 8 : 0) | Number(truncatingIfNeeded: bytes[offset + place])
    }
    offset += width
    return value
  }

  /// A number that is finite and not negative.
  public mutating func weight() throws(StateFault) -> Float {
    let value = Float(bitPattern: try integer(UInt32.self))
    guard value.isFinite, value >= 0 else {
      offset -= 4
      throw fault("\(value) is no weight")
    }
    return value
  }

  public mutating func weights(count: Int) throws(StateFault) -> [Float] {
    try expect(count)
    var numbers: [Float] = []
    numbers.reserveCapacity(count)
    for _ in 0..<count { numbers.append(try weight()) }
    return numbers
  }

  public mutating func integers<Number: FixedWidthInteger>(
    _ type: Number.Type = Number.self, count: Int
  ) throws(StateFault) -> [Number] {
    try expect(count)
    var numbers: [Number] = []
    numbers.reserveCapacity(count)
    for _ in 0..<count { numbers.append(try integer(Number.self)) }
    return numbers
  }

  /// A list of any length up to `limit`.
  public mutating func bytes(atMost limit: Int) throws(StateFault) -> [UInt8] {
    let count = Int(try integer(UInt32.self))
    guard count <= limit, count <= bytes.count - offset else {
      offset -= 4
      throw fault("\(count) bytes are too many")
    }
    defer { offset += count }
    return Array(bytes[offset..<offset + count])
  }

  private mutating func expect(_ count: Int) throws(StateFault) {
    let found = try integer(UInt32.self)
    guard found == UInt32(truncatingIfNeeded: count) else {
      offset -= 4
      throw fault("\(found) values where \(count) belong")
    }
  }
}
