import Monitoring
import Terms

/// Which children live, hold event time back for all others, and do not go on themselves.
///
/// A child that only says that it lives would otherwise make its parent deaf to everybody: time
/// waits for the least promise. So one that holds the others back must come on, by the host's clock;
/// one that does not has *stalled*: time waits for it no longer, until it has caught up.
struct StallWatch: Sendable {
  /// How far another child must be ahead before one is said to hold it back. Children speak of what
  /// they conclude some seconds late, and not all at once.
  static let lag = TimeSpan.seconds(30)
  /// The least event time that a child must come on, as a share of the host time that it takes: a
  /// tenth, since one that reads up on what it missed, or replays a large capture, may be slow.
  static let leastPace = 0.1

  private struct Hold: Sendable {
    var since: HostTime
    var promise: CaptureTime
  }

  private var holds: [MonitorName: Hold] = [:]
  private(set) var stalled: Set<MonitorName> = []

  /// Takes what each child that holds others back has promised by now; returns those that have
  /// stalled since.
  /// - Parameter patience: the host time that a child is given, in milliseconds.
  mutating func note(
    _ holders: [MonitorName: CaptureTime], patience: UInt64, _ now: HostTime
  ) -> [MonitorName] {
    holds = holds.filter { holders[$0.key] != nil }
    var found: [MonitorName] = []
    for (child, promise) in holders.sorted(by: { $0.key < $1.key }) {
      guard let hold = holds[child] else {
        holds[child] = Hold(since: now, promise: promise)
        continue
      }
      let elapsed = now.milliseconds(since: hold.since)
      guard elapsed >= patience else { continue }
      let came = promise - hold.promise
      if came < TimeSpan.milliseconds(Int(Double(min(elapsed, 1 << 40)) * Self.leastPace)) {
        found.append(child)
        holds[child] = nil
      } else {
        holds[child] = Hold(since: now, promise: promise)
      }
    }
    stalled.formUnion(found)
    return found
  }

  /// The child has caught up, or is gone.
  mutating func forget(_ child: MonitorName) {
    holds[child] = nil
    stalled.remove(child)
  }
}
