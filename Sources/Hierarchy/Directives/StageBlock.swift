/// A directive's stages as the file nests them.
indirect enum StageBlock {
  /// A stage by index, with what only follows on it.
  case stage(Int, then: [StageBlock])
  /// One of these.
  case any([StageBlock], isOptional: Bool)
  /// All of these stages, in whatever order.
  case all([Int], isOptional: Bool)
  case optional(Int)
}

/// Unfolds nested stages into a graph, from the last backwards.
struct StageUnfolding {
  /// What may follow: nodes, or the end.
  private struct Follow {
    var nodes: [Int] = []
    var isEnd = false
  }

  private(set) var graph = StageGraph()
  /// Whether the graph outgrew `Directive.nodeLimit`.
  private(set) var isTooLarge = false
  /// Whether the directive could be complete without any stage.
  private(set) var canBeEmpty = false

  init(_ blocks: [StageBlock]) {
    let entries = unfold(blocks, before: Follow(isEnd: true))
    graph.entries = entries.nodes
    canBeEmpty = entries.isEnd
  }

  private mutating func node(_ stage: Int, _ follow: Follow) -> Int {
    guard graph.nodes.count < Directive.nodeLimit else {
      isTooLarge = true
      return graph.nodes.count - 1
    }
    graph.nodes.append(
      StageGraph.Node(stage: stage, next: follow.nodes, isEnd: follow.isEnd))
    return graph.nodes.count - 1
  }

  private mutating func unfold(_ blocks: [StageBlock], before last: Follow) -> Follow {
    var follow = last
    for block in blocks.reversed() {
      var here = Follow()
      var isOptional = false
      switch block {
      case .stage(let stage, let then):
        here.nodes = [node(stage, then.isEmpty ? follow : unfold(then, before: follow))]
      case .optional(let stage):
        here.nodes = [node(stage, follow)]
        isOptional = true
      case .any(let alternatives, let optional):
        for alternative in alternatives {
          here.nodes += unfold([alternative], before: follow).nodes
        }
        isOptional = optional
      case .all(let stages, let optional):
        here.nodes = inAnyOrder(stages, before: follow)
        isOptional = optional
      }
      if isOptional {
        here.nodes += follow.nodes
        here.isEnd = follow.isEnd
      }
      follow = here
    }
    return follow
  }

  /// One node for each stage and each set of stages reached before it.
  private mutating func inAnyOrder(_ stages: [Int], before follow: Follow) -> [Int] {
    let count = min(stages.count, Directive.anyOrderLimit)
    let full = (1 << count) - 1
    var entries = [Follow](repeating: Follow(), count: full + 1)
    entries[full] = follow
    for reached in stride(from: full - 1, through: 0, by: -1) {
      for index in 0..<count where reached & 1 << index == 0 {
        entries[reached].nodes.append(node(stages[index], entries[reached | 1 << index]))
      }
    }
    return entries[0].nodes
  }
}
