/// Matchings of small bipartite graphs.
enum Matching {
  /// Edges looked at; more are ignored, which can only make the result smaller.
  static let edgeLimit = 8192
  /// Left nodes for which better partners are sought; the rest are matched greedily.
  static let augmentLimit = 256

  /// The size of a largest set of edges of which no two share an end (Kuhn's algorithm); greedy
  /// past the limits.
  static func independent(_ edges: [(Int32, Int32)]) -> Int {
    var graph = Graph(edges.prefix(edgeLimit))
    var waiting: [Int] = []
    var size = 0
    for left in graph.starts.indices.dropLast() {
      if graph.take(left) { size += 1 } else { waiting.append(left) }
    }
    for left in waiting.prefix(augmentLimit) {
      graph.round += 1
      if graph.augment(left, depth: 0) { size += 1 }
    }
    return size
  }

  /// Left nodes in order of appearance, the neighbours of each in order.
  private struct Graph {
    /// Where the neighbours of each left node begin, and the end.
    private(set) var starts: [Int] = [0]
    private var neighbours: [Int] = []
    private var partner: [Int] = []
    /// The round in which a right node was tried last.
    private var tried: [Int] = []
    var round = 0

    init(_ edges: ArraySlice<(Int32, Int32)>) {
      var (lefts, rights): ([Int32: Int], [Int32: Int]) = ([:], [:])
      lefts.reserveCapacity(edges.count)
      var ends: [(left: Int, right: Int)] = []
      ends.reserveCapacity(edges.count)
      var degrees: [Int] = []
      for (left, right) in edges {
        let mine = lefts[left] ?? lefts.count
        if mine == lefts.count {
          lefts[left] = mine
          degrees.append(0)
        }
        let other = rights[right] ?? rights.count
        if other == rights.count { rights[right] = other }
        degrees[mine] += 1
        ends.append((mine, other))
      }
      for degree in degrees { starts.append(starts[starts.count - 1] + degree) }
      var next = starts
      neighbours = Array(repeating: 0, count: ends.count)
      for (left, right) in ends {
        neighbours[next[left]] = right
        next[left] += 1
      }
      partner = Array(repeating: -1, count: rights.count)
      tried = partner
    }

    /// Gives a left node its first free neighbour.
    mutating func take(_ left: Int) -> Bool {
      for place in starts[left]..<starts[left + 1] where partner[neighbours[place]] < 0 {
        partner[neighbours[place]] = left
        return true
      }
      return false
    }

    /// Bounded depth: an attacker chooses the graph.
    mutating func augment(_ left: Int, depth: Int) -> Bool {
      guard depth < 64 else { return false }
      for place in starts[left]..<starts[left + 1] {
        let right = neighbours[place]
        guard tried[right] != round else { continue }
        tried[right] = round
        if partner[right] >= 0, !augment(partner[right], depth: depth + 1) { continue }
        partner[right] = left
        return true
      }
      return false
    }
  }
}
