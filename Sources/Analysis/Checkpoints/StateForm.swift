/// A type with a form of its own in a state: short where it is a plain value, without names of fields;
/// of a collection a count, then its elements, or keys and values, whatever keys `Codable` would treat
/// otherwise; of what may be missing a byte that tells.
protocol StateValue {
  func write(to encoder: StateEncoder) throws
  init(reading decoder: StateDecoder) throws
}

/// How values of a type are written and read; asked once per type, since to ask of each value whether
/// it has a form of its own takes longer than to write it.
struct StateForm {
  typealias Write = (StateEncoder, UnsafeRawPointer) throws -> Void
  typealias Read = (StateDecoder, UnsafeMutableRawPointer) throws -> Void

  /// Writes a value that stands at a place; nil where the type's own `Codable` does.
  let write: Write?
  /// Reads a value to a place that holds none.
  let read: Read?

  init(_ type: Any.Type) {
    guard let known = type as? any StateValue.Type else {
      (write, read) = (nil, nil)
      return
    }
    write = Self.writer(known)
    read = Self.reader(known)
  }

  private static func writer<Value: StateValue>(_: Value.Type) -> Write {
    { encoder, place in try place.assumingMemoryBound(to: Value.self).pointee.write(to: encoder) }
  }

  private static func reader<Value: StateValue>(_: Value.Type) -> Read {
    { decoder, place in
      place.initializeMemory(as: Value.self, to: try Value(reading: decoder))
    }
  }
}

/// The forms of the types that were met.
struct StateForms {
  private static let size = 256
  private var entries: [(type: ObjectIdentifier, form: StateForm)?] = Array(
    repeating: nil, count: size)

  /// Types that share a place take it in turns.
  mutating func form(of type: Any.Type) -> StateForm {
    let id = ObjectIdentifier(type)
    let bits = UInt(bitPattern: id)
    let place = Int(truncatingIfNeeded: (bits >> 4 ^ bits >> 12) & UInt(Self.size - 1))
    if let known = entries[place], known.type == id { return known.form }
    let fresh = StateForm(type)
    entries[place] = (id, fresh)
    return fresh
  }
}
