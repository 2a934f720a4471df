/// A test of one number: inside or outside of a closed range. `>5` is 6…max, `3<>9` is 4…8, `!7` is
/// outside 7…7.
public struct NumberRange: Sendable, Hashable {
  public var low: UInt32
  public var high: UInt32
  public var isNegated: Bool

  public init(_ low: UInt32, _ high: UInt32, isNegated: Bool = false) {
    self.low = low
    self.high = high
    self.isNegated = isNegated
  }

  @inlinable public func contains(_ number: UInt32) -> Bool {
    (number >= low && number <= high) != isNegated
  }
}
