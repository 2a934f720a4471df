/// A set of ports as disjoint closed ranges in ascending order.
public struct PortRanges: Sendable, Hashable {
  public private(set) var elements: [ClosedRange<UInt16>]

  /// The union of `elements` in any order.
  public init(_ elements: [ClosedRange<UInt16>]) {
    var merged: [ClosedRange<UInt16>] = []
    for element in elements.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, Int(element.lowerBound) <= Int(last.upperBound) + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, element.upperBound)
      } else {
        merged.append(element)
      }
    }
    self.elements = merged
  }

  public static let any = PortRanges([0...65_535])
  public static let none = PortRanges([])

  public var isAny: Bool { elements == Self.any.elements }
  public var isEmpty: Bool { elements.isEmpty }

  public func contains(_ port: UInt16) -> Bool {
    elements.contains { $0.contains(port) }
  }

  public func union(_ other: PortRanges) -> PortRanges {
    PortRanges(elements + other.elements)
  }

  public var complement: PortRanges {
    var rest: [ClosedRange<UInt16>] = []
    var next = 0
    for element in elements {
      if next < Int(element.lowerBound) { rest.append(UInt16(next)...(element.lowerBound - 1)) }
      next = Int(element.upperBound) + 1
    }
    if next <= 65_535 { rest.append(UInt16(next)...65_535) }
    return PortRanges(rest)
  }

  public func subtracting(_ other: PortRanges) -> PortRanges {
    complement.union(other).complement
  }
}
