import Terms

/// What is forgotten first of what sources did: those with the least to say, the oldest of them first,
/// so that a flood of forged sources evicts itself.
struct Quietness<Source: Comparable>: Comparable {
  var count: Int
  var last: CaptureTime
  var source: Source

  static func < (left: Quietness, right: Quietness) -> Bool {
    (left.count, left.last, left.source) < (right.count, right.last, right.source)
  }
}
