import Reports
import Terms

/// A source that servers of one service refused, as all taps together saw it.
struct Guesser: Sendable, Codable {
  /// What one server refused it.
  struct Refusal: Sendable, Codable {
    var port: UInt16
    var last: CaptureTime
    /// Tries by tap: of those that see the same path, the one that saw most is right.
    var tries: [MonitorName: UInt64] = [:]
  }

  /// Servers remembered of one source, taps of one server, and names that it tried.
  private static let serverLimit = 256
  private static let tapLimit = 16
  private static let userLimit = 64

  private(set) var refusals: [IPAddress: Refusal] = [:]
  /// Servers that let it in, and when last.
  private(set) var admissions: [IPAddress: CaptureTime] = [:]
  private(set) var users: Set<String> = []
  private(set) var first = CaptureTime.distantFuture
  private(set) var last = CaptureTime.distantPast
  private(set) var grounds = Grounds()
  /// What was told of it alone, and how many servers had refused it then.
  var report: Report?
  var told = 0

  var attempts: UInt64 {
    refusals.values.reduce(0) { $0 &+ ($1.tries.values.max() ?? 0) }
  }

  /// Whether nothing is known of it any more.
  var isQuiet: Bool { refusals.isEmpty && admissions.isEmpty }

  mutating func take(_ row: LoginRow, of event: Report) {
    guard row.outcome == .refused else {
      // A session that goes on was let in, whether or not that was seen.
      refusals[row.server] = nil
      if admissions.count < Self.serverLimit || admissions[row.server] != nil {
        admissions[row.server] = max(admissions[row.server] ?? row.last, row.last)
      }
      return
    }
    // Where it came in before it belongs.
    guard admissions[row.server] == nil else { return }
    first = min(first, row.opened)
    last = max(last, row.last)
    grounds.add(event, packets: row.packets)
    if !row.user.isEmpty, users.count < Self.userLimit { users.insert(row.user) }
    guard refusals.count < Self.serverLimit || refusals[row.server] != nil else { return }
    var refusal = refusals[row.server] ?? Refusal(port: row.serverPort, last: row.last)
    refusal.last = max(refusal.last, row.last)
    if refusal.tries.count < Self.tapLimit || refusal.tries[event.monitor] != nil {
      refusal.tries[event.monitor, default: 0] &+= row.count
    }
    refusals[row.server] = refusal
  }

  /// What is older is forgotten.
  mutating func forget(before oldest: CaptureTime) {
    if refusals.contains(where: { $0.value.last < oldest }) {
      refusals = refusals.filter { $0.value.last >= oldest }
      first = max(first, oldest)
    }
    if admissions.contains(where: { $0.value < oldest }) {
      admissions = admissions.filter { $0.value >= oldest }
    }
  }
}
