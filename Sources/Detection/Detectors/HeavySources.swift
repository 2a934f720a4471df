import Reports
import Terms

/// The sources that send most of a flood, in a fixed number of counters (Misra & Gries, "Finding
/// Repeated Elements", 1982): whoever sends more than 1/`capacity` of the packets is among them.
struct HeavySources: Sendable {
  static let capacity = 32
  /// Least share of all packets by which a source belongs to a flood, 0–1.
  static let leastShare = 0.02
  /// Share of all packets that the heavy sources must hold to stand for all, 0–1.
  static let coveredShare = 0.5

  private var sources: [IPAddress] = []
  private var counts: [UInt64] = []
  private var total: UInt64 = 0
  private var turn: UInt64 = 0

  /// Loads counted one by one before only every sixteenth is, for speed.
  static let fullLimit: UInt64 = 4096

  mutating func add(_ source: IPAddress, _ count: UInt64) {
    turn &+= 1
    guard turn < Self.fullLimit || turn & 15 == 0 else { return }
    total &+= count
    if let place = sources.firstIndex(of: source) {
      counts[place] &+= count
    } else if sources.count < Self.capacity {
      sources.append(source)
      counts.append(count)
    } else {
      let least = min(count, counts.min() ?? 0)
      for place in counts.indices { counts[place] -= least }
      if count > least, let place = counts.firstIndex(of: 0) {
        sources[place] = source
        counts[place] = count - least
      }
    }
  }

  /// The heavy sources, when they send most of the packets; nil when the load spreads over too
  /// many.
  var named: AddressSet? {
    let heavy = sources.indices.filter { Double(counts[$0]) >= Self.leastShare * Double(total) }
    let held = heavy.reduce(0.0) { $0 + Double(counts[$1]) }
    guard held >= Self.coveredShare * Double(total), !heavy.isEmpty else { return nil }
    return AddressSet(heavy.map { sources[$0] })
  }
}
