extension Array where Element: Comparable {
  /// The members of two lists in order, each once; the first `limit`.
  @inlinable package func united(with other: [Element], limit: Int) -> [Element] {
    guard !isEmpty else { return other.count <= limit ? other : Array(other.prefix(limit)) }
    var all: [Element] = []
    all.reserveCapacity(Swift.min(limit, count + other.count))
    var (mine, theirs) = (0, 0)
    while mine < count || theirs < other.count, all.count < limit {
      if theirs == other.count || mine < count && self[mine] <= other[theirs] {
        if theirs < other.count, self[mine] == other[theirs] { theirs += 1 }
        all.append(self[mine])
        mine += 1
      } else {
        all.append(other[theirs])
        theirs += 1
      }
    }
    return all
  }
}
