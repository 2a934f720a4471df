import Terms

/// Which rules name an address: those of the last mark at or before it. Lists of bad hosts make
/// thousands of marks, and every flow asks for both of its ends, so the first bits of an IPv4 address
/// lead to the few marks that can be meant.
struct AddressMarks {
  /// Bits of an IPv4 address that are looked up.
  private static let bits = 12

  private let marks: Section<AddressMark>
  /// For each beginning of an IPv4 address, the marks before the first address that begins so; one
  /// more for those before the address that follows all.
  private let starts: [Int32]

  init(_ marks: Section<AddressMark>) {
    self.marks = marks
    var starts: [Int32] = []
    var place = 0
    for beginning in 0..<UInt64(1 << Self.bits) {
      let first = IPAddress(v4: UInt32(truncatingIfNeeded: beginning << UInt64(32 - Self.bits)))
      while place < marks.count, marks[place].first < first { place += 1 }
      starts.append(Int32(place))
    }
    while place < marks.count, marks[place].first <= IPAddress(v4: .max) { place += 1 }
    starts.append(Int32(place))
    self.starts = starts
  }

  /// The rules, in `ruleLists`; nil where no mark is before the address.
  func rules(for address: IPAddress) -> Span? {
    var low = 0
    var high = marks.count
    if address.isIPv4 {
      let beginning = Int(address.v4 >> UInt32(32 - Self.bits))
      low = Int(starts[beginning])
      high = Int(starts[beginning + 1])
    }
    while low < high {
      let middle = (low + high) / 2
      if marks[middle].first <= address { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? marks[low - 1].rules : nil
  }
}
