/// Writes the state of engines as bytes: `Codable` values, each field behind a mark of its name, so
/// that a state of another layout is not misread but refused.
///
/// Numbers have their full width, least significant byte first; lists and tables begin with their
/// count; what may be missing with a byte that tells.
public final class StateEncoder: Encoder {
  // An encoder is one function's own: nobody else looks while it writes.
  @exclusivity(unchecked) public private(set) var bytes: [UInt8] = []
  public let codingPath: [any CodingKey] = []
  public var userInfo: [CodingUserInfoKey: Any] { [.sharedObjects: shared] }
  private let shared = SharedObjects()
  @exclusivity(unchecked) private var forms = StateForms()

  public init() {}

  public func encode<Value: Encodable>(_ value: Value) throws {
    guard let write = form(of: Value.self).write else { return try value.encode(to: self) }
    try withUnsafePointer(to: value) { try write(self, UnsafeRawPointer($0)) }
  }

  func form(of type: Any.Type) -> StateForm { forms.form(of: type) }

  func put<Number: FixedWidthInteger>(_ number: Number) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// The count, then the bytes.
  func put(bytes list: [UInt8]) {
    put(UInt32(truncatingIfNeeded: list.count))
    bytes += list
  }

  func put(text: String) {
    var text = text
    text.withUTF8 {
      put(UInt32(truncatingIfNeeded: $0.count))
      bytes.append(contentsOf: $0)
    }
  }

  fileprivate func set(count: Int, at place: Int) {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: count).littleEndian) {
      for index in 0..<4 { bytes[place + index] = $0[index] }
    }
  }

  public func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    KeyedEncodingContainer(Fields(encoder: self))
  }

  public func unkeyedContainer() -> any UnkeyedEncodingContainer {
    put(0 as UInt32)
    return List(encoder: self, place: bytes.count - 4)
  }

  public func singleValueContainer() -> any SingleValueEncodingContainer { Single(encoder: self) }
}

extension CodingUserInfoKey {
  /// What is written once and referred to from then on: `SharedObjects`.
  package static let sharedObjects = CodingUserInfoKey.named("beryl.shared")

  package static func named(_ name: String) -> CodingUserInfoKey {
    guard let key = CodingUserInfoKey(rawValue: name) else { preconditionFailure(name) }
    return key
  }
}

/// Objects that several places of a state hold.
package final class SharedObjects {
  package var numbers: [ObjectIdentifier: UInt32] = [:]
  package var objects: [AnyObject] = []

  package init() {}
}

extension String {
  /// 16 bits of the FNV-1a hash: what stands for a field's name.
  var stateMark: UInt16 {
    let hash = utf8.reduce(0x811c_9dc5 as UInt32) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
    return UInt16(truncatingIfNeeded: hash ^ hash >> 16)
  }
}

extension StateEncoder {
  private struct Fields<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: StateEncoder
    var codingPath: [any CodingKey] { [] }

    private func mark(_ key: Key) { encoder.put(key.stringValue.stateMark) }

    private func optional<Value: Encodable>(_ value: Value?, _ key: Key) throws {
      mark(key)
      encoder.put(value == nil ? 0 : 1 as UInt8)
      if let value { try encoder.encode(value) }
    }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
      mark(key)
      try encoder.encode(value)
    }

    func encodeNil(forKey key: Key) {}
    // The standard ones would leave a missing value out without a trace.
    func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: String?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int8?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int16?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try optional(value, key) }
    func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try optional(value, key) }

    func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws {
      try optional(value, key)
    }

    func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
      mark(key)
      return encoder.container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
      mark(key)
      return encoder.unkeyedContainer()
    }

    func superEncoder() -> any Encoder { encoder }
    func superEncoder(forKey key: Key) -> any Encoder { encoder }
  }

  private struct List: UnkeyedEncodingContainer {
    let encoder: StateEncoder
    /// Where the count stands.
    let place: Int
    var codingPath: [any CodingKey] { [] }
    private(set) var count = 0

    init(encoder: StateEncoder, place: Int) {
      self.encoder = encoder
      self.place = place
    }

    private mutating func grow() {
      count += 1
      encoder.set(count: count, at: place)
    }

    mutating func encode<Value: Encodable>(_ value: Value) throws {
      grow()
      try encoder.encode(value)
    }

    mutating func encodeNil() { grow() }

    mutating func nestedContainer<Nested: CodingKey>(
      keyedBy type: Nested.Type
    ) -> KeyedEncodingContainer<Nested> {
      grow()
      return encoder.container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
      grow()
      return encoder.unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { encoder }
  }

  private struct Single: SingleValueEncodingContainer {
    let encoder: StateEncoder
    var codingPath: [any CodingKey] { [] }

    func encodeNil() {}
    func encode(_ value: Bool) { encoder.put(value ? 1 : 0 as UInt8) }
    func encode(_ value: String) { encoder.put(text: value) }
    func encode(_ value: Double) { encoder.put(value.bitPattern) }
    func encode(_ value: Float) { encoder.put(value.bitPattern) }
    func encode(_ value: Int) { encoder.put(Int64(value)) }
    func encode(_ value: Int8) { encoder.put(value) }
    func encode(_ value: Int16) { encoder.put(value) }
    func encode(_ value: Int32) { encoder.put(value) }
    func encode(_ value: Int64) { encoder.put(value) }
    func encode(_ value: UInt) { encoder.put(UInt64(value)) }
    func encode(_ value: UInt8) { encoder.put(value) }
    func encode(_ value: UInt16) { encoder.put(value) }
    func encode(_ value: UInt32) { encoder.put(value) }
    func encode(_ value: UInt64) { encoder.put(value) }
    func encode<Value: Encodable>(_ value: Value) throws { try encoder.encode(value) }
  }
}
