import Hierarchy
import Reports
import Terms

/// What the evidence tells of services and hosts: when each last answered, and when it last failed
/// to. Bounded; the longest unheard go first.
struct ServiceMemory: Sendable, Codable {
  private struct Key: Hashable, Comparable, Codable {
    var address: IPAddress
    /// nil for the host as a whole.
    var port: UInt16?

    static func < (left: Key, right: Key) -> Bool {
      (left.address, left.port ?? 0) < (right.address, right.port ?? 0)
    }
  }

  private struct State: Codable {
    var answered = CaptureTime.distantPast
    var failed = CaptureTime.distantPast
    var last: CaptureTime { max(answered, failed) }
  }

  private let capacity: Int
  private var states: [Key: State] = [:]

  init(capacity: Int) { self.capacity = max(1, capacity) }

  /// Takes the rows of an evidence report.
  mutating func take(_ summary: Summary) {
    switch summary {
    case .rates(let rows):
      for row in rows {
        if row.contacts > row.unfinished { note(row.target, row.port, answeredAt: row.last) }
        if row.unfinished >= row.contacts, row.contacts > 0 {
          note(row.target, row.port, failedAt: row.last)
        }
      }
    case .contacts(let rows):
      for row in rows {
        let failed = Set(row.failedTargets.listed)
        for target in row.targets.listed where target.isHost {
          if failed.contains(target) {
            note(target.base, row.port, failedAt: row.last)
          } else {
            note(target.base, row.port, answeredAt: row.last)
          }
        }
      }
    case .logins(let rows):
      for row in rows { note(row.server, row.serverPort, answeredAt: row.last) }
    case .leases: break
    }
  }

  /// Takes a report that a service is down.
  mutating func take(down report: Report) {
    for target in report.targets.listed where target.isHost {
      for port in report.ports { note(target.base, port, failedAt: report.last) }
    }
  }

  private mutating func note(
    _ address: IPAddress, _ port: UInt16, answeredAt answered: CaptureTime = .distantPast,
    failedAt failed: CaptureTime = .distantPast
  ) {
    for key in [Key(address: address, port: port), Key(address: address, port: nil)] {
      if states[key] == nil, states.count >= capacity { forgetOldestHalf() }
      var state = states[key] ?? State()
      state.answered = max(state.answered, answered)
      state.failed = max(state.failed, failed)
      states[key] = state
    }
  }

  private mutating func forgetOldestHalf() {
    let order = states.sorted { ($0.value.last, $0.key) < ($1.value.last, $1.key) }
    for (key, _) in order.prefix(capacity / 2 + 1) { states[key] = nil }
  }

  /// Whether a service last answered; nil when nothing is known of it.
  func isUp(_ address: IPAddress, _ port: UInt16) -> Bool? {
    states[Key(address: address, port: port)].map { $0.answered >= $0.failed }
  }

  /// Whether a host answered anything; nil when nothing is known of it.
  func answers(_ address: IPAddress) -> Bool? {
    states[Key(address: address, port: nil)].map { $0.answered > .distantPast }
  }
}
