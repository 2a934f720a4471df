import Reports
import Terms

extension Optional: StateValue where Wrapped: Codable {
  func write(to encoder: StateEncoder) throws {
    encoder.put(self == nil ? 0 : 1 as UInt8)
    if let self { try encoder.encode(self) }
  }

  init(reading decoder: StateDecoder) throws {
    self = try decoder.isPresent() ? decoder.decode(Wrapped.self) : nil
  }
}

extension Dictionary: StateValue where Key: Codable, Value: Codable {
  func write(to encoder: StateEncoder) throws {
    encoder.put(UInt32(truncatingIfNeeded: count))
    for (key, value) in self {
      try encoder.encode(key)
      try encoder.encode(value)
    }
  }

  init(reading decoder: StateDecoder) throws {
    let count = try decoder.count()
    self.init()
    for _ in 0..<count {
      let key = try decoder.decode(Key.self)
      self[key] = try decoder.decode(Value.self)
    }
  }
}

extension Array: StateValue where Element: Codable {
  func write(to encoder: StateEncoder) throws {
    if let bytes = self as? [UInt8] { return encoder.put(bytes: bytes) }
    encoder.put(UInt32(truncatingIfNeeded: count))
    guard let write = encoder.form(of: Element.self).write else {
      for element in self { try element.encode(to: encoder) }
      return
    }
    try withUnsafeBufferPointer { elements in
      guard let base = elements.baseAddress else { return }
      for place in elements.indices { try write(encoder, UnsafeRawPointer(base + place)) }
    }
  }

  init(reading decoder: StateDecoder) throws {
    if Element.self == UInt8.self, let bytes = try decoder.byteList() as? [Element] {
      self = bytes
      return
    }
    let count = try decoder.count()
    self.init()
    for _ in 0..<count { append(try decoder.decode(Element.self)) }
  }
}

extension Set: StateValue where Element: Codable {
  func write(to encoder: StateEncoder) throws {
    encoder.put(UInt32(truncatingIfNeeded: count))
    for element in self { try encoder.encode(element) }
  }

  init(reading decoder: StateDecoder) throws {
    let count = try decoder.count()
    self.init()
    for _ in 0..<count { insert(try decoder.decode(Element.self)) }
  }
}

extension CaptureTime: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(nanoseconds) }
  init(reading decoder: StateDecoder) throws { self.init(nanoseconds: try decoder.integer()) }
}

extension TimeSpan: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(nanoseconds) }
  init(reading decoder: StateDecoder) throws { self.init(nanoseconds: try decoder.integer()) }
}

extension IPAddress: StateValue {
  func write(to encoder: StateEncoder) {
    encoder.put(high)
    encoder.put(low)
  }

  init(reading decoder: StateDecoder) throws {
    self.init(high: try decoder.integer(), low: try decoder.integer())
  }
}

extension IPPrefix: StateValue {
  func write(to encoder: StateEncoder) {
    base.write(to: encoder)
    encoder.put(length)
  }

  init(reading decoder: StateDecoder) throws {
    let base = try IPAddress(reading: decoder)
    self.init(base, length: Int(try decoder.integer(UInt8.self)))
  }
}

extension ReportID: StateValue {
  func write(to encoder: StateEncoder) {
    encoder.put(high)
    encoder.put(low)
  }

  init(reading decoder: StateDecoder) throws {
    self.init(high: try decoder.integer(), low: try decoder.integer())
  }
}

extension Report: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(bytes: ReportCoding.encode(self)) }

  init(reading decoder: StateDecoder) throws {
    self = try ReportCoding.decode(try decoder.byteList())
  }
}

extension MonitorName: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(text: text) }

  init(reading decoder: StateDecoder) throws {
    guard let name = MonitorName(try decoder.text()) else { throw decoder.fault("no name") }
    self = name
  }
}

extension TransportProtocol: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(number) }
  init(reading decoder: StateDecoder) throws { self.init(number: try decoder.integer()) }
}

extension String: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(text: self) }
  init(reading decoder: StateDecoder) throws { self = try decoder.text() }
}

extension Bool: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(self ? 1 : 0 as UInt8) }
  init(reading decoder: StateDecoder) throws { self = try decoder.isPresent() }
}

extension Double: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(bitPattern) }
  init(reading decoder: StateDecoder) throws { self.init(bitPattern: try decoder.integer()) }
}

extension Float: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(bitPattern) }
  init(reading decoder: StateDecoder) throws { self.init(bitPattern: try decoder.integer()) }
}

/// Of full width on every machine.
extension Int: StateValue {
  func write(to encoder: StateEncoder) { encoder.put(Int64(self)) }
  init(reading decoder: StateDecoder) throws { self.init(try decoder.integer(Int64.self)) }
}

extension StateValue where Self: FixedWidthInteger {
  func write(to encoder: StateEncoder) { encoder.put(self) }
  init(reading decoder: StateDecoder) throws { self = try decoder.integer() }
}

extension Int32: StateValue {}
extension Int64: StateValue {}
extension UInt8: StateValue {}
extension UInt16: StateValue {}
extension UInt32: StateValue {}
extension UInt64: StateValue {}
