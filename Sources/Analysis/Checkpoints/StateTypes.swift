import Reports
import Terms

/// A type with a short form of its own in a state: no names of fields, no containers.
protocol StateLeaf {
  func write(to encoder: StateEncoder)
  init(from decoder: StateDecoder) throws
}

/// A dictionary: a count, then keys and values; whatever keys `Codable` would treat otherwise.
protocol StateTable {
  func write(to encoder: StateEncoder) throws
  init(reading decoder: StateDecoder) throws
}

/// A value that may be missing: a byte tells.
protocol StateOptional {
  func write(to encoder: StateEncoder) throws
  init(reading decoder: StateDecoder) throws
}

/// How values of a type are written; asked once per type.
enum StateForm {
  case plain, leaf, table, optional

  init(_ type: Any.Type) {
    if type is any StateLeaf.Type {
      self = .leaf
    } else if type is any StateTable.Type {
      self = .table
    } else if type is any StateOptional.Type {
      self = .optional
    } else {
      self = .plain
    }
  }
}

extension Optional: StateOptional where Wrapped: Codable {
  func write(to encoder: StateEncoder) throws {
    encoder.put(self == nil ? 0 : 1 as UInt8)
    if let self { try encoder.encode(self) }
  }

  init(reading decoder: StateDecoder) throws {
    self = try decoder.isPresent() ? decoder.decode(Wrapped.self) : nil
  }
}

extension Dictionary: StateTable where Key: Codable, Value: Codable {
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

extension CaptureTime: StateLeaf {
  func write(to encoder: StateEncoder) { encoder.put(nanoseconds) }
  init(from decoder: StateDecoder) throws { self.init(nanoseconds: try decoder.integer()) }
}

extension TimeSpan: StateLeaf {
  func write(to encoder: StateEncoder) { encoder.put(nanoseconds) }
  init(from decoder: StateDecoder) throws { self.init(nanoseconds: try decoder.integer()) }
}

extension IPAddress: StateLeaf {
  func write(to encoder: StateEncoder) {
    encoder.put(high)
    encoder.put(low)
  }

  init(from decoder: StateDecoder) throws {
    self.init(high: try decoder.integer(), low: try decoder.integer())
  }
}

extension IPPrefix: StateLeaf {
  func write(to encoder: StateEncoder) {
    base.write(to: encoder)
    encoder.put(length)
  }

  init(from decoder: StateDecoder) throws {
    let base = try IPAddress(from: decoder)
    self.init(base, length: Int(try decoder.integer(UInt8.self)))
  }
}

extension ReportID: StateLeaf {
  func write(to encoder: StateEncoder) {
    encoder.put(high)
    encoder.put(low)
  }

  init(from decoder: StateDecoder) throws {
    self.init(high: try decoder.integer(), low: try decoder.integer())
  }
}

extension Report: StateLeaf {
  func write(to encoder: StateEncoder) { encoder.put(bytes: ReportCoding.encode(self)) }

  init(from decoder: StateDecoder) throws {
    self = try ReportCoding.decode(try decoder.byteList())
  }
}

extension [UInt8]: StateLeaf {
  func write(to encoder: StateEncoder) { encoder.put(bytes: self) }
  init(from decoder: StateDecoder) throws { self = try decoder.byteList() }
}
