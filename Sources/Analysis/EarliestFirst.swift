import HeapModule

/// A heap that can be part of an engine's state.
@frozen public struct EarliestFirst<Element: Comparable & Sendable & Codable>: Sendable, Codable {
  @usableFromInline var heap = Heap<Element>()

  @inlinable public init() {}

  public init(from decoder: any Decoder) throws {
    heap = Heap(try decoder.singleValueContainer().decode([Element].self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(heap.unordered)
  }

  @inlinable public var count: Int { heap.count }
  @inlinable public var min: Element? { heap.min }

  @inlinable public mutating func insert(_ element: Element) { heap.insert(element) }
  @inlinable public mutating func popMin() -> Element? { heap.popMin() }
  @discardableResult @inlinable public mutating func removeMin() -> Element { heap.removeMin() }
}
