import Reports

/// Finds the name that somebody meant.
package enum NearestName {
  /// Longer names are never typing slips of one another.
  static let lengthLimit = 64
  /// Candidates beyond these are not looked at.
  static let candidateLimit = 1024

  /// The candidate with the fewest edits from `name`, if they are at most a third of its length (at
  /// least 1, at most 4); of equals the first in order.
  package static func of(_ name: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Array(name.lowercased().unicodeScalars)
    guard (1...lengthLimit).contains(wanted.count) else { return nil }
    var best: (name: String, edits: Int)?
    for candidate in candidates.prefix(candidateLimit).sorted() where candidate != name {
      let scalars = Array(candidate.lowercased().unicodeScalars)
      guard scalars.count <= lengthLimit else { continue }
      let edits = distance(wanted, scalars)
      if edits < best?.edits ?? .max { best = (candidate, edits) }
    }
    let allowed = min(4, max(1, wanted.count / 3))
    guard let best, best.edits <= allowed else { return nil }
    return best.name
  }

  /// The kind, or the family, that a pattern of `kinds` was meant to be.
  package static func of(
    pattern: String, among kinds: some Sequence<ReportKind>
  ) -> String? {
    guard pattern.hasSuffix(".*") else { return of(pattern, among: kinds.map(\.text)) }
    return of(pattern, among: Set(kinds.map { $0.family + ".*" }))
  }

  /// Optimal string alignment distance: insertions, deletions, substitutions and swaps of
  /// neighbours.
  static func distance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 1...left.count {
      var current = [row]
      for column in 1...right.count {
        let same = left[row - 1] == right[column - 1]
        var edits = min(
          last[column] + 1, current[column - 1] + 1, last[column - 1] + (same ? 0 : 1))
        if row > 1, column > 1, left[row - 1] == right[column - 2],
          left[row - 2] == right[column - 1]
        {
          edits = min(edits, beforeLast[column - 2] + 1)
        }
        current.append(edits)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
