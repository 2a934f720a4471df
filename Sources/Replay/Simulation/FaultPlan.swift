import Terms

/// What goes wrong in a simulated tree, from a seed. Everything heals before `horizon`.
///
/// Links are TCP: inside one connection nothing is lost, repeated or reordered. What a network does
/// wrong shows as a connection that breaks with messages in flight (loss), batches sent again on
/// the next one (duplication), late messages of an old connection after the new one has begun
/// (reordering), slow links, and partitions.
public struct FaultPlan: Sendable {
  public struct Outage: Sendable {
    /// The monitor that crashes, or the child whose link is cut.
    public var monitor: MonitorName
    /// Host milliseconds after the start, and for how long.
    public var start: UInt64
    public var length: UInt64
    /// A crash between the commit to the store and the messages that should follow it.
    public var isAfterCommit = false
  }

  public var seed: UInt64
  /// One-way delay of a message in host milliseconds, at most.
  public var longestDelay: UInt64 = 0
  /// Chance that a connection breaks at a message.
  public var breakProbability = 0.0
  public var partitions: [Outage] = []
  public var crashes: [Outage] = []
  /// Host milliseconds after which nothing goes wrong any more.
  public var horizon: UInt64 = 0

  /// Nothing goes wrong, and messages take no time.
  public static let none = FaultPlan(seed: 0)

  public init(seed: UInt64) { self.seed = seed }

  /// A seeded plan for these monitors: breaks, partitions and crashes within `horizon` host
  /// milliseconds.
  public init(seed: UInt64, monitors: [MonitorName], horizon: UInt64 = 4000) {
    var generator = SeededGenerator(seed: seed)
    self.seed = seed
    self.horizon = horizon
    longestDelay = UInt64.random(in: 0...40, using: &generator)
    breakProbability = Double.random(in: 0...0.04, using: &generator)
    guard !monitors.isEmpty else { return }
    func outage() -> Outage {
      let start = UInt64.random(in: 0..<horizon, using: &generator)
      return Outage(
        monitor: monitors.randomElement(using: &generator) ?? monitors[0], start: start,
        length: UInt64.random(in: 1...max(1, horizon - start), using: &generator))
    }
    partitions = (0..<Int.random(in: 0...4, using: &generator)).map { _ in outage() }
    crashes = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
      var crash = outage()
      crash.length = min(crash.length, 500)
      crash.isAfterCommit = Bool.random(using: &generator)
      return crash
    }
  }
}
