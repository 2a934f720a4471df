import HeapModule

/// A heap that can be part of an engine's state.
@frozen public struct EarliestFirst<Element: Comparable & Sendable & Codable>: Sendable, Codable {
  @usableFromInline var heap = Heap<Element>()

  @inlinable public init() {}

  public init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    var elements: [Element] = []
    while !list.isAtEnd { elements.append(try list.decode(Element.self)) }
    heap = Heap(elements)
  }

  public func encode(to encoder: any Encoder) throws {
    var list = encoder.unkeyedContainer()
    for element in heap.unordered { try list.encode(element) }
  }

  @inlinable public var count: Int { heap.count }
  @inlinable public var min: Element? { heap.min }

  @inlinable public mutating func insert(_ element: Element) { heap.insert(element) }
  @inlinable public mutating func popMin() -> Element? { heap.popMin() }
  @discardableResult @inlinable public mutating func removeMin() -> Element { heap.removeMin() }
}
