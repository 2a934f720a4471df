import Reports
import Terms

/// What a parent takes of one child, in reports per second of the child's event time: the parent's
/// side of `OutputBudget`. A child that keeps its budget never comes near it, so what is over is a
/// flood, and is not taken.
public struct IntakeBudget: Sendable {
  /// Seconds of budget that may come at once: twice what an `OutputBudget` ever lets through, since
  /// a child that starts again has a fresh one.
  public static let burstSeconds = 2 * OutputBudget.burstSeconds * (1 + OutputBudget.overdraft)

  private let rate: Double
  private var tokens: Double
  private var reached = CaptureTime.distantPast

  /// `rate` in reports per second.
  public init(rate: Double) {
    self.rate = rate
    tokens = rate * Self.burstSeconds
  }

  /// Whether a report emitted at `time` is within the budget; event time never runs back.
  public mutating func admits(at time: CaptureTime) -> Bool {
    if time > reached {
      if reached > .distantPast {
        tokens = min(rate * Self.burstSeconds, tokens + (time - reached).seconds * rate)
      }
      reached = time
    }
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}

/// How much of one child's lane a parent holds at once, while event time waits for other children.
public struct IntakeLimits: Sendable {
  /// Beyond either, the reports of a child that is ahead of the others are not acknowledged: it
  /// waits.
  public var waitingReports = 16_384
  public var waitingBytes = 32 << 20
  /// How many times as much a child may have waiting that holds event time back itself, so that
  /// waiting would not help; what is more is not taken.
  public var excess = 4

  public init() {}
}

extension Report {
  /// About what the report takes in memory, in bytes, by the lengths of its lists.
  var footprint: Int {
    let rows = summary?.count ?? 0
    return 1024 + 600 * rows + 24 * (sources.listed.count + targets.listed.count)
      + 400 * evidence.count + 96 * terms.count + 16 * derivedFrom.count
  }
}
