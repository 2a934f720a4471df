/// Matchings of small bipartite graphs.
enum Matching {
  /// Edges looked at; more are ignored, which can only make the result smaller.
  static let edgeLimit = 8192
  /// Left nodes for which better partners are sought; the rest are matched greedily.
  static let augmentLimit = 256

  /// The size of a largest set of edges of which no two share an end (Kuhn's algorithm); greedy
  /// past the limits.
  static func independent<Node: Hashable>(_ edges: [(Node, Node)]) -> Int {
    var order: [Node] = []
    var neighbours: [Node: [Node]] = [:]
    for (left, right) in edges.prefix(edgeLimit) {
      if neighbours[left] == nil { order.append(left) }
      neighbours[left, default: []].append(right)
    }
    var partner: [Node: Node] = [:]
    var waiting: [Node] = []
    var size = 0
    for left in order {
      guard let free = neighbours[left]?.first(where: { partner[$0] == nil }) else {
        waiting.append(left)
        continue
      }
      partner[free] = left
      size += 1
    }
    for left in waiting.prefix(augmentLimit) {
      var visited: Set<Node> = []
      if augment(left, neighbours, &partner, &visited, depth: 0) { size += 1 }
    }
    return size
  }

  /// Bounded depth: an attacker chooses the graph.
  private static func augment<Node: Hashable>(
    _ left: Node, _ neighbours: [Node: [Node]], _ partner: inout [Node: Node],
    _ visited: inout Set<Node>, depth: Int
  ) -> Bool {
    guard depth < 64 else { return false }
    for right in neighbours[left] ?? [] where visited.insert(right).inserted {
      if let other = partner[right] {
        guard augment(other, neighbours, &partner, &visited, depth: depth + 1) else { continue }
      }
      partner[right] = left
      return true
    }
    return false
  }
}
