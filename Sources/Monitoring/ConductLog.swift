import Analysis
import Reports
import Terms

/// What a child does that no sound monitor does. Its parent notes it, and its correlators judge.
public enum Misconduct: String, Codable, Sendable, Hashable, Comparable, CaseIterable {
  /// More reports than its budget allows, or more than fit: not taken.
  case flood
  /// Reports that break the schema, or claim another monitor's name or lane: not taken.
  case forgery
  /// Reports emitted at or before the time up to which the child had promised to have told all.
  case brokenPromise = "broken-promise"

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The kind of report that tells of it.
  var kind: ReportKind {
    switch self {
    case .flood: .overload
    case .forgery: .forgedReports
    case .brokenPromise: .clockSkew
    }
  }
}

/// Counts of misconduct by epoch of the child's event time, until that is over. They then go through
/// the lane as informational reports of this monitor itself, so that correlators read them like any
/// other, at an event time that does not depend on how batches were cut.
struct ConductLog: Sendable, Codable {
  static let epoch = TimeSpan.seconds(10)
  /// How far ahead of what it has promised a child's claims are believed.
  private static let horizon = TimeSpan.minutes(10)
  private static let capacity = 4096

  private struct Key: Hashable, Comparable, Codable {
    var end: CaptureTime
    var child: MonitorName
    var misconduct: Misconduct

    static func < (left: Key, right: Key) -> Bool {
      (left.end, left.child, left.misconduct) < (right.end, right.child, right.misconduct)
    }
  }

  private struct Entry: Codable {
    var first: CaptureTime
    var last: CaptureTime
    var count: UInt64
    /// Reports taken of the batches in which others were not.
    var taken: UInt64
    var reason: String
  }

  private var entries: [Key: Entry] = [:]

  var isEmpty: Bool { entries.isEmpty }

  /// - Parameters:
  ///   - floor: what the lane has already processed.
  ///   - promised: what the child has promised.
  mutating func note(
    _ misconduct: Misconduct, by child: MonitorName, at time: CaptureTime, count: UInt64,
    taken: UInt64, reason: String, floor: CaptureTime, promised: CaptureTime
  ) {
    guard floor < .distantFuture else { return }
    var moment = time
    if promised > .distantPast, promised < .distantFuture {
      moment = min(max(moment, promised - Self.horizon), promised + Self.horizon)
    }
    moment = max(moment, floor)
    if moment == .distantPast { moment = CaptureTime(nanoseconds: 0) }
    let key = Key(
      end: moment.epochStart(Self.epoch) + Self.epoch, child: child, misconduct: misconduct)
    guard var entry = entries[key] else {
      guard entries.count < Self.capacity else { return }
      entries[key] = Entry(
        first: moment, last: moment, count: count, taken: taken, reason: reason)
      return
    }
    entry.first = min(entry.first, moment)
    entry.last = max(entry.last, moment)
    entry.count &+= count
    entry.taken &+= taken
    entry.reason = max(entry.reason, reason)
    entries[key] = entry
  }

  /// What was noted of the epochs that end by `time`, as reports, in order.
  mutating func due(through time: CaptureTime, in sink: ReportSink) -> [Report] {
    guard !entries.isEmpty else { return [] }
    let keys = entries.keys.filter { $0.end <= time }.sorted()
    return keys.compactMap { key in
      entries.removeValue(forKey: key).map { Self.report(key, $0, in: sink) }
    }
  }

  private static func report(_ key: Key, _ entry: Entry, in sink: ReportSink) -> Report {
    var report = sink.opening(
      key.misconduct.kind, subject: "\(key.misconduct.rawValue) of \(key.child)",
      first: entry.first, last: entry.last, at: key.end, severity: 1, confidence: 1)
    report.attributes = [
      "monitor": .text(key.child.text), "dropped": .count(entry.count),
      "reason": .text(entry.reason),
    ]
    let share = Double(entry.count) / Double(max(1, entry.count &+ entry.taken))
    if key.misconduct == .flood { report.coverage.loss = share }
    return report
  }
}
