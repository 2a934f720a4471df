public import Terms

/// A set of addresses as disjoint closed ranges in ascending order. IPv4 addresses stand in their
/// mapped form, as everywhere.
public struct AddressRanges: Sendable, Hashable {
  public struct Element: Sendable, Hashable {
    public var first: IPAddress
    public var last: IPAddress

    public init(_ first: IPAddress, _ last: IPAddress) {
      self.first = first
      self.last = last
    }
  }

  /// Disjoint, not adjacent, ascending.
  public private(set) var elements: [Element]

  /// The union of `elements` in any order.
  public init(_ elements: [Element]) {
    self.elements = Self.merged(elements)
  }

  public init(_ prefix: IPPrefix) {
    elements = [Element(prefix.base, prefix.lastAddress)]
  }

  public static let any = AddressRanges([Element(.lowest, .highest)])
  public static let none = AddressRanges([])

  public var isAny: Bool { self == .any }
  public var isEmpty: Bool { elements.isEmpty }

  public func contains(_ address: IPAddress) -> Bool {
    var low = 0
    var high = elements.count
    while low < high {
      let middle = (low + high) / 2
      if elements[middle].last < address { low = middle + 1 } else { high = middle }
    }
    return low < elements.count && elements[low].first <= address
  }

  public func union(_ other: AddressRanges) -> AddressRanges {
    if isEmpty { return other }
    if other.isEmpty { return self }
    return AddressRanges(elements + other.elements)
  }

  public var complement: AddressRanges {
    var rest: [Element] = []
    var next: IPAddress? = .lowest
    for element in elements {
      if let first = next, first < element.first {
        rest.append(Element(first, element.first.predecessor ?? .lowest))
      }
      next = element.last.successor
    }
    if let first = next { rest.append(Element(first, .highest)) }
    return AddressRanges(sorted: rest)
  }

  public func intersection(_ other: AddressRanges) -> AddressRanges {
    if isAny { return other }
    if other.isAny { return self }
    return complement.union(other.complement).complement
  }

  public func subtracting(_ other: AddressRanges) -> AddressRanges {
    other.isEmpty ? self : intersection(other.complement)
  }

  private init(sorted elements: [Element]) { self.elements = elements }

  private static func merged(_ elements: [Element]) -> [Element] {
    guard elements.count > 1 else { return elements }
    var merged: [Element] = []
    for element in elements.sorted(by: { $0.first < $1.first }) {
      if let last = merged.last, last.last.successor.map({ element.first <= $0 }) ?? true {
        if last.last < element.last { merged[merged.count - 1].last = element.last }
      } else {
        merged.append(element)
      }
    }
    return merged
  }
}

extension IPAddress {
  fileprivate static var lowest: IPAddress { IPAddress(high: 0, low: 0) }
  fileprivate static var highest: IPAddress { IPAddress(high: .max, low: .max) }

  fileprivate var successor: IPAddress? {
    let (low, isCarried) = low.addingReportingOverflow(1)
    guard isCarried else { return IPAddress(high: high, low: low) }
    return high == .max ? nil : IPAddress(high: high &+ 1, low: 0)
  }

  fileprivate var predecessor: IPAddress? {
    guard low == 0 else { return IPAddress(high: high, low: low &- 1) }
    return high == 0 ? nil : IPAddress(high: high &- 1, low: .max)
  }
}
