/// A table of few entries, in order of their keys: where a dictionary would take a block of memory and
/// a hash for what is mostly one entry. An entry more costs as much as there are.
@frozen
public struct ShortTable<
  Key: Comparable & Sendable & Codable, Value: Sendable & Codable
>: Sendable, Codable {
  @frozen public struct Entry: Sendable, Codable {
    public let key: Key
    public var value: Value

    @inlinable init(key: Key, value: Value) {
      self.key = key
      self.value = value
    }
  }

  @usableFromInline var entries: [Entry] = []

  @inlinable public init() {}

  @inlinable public var count: Int { entries.count }
  @inlinable public var isEmpty: Bool { entries.isEmpty }

  /// The value of a key, where there is one.
  @inlinable public subscript(key: Key) -> Value? {
    let place = place(of: key)
    return holds(key, at: place) ? entries[place].value : nil
  }

  @inlinable
  public subscript(
    key: Key, default standard: @autoclosure () -> Value
  ) -> Value {
    get { self[key] ?? standard() }
    _modify {
      let place = place(of: key)
      if !holds(key, at: place) { entries.insert(Entry(key: key, value: standard()), at: place) }
      yield &entries[place].value
    }
  }

  @inlinable public mutating func set(_ value: Value, for key: Key) {
    let place = place(of: key)
    if holds(key, at: place) {
      entries[place].value = value
    } else {
      entries.insert(Entry(key: key, value: value), at: place)
    }
  }

  @inlinable public mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

  /// The first place whose key is not less.
  @inlinable func place(of key: Key) -> Int {
    var (low, high) = (0, entries.count)
    // Mostly the newest is asked for again, or comes after all others.
    if let last = entries.last, last.key < key { return high }
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  @inlinable func holds(_ key: Key, at place: Int) -> Bool {
    place < entries.count && entries[place].key == key
  }
}

extension ShortTable: RandomAccessCollection {
  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { entries.count }
  @inlinable public subscript(position: Int) -> Entry { entries[position] }
}
