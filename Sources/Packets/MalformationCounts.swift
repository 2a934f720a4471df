/// How often each malformation was met: one fixed counter per case.
public struct MalformationCounts: Sendable, Hashable {
  private var counters = [UInt64](repeating: 0, count: Malformation.allCases.count)

  public init() {}

  public subscript(malformation: Malformation) -> UInt64 { counters[Int(malformation.rawValue)] }

  /// Counts each malformation of one packet.
  public mutating func count(_ malformations: Malformations) {
    var rest = malformations.rawValue
    while rest != 0 {
      let bit = rest.trailingZeroBitCount
      if bit < counters.count { counters[bit] &+= 1 }
      rest &= rest &- 1
    }
  }

  /// Adds the counters of another lane or reader.
  public mutating func add(_ other: MalformationCounts) {
    for index in counters.indices { counters[index] &+= other.counters[index] }
  }

  /// The cases met so far with their counts, in the order of the layers.
  public var met: [(malformation: Malformation, count: UInt64)] {
    Malformation.allCases.compactMap { self[$0] > 0 ? ($0, self[$0]) : nil }
  }
}
