/// The fields of a report by name, in order of their names.
///
/// A list, since reports have few: a dictionary would take a block twice as large, and a hash for
/// each look, most of which find nothing.
@frozen public struct Attributes: Hashable, Sendable {
  public typealias Element = (key: String, value: AttributeValue)

  @frozen @usableFromInline struct Entry: Hashable, Sendable {
    @usableFromInline var key: String
    @usableFromInline var value: AttributeValue

    @inlinable init(key: String, value: AttributeValue) {
      self.key = key
      self.value = value
    }
  }

  @usableFromInline var entries: [Entry] = []

  @inlinable public init() {}

  @inlinable public var isEmpty: Bool { entries.isEmpty }
  @inlinable public var count: Int { entries.count }
  public var keys: some Collection<String> { entries.lazy.map(\.key) }

  @inlinable public subscript(name: String) -> AttributeValue? {
    get { place(of: name).map { entries[$0].value } }
    set {
      if let known = place(of: name) {
        if let newValue {
          entries[known].value = newValue
        } else {
          entries.remove(at: known)
        }
      } else if let newValue {
        insert(name, newValue)
      }
    }
  }

  @inlinable func place(of name: String) -> Int? {
    for place in entries.indices where entries[place].key == name { return place }
    return nil
  }

  @usableFromInline mutating func insert(_ name: String, _ value: AttributeValue) {
    let fresh = Entry(key: name, value: value)
    // Mostly they come in order.
    if let last = entries.last, !(last.key < name) {
      entries.insert(fresh, at: entries.firstIndex { name < $0.key } ?? entries.count)
    } else {
      entries.append(fresh)
    }
  }

  public mutating func reserveCapacity(_ count: Int) { entries.reserveCapacity(count) }

  public func filter(_ isWanted: (Element) throws -> Bool) rethrows -> Attributes {
    var kept = self
    kept.entries = try entries.filter { try isWanted(($0.key, $0.value)) }
    return kept
  }
}

extension Attributes: RandomAccessCollection {
  @inlinable public var startIndex: Int { 0 }
  @inlinable public var endIndex: Int { entries.count }

  @inlinable public subscript(place: Int) -> Element {
    (entries[place].key, entries[place].value)
  }
}

extension Attributes: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, AttributeValue)...) {
    for (name, value) in elements { self[name] = value }
  }
}
