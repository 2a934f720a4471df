import Glibc

/// A naive Bayes model over discrete leaves, as in eBayes (Valdes & Skinner, "Adaptive,
/// Model-Based Monitoring for Cyber Attack Detection", RAID 2000): one root whose values are
/// hypotheses, leaves that are independent given the root, tables that adapt.
public struct NaiveBayes: Sendable, Hashable {
  /// States of each leaf.
  public let stateCounts: [Int]
  public let hypothesisCount: Int
  /// π: the belief before anything is seen, one per hypothesis.
  public let prior: [Double]
  /// P(state | hypothesis), by leaf, then hypothesis, then state.
  public private(set) var tables: [Double]
  /// Their logarithms, which every inference needs and learning alone changes.
  private var logarithms: [Double]
  /// Effective observations behind each row, by leaf and hypothesis.
  public private(set) var counts: [Double]
  private let offsets: [Int]

  /// Factor by which a row's effective count fades with each new observation: a row remembers about
  /// 1 / (1 − γ) of them.
  public static let fading = 0.999
  /// No state of a learned row becomes impossible.
  public static let leastProbability = 0.002

  /// - Parameters:
  ///   - tables: one array per leaf, with a row of states for each hypothesis; rows are normalised.
  ///   - weight: effective observations that the given tables count for.
  public init(prior: [Double], tables: [[[Double]]], weight: Double) {
    let total = prior.reduce(0, +)
    self.prior = prior.map { $0 / max(total, .leastNormalMagnitude) }
    hypothesisCount = prior.count
    stateCounts = tables.map { $0.first?.count ?? 0 }
    var offsets: [Int] = []
    var flat: [Double] = []
    for leaf in tables {
      offsets.append(flat.count)
      for row in leaf {
        let sum = row.reduce(0, +)
        flat += row.map { $0 / max(sum, .leastNormalMagnitude) }
      }
    }
    self.offsets = offsets
    self.tables = flat
    logarithms = flat.map(Self.logarithm)
    counts = Array(repeating: weight, count: tables.count * prior.count)
  }

  private func row(_ leaf: Int, _ hypothesis: Int) -> Int {
    offsets[leaf] + hypothesis * stateCounts[leaf]
  }

  public func probability(leaf: Int, hypothesis: Int, state: Int) -> Double {
    tables[row(leaf, hypothesis) + state]
  }

  /// BEL(h) ∝ π(h) · Π P(e | h).
  ///
  /// - Parameters:
  ///   - support: π, the belief that the observations meet.
  ///   - states: one state per leaf; nil for a leaf that says nothing.
  public func belief(_ support: [Double], states: [Int?]) -> [Double] {
    // In logarithms, so that many leaves cannot underflow.
    var belief = support.map(Self.logarithm)
    for (leaf, state) in states.enumerated() where leaf < stateCounts.count {
      guard let state, state >= 0, state < stateCounts[leaf] else { continue }
      for hypothesis in 0..<hypothesisCount {
        belief[hypothesis] += logarithms[row(leaf, hypothesis) + state]
      }
    }
    let largest = belief.max() ?? 0
    for hypothesis in belief.indices { belief[hypothesis] = exp(belief[hypothesis] - largest) }
    let sum = belief.reduce(0, +)
    for hypothesis in belief.indices { belief[hypothesis] /= sum }
    return belief
  }

  private static func logarithm(_ probability: Double) -> Double { log(max(probability, 1e-300)) }

  /// π of the next inference: the belief carried over, relaxed toward the prior by the share
  /// `relaxation`, so that a session can become another and no hypothesis dies.
  public func relaxed(_ belief: [Double], by relaxation: Double) -> [Double] {
    zip(belief, prior).map { (1 - relaxation) * $0 + relaxation * $1 }
  }

  /// Teaches the rows of a hypothesis that has won: effective counts fade, the observation is
  /// added, the row is normalised again (mechanism as in US 7,379,993).
  public mutating func learn(hypothesis: Int, states: [Int?]) {
    for (leaf, state) in states.enumerated() where leaf < stateCounts.count {
      guard let state, state >= 0, state < stateCounts[leaf] else { continue }
      let start = row(leaf, hypothesis)
      let count = counts[leaf * hypothesisCount + hypothesis] * Self.fading
      var sum = 0.0
      for place in 0..<stateCounts[leaf] {
        let old = tables[start + place] * count + (place == state ? 1 : 0)
        let share = max(old / (count + 1), Self.leastProbability)
        tables[start + place] = share
        sum += share
      }
      for place in start..<start + stateCounts[leaf] {
        tables[place] /= sum
        logarithms[place] = Self.logarithm(tables[place])
      }
      counts[leaf * hypothesisCount + hypothesis] = count + 1
    }
  }

  public func encode(into writer: inout StateWriter) {
    writer.put(tables.map(\.bitPattern))
    writer.put(counts.map(\.bitPattern))
  }

  /// This model with tables that were learned before; a fault when they are of another shape.
  public func restored(from reader: inout StateReader) throws(StateFault) -> NaiveBayes {
    var model = self
    model.tables = try reader.integers(count: tables.count).map { Double(bitPattern: $0) }
    model.logarithms = model.tables.map(Self.logarithm)
    model.counts = try reader.integers(count: counts.count).map { Double(bitPattern: $0) }
    guard model.counts.allSatisfy({ $0 >= 0 && $0 < 1e6 }) else {
      throw reader.fault("a row of so many observations cannot be")
    }
    for leaf in stateCounts.indices {
      for hypothesis in 0..<hypothesisCount {
        let start = row(leaf, hypothesis)
        let states = model.tables[start..<start + stateCounts[leaf]]
        guard states.allSatisfy({ $0 >= 0 && $0 <= 1 }), abs(states.reduce(0, +) - 1) < 1e-6 else {
          throw reader.fault("a row that is no distribution")
        }
      }
    }
    return model
  }
}
