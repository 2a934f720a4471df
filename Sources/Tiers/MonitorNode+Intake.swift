import Links
import Monitoring
import Reports
import Terms

/// What a monitor takes of its children: each within its budget, and none of them more at once than
/// fits, so that one that floods costs the others no time and the monitor no memory.
///
/// A child that keeps its budget (`OutputBudget`) is never refused anything. One that is ahead of
/// the others' event time waits for its acknowledgement, which the window of its link turns into
/// back-pressure.
struct Intake: Sendable {
  /// A batch that is neither stored nor acknowledged yet.
  struct Held: Sendable {
    var child: MonitorName
    var entries: [SequencedReport]
    var through: UInt64
    var watermark: CaptureTime
  }

  private struct Way: Hashable {
    var child: MonitorName
    var lane: LaneName
  }

  let rates: [MonitorName: Double]
  private var budgets: [Way: IntakeBudget] = [:]
  /// Batches of the live lane, by connection, oldest first; at most `LinkLimit.window` each.
  private(set) var held: [ConnectionID: [Held]] = [:]

  init(rates: [MonitorName: Double]) { self.rates = rates }

  /// Takes out what is over the child's budget; returns what was not taken.
  mutating func shed(
    _ entries: inout [SequencedReport], of child: MonitorName, _ lane: LaneName
  ) -> [Report] {
    guard let rate = rates[child], !entries.isEmpty else { return [] }
    let way = Way(child: child, lane: lane)
    var budget = budgets[way] ?? IntakeBudget(rate: rate)
    var over: [Int] = []
    for index in entries.indices where !budget.admits(at: entries[index].report.emitted) {
      over.append(index)
    }
    budgets[way] = budget
    guard !over.isEmpty else { return [] }
    let shed = over.map { entries[$0].report }
    let gone = Set(over)
    entries = entries.indices.filter { !gone.contains($0) }.map { entries[$0] }
    return shed
  }

  func isHolding(_ connection: ConnectionID) -> Bool { held[connection] != nil }

  func isHolding(_ child: MonitorName) -> Bool {
    held.values.contains { $0.first?.child == child }
  }

  mutating func hold(_ batch: Held, of connection: ConnectionID) {
    held[connection, default: []].append(batch)
  }

  mutating func next(of connection: ConnectionID) -> Held? {
    guard var list = held[connection], !list.isEmpty else { return nil }
    let first = list.removeFirst()
    held[connection] = list.isEmpty ? nil : list
    return first
  }

  /// The link is gone: what was not acknowledged comes again.
  mutating func forget(_ connection: ConnectionID) { held[connection] = nil }

  mutating func forget(_ lane: LaneName) { budgets = budgets.filter { $0.key.lane != lane } }
}

extension MonitorNode {
  /// Stores a batch of a child, or lets it wait while the child is ahead of the others.
  mutating func take(
    _ entries: [SequencedReport], _ child: MonitorName, _ lane: LaneName, through: UInt64,
    watermark: CaptureTime, _ connection: ConnectionID, _ now: HostTime
  ) {
    if lane == .live, intake.isHolding(connection) || isAhead(child) {
      let batch = Intake.Held(
        child: child, entries: entries, through: through, watermark: watermark)
      return intake.hold(batch, of: connection)
    }
    store(entries, child, lane, through: through, watermark: watermark, connection, now)
    releaseHeld(now)
  }

  /// Stores what waited, as far as event time has come by now.
  mutating func releaseHeld(_ now: HostTime) {
    guard !intake.held.isEmpty else { return }
    var isMoving = true
    while isMoving {
      isMoving = false
      for connection in intake.held.keys.sorted() {
        guard let child = intake.held[connection]?.first?.child, !isAhead(child),
          let batch = intake.next(of: connection)
        else { continue }
        isMoving = true
        store(
          batch.entries, child, .live, through: batch.through, watermark: batch.watermark,
          connection, now)
      }
    }
  }

  /// Counts a report that is not one, and notes who sent it.
  mutating func reject(
    _ sequence: UInt64, of child: MonitorName, _ lane: LaneName, _ why: RejectedReport
  ) {
    counters["reports.rejected", default: 0] += 1
    let reason: String =
      switch why {
      case .schema: "breaks the schema"
      case .wrongMonitor: "another monitor's name"
      case .wrongLane: "another lane's"
      }
    lanes[lane]?.note(
      .forgery, by: child, at: .distantPast, count: 1, taken: 0, reason: reason, configuration)
  }

  private func isAhead(_ child: MonitorName) -> Bool {
    let limits = configuration.intakeLimits
    if configuration.peersHeard.contains(child) {
      return lanes[.live]?.council?.isAhead(child, limits) ?? false
    }
    return lanes[.live]?.correlation?.isAhead(child, limits) ?? false
  }

  /// Takes out what is over the child's budget, or more than fits.
  mutating func shed(
    _ entries: inout [SequencedReport], of child: MonitorName, _ lane: LaneName
  ) {
    var gone: [Report] = []
    let isOverfull = lanes[lane]?.isOverfull(child, configuration) ?? false
    if isOverfull {
      gone = entries.map(\.report)
      entries = []
    } else {
      gone = intake.shed(&entries, of: child, lane)
    }
    guard let last = gone.last else { return }
    counters["intake.shed", default: 0] += UInt64(gone.count)
    let reason = isOverfull ? "more than fits" : "over its budget"
    lanes[lane]?.note(
      .flood, by: child, at: last.emitted, count: UInt64(gone.count),
      taken: UInt64(entries.count), reason: reason, configuration)
  }
}

extension NodeLane {
  func isOverfull(_ child: MonitorName, _ configuration: NodeConfiguration) -> Bool {
    let limits = configuration.intakeLimits
    if configuration.peersHeard.contains(child) {
      return council?.isOverfull(child, limits) ?? false
    }
    return correlation?.isOverfull(child, limits) ?? false
  }

  mutating func note(
    _ misconduct: Misconduct, by child: MonitorName, at time: CaptureTime, count: UInt64,
    taken: UInt64, reason: String, _ configuration: NodeConfiguration
  ) {
    if configuration.peersHeard.contains(child) {
      council?.note(misconduct, by: child, at: time, count: count, taken: taken, reason: reason)
    } else {
      correlation?.note(
        misconduct, by: child, at: time, count: count, taken: taken, reason: reason)
    }
  }
}
