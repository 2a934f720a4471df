/// Reads what `StateEncoder` wrote. Every length is checked and every field's mark compared: bytes
/// of another layout are a `StateFault`, nothing traps.
public final class StateDecoder: Decoder {
  private let bytes: [UInt8]
  @exclusivity(unchecked) private var offset: Int
  public let codingPath: [any CodingKey] = []
  public let userInfo: [CodingUserInfoKey: Any]
  @exclusivity(unchecked) private var forms = StateForms()

  /// - Parameter userInfo: what the state does not hold and its types ask for.
  public init(_ bytes: [UInt8], from offset: Int = 0, userInfo: [CodingUserInfoKey: Any] = [:]) {
    self.bytes = bytes
    self.offset = min(max(0, offset), bytes.count)
    self.userInfo = userInfo.merging([.sharedObjects: SharedObjects()]) { first, _ in first }
  }

  public var isAtEnd: Bool { offset == bytes.count }

  public func fault(_ reason: String) -> StateFault { StateFault(reason, at: offset) }

  public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
    guard let read = forms.form(of: type).read else { return try Value(from: self) }
    return try withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { room in
      guard let place = room.baseAddress else { throw fault("no room") }
      try read(self, place)
      return place.move()
    }
  }

  func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws -> Number {
    let width = MemoryLayout<Number>.size
    guard bytes.count - offset >= width else { throw fault("\(width) bytes are missing") }
    defer { offset += width }
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }
  }

  /// A count of things that take at least a byte each.
  func count() throws -> Int {
    let count = Int(try integer(UInt32.self))
    guard count <= bytes.count - offset else {
      offset -= 4
      throw fault("\(count) things are too many")
    }
    return count
  }

  func isPresent() throws -> Bool {
    switch try integer(UInt8.self) {
    case 0: return false
    case 1: return true
    case let other: throw fault("\(other) is neither yes nor no")
    }
  }

  /// A count, then so many bytes.
  func byteList() throws -> [UInt8] {
    let count = try self.count()
    defer { offset += count }
    return Array(bytes[offset..<offset + count])
  }

  func text() throws -> String {
    let count = try self.count()
    defer { offset += count }
    guard let text = String(validating: bytes[offset..<offset + count], as: UTF8.self) else {
      throw fault("no text")
    }
    return text
  }

  fileprivate func expect(_ name: String) throws {
    let found = try integer(UInt16.self)
    guard found == name.stateMark else {
      offset -= 2
      throw fault("no '\(name)' here")
    }
  }

  public func container<Key: CodingKey>(
    keyedBy type: Key.Type
  ) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(Fields(decoder: self))
  }

  public func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    List(decoder: self, total: try count())
  }

  public func singleValueContainer() throws -> any SingleValueDecodingContainer {
    Single(decoder: self)
  }
}

extension StateDecoder {
  private struct Fields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: StateDecoder
    var codingPath: [any CodingKey] { [] }
    /// Fields are read in their order, never sought.
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) throws -> Bool { throw decoder.fault("no field is nil") }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
      try decoder.expect(key.stringValue)
      return try decoder.decode(type)
    }

    private func optional<Value: Decodable>(_ key: Key) throws -> Value? {
      try decoder.expect(key.stringValue)
      return try decoder.isPresent() ? decoder.decode(Value.self) : nil
    }

    func decodeIfPresent(_: Bool.Type, forKey key: Key) throws -> Bool? { try optional(key) }
    func decodeIfPresent(_: String.Type, forKey key: Key) throws -> String? { try optional(key) }
    func decodeIfPresent(_: Double.Type, forKey key: Key) throws -> Double? { try optional(key) }
    func decodeIfPresent(_: Float.Type, forKey key: Key) throws -> Float? { try optional(key) }
    func decodeIfPresent(_: Int.Type, forKey key: Key) throws -> Int? { try optional(key) }
    func decodeIfPresent(_: Int8.Type, forKey key: Key) throws -> Int8? { try optional(key) }
    func decodeIfPresent(_: Int16.Type, forKey key: Key) throws -> Int16? { try optional(key) }
    func decodeIfPresent(_: Int32.Type, forKey key: Key) throws -> Int32? { try optional(key) }
    func decodeIfPresent(_: Int64.Type, forKey key: Key) throws -> Int64? { try optional(key) }
    func decodeIfPresent(_: UInt.Type, forKey key: Key) throws -> UInt? { try optional(key) }
    func decodeIfPresent(_: UInt8.Type, forKey key: Key) throws -> UInt8? { try optional(key) }
    func decodeIfPresent(_: UInt16.Type, forKey key: Key) throws -> UInt16? { try optional(key) }
    func decodeIfPresent(_: UInt32.Type, forKey key: Key) throws -> UInt32? { try optional(key) }
    func decodeIfPresent(_: UInt64.Type, forKey key: Key) throws -> UInt64? { try optional(key) }

    func decodeIfPresent<Value: Decodable>(
      _ type: Value.Type, forKey key: Key
    ) throws -> Value? {
      try optional(key)
    }

    func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
      try decoder.expect(key.stringValue)
      return try decoder.container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
      try decoder.expect(key.stringValue)
      return try decoder.unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder { decoder }
  }

  private struct List: UnkeyedDecodingContainer {
    let decoder: StateDecoder
    let total: Int
    private(set) var currentIndex = 0
    var codingPath: [any CodingKey] { [] }
    var count: Int? { total }
    var isAtEnd: Bool { currentIndex >= total }

    init(decoder: StateDecoder, total: Int) {
      self.decoder = decoder
      self.total = total
    }

    private mutating func step() throws {
      guard !isAtEnd else { throw decoder.fault("the list has ended") }
      currentIndex += 1
    }

    mutating func decodeNil() throws -> Bool { false }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
      try step()
      return try decoder.decode(type)
    }

    mutating func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
      try step()
      return try decoder.container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
      try step()
      return try decoder.unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder { decoder }
  }

  private struct Single: SingleValueDecodingContainer {
    let decoder: StateDecoder
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { false }
    func decode(_: Bool.Type) throws -> Bool { try decoder.isPresent() }
    func decode(_: String.Type) throws -> String { try decoder.text() }
    func decode(_: Double.Type) throws -> Double { Double(bitPattern: try decoder.integer()) }
    func decode(_: Float.Type) throws -> Float { Float(bitPattern: try decoder.integer()) }
    func decode(_: Int.Type) throws -> Int { Int(try decoder.integer(Int64.self)) }
    func decode(_: Int8.Type) throws -> Int8 { try decoder.integer() }
    func decode(_: Int16.Type) throws -> Int16 { try decoder.integer() }
    func decode(_: Int32.Type) throws -> Int32 { try decoder.integer() }
    func decode(_: Int64.Type) throws -> Int64 { try decoder.integer() }
    func decode(_: UInt.Type) throws -> UInt { UInt(try decoder.integer(UInt64.self)) }
    func decode(_: UInt8.Type) throws -> UInt8 { try decoder.integer() }
    func decode(_: UInt16.Type) throws -> UInt16 { try decoder.integer() }
    func decode(_: UInt32.Type) throws -> UInt32 { try decoder.integer() }
    func decode(_: UInt64.Type) throws -> UInt64 { try decoder.integer() }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoder.decode(type) }
  }
}
