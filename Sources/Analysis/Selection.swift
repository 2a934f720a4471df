extension Array where Element: Comparable {
  /// The least `count` elements, in no particular order, and not in that of a sort: about as much
  /// work as to look at all of them a few times.
  @inlinable public func least(_ count: Int) -> ArraySlice<Element> {
    guard count < self.count else { return self[...] }
    guard count > 0 else { return [] }
    var list = self
    list.withUnsafeMutableBufferPointer { Self.select(count, &$0) }
    return list[..<count]
  }

  /// Puts the least `count` first: Hoare's selection, with a sort where the pivots are bad.
  @inlinable static func select(_ count: Int, _ list: inout UnsafeMutableBufferPointer<Element>) {
    var (low, high) = (0, list.count - 1)
    var patience = 4 * (Int.bitWidth - list.count.leadingZeroBitCount)
    while low < high {
      guard patience > 0 else {
        list[low...high].sort()
        return
      }
      patience -= 1
      let middle = (low + high) / 2
      if list[middle] < list[low] { list.swapAt(middle, low) }
      if list[high] < list[low] { list.swapAt(high, low) }
      if list[high] < list[middle] { list.swapAt(high, middle) }
      let pivot = list[middle]
      var (left, right) = (low, high)
      while left <= right {
        while list[left] < pivot { left += 1 }
        while pivot < list[right] { right -= 1 }
        guard left <= right else { break }
        list.swapAt(left, right)
        left += 1
        right -= 1
      }
      if count <= right + 1 {
        high = right
      } else if count > left {
        low = left
      } else {
        return
      }
    }
  }
}
