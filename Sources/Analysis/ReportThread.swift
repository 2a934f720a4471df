import Reports
import Terms

/// One report over its life: opened once, revised as the attack grows, a last revision when it
/// ends.
///
/// Revisions are few by construction: at least `spacing` of event time apart, and only on growth by
/// `growth` or on a new fact.
public struct ReportThread: Sendable {
  /// A count has to grow by this factor before it is worth a revision.
  public static let growth = 2.0

  /// The newest revision, or nothing before the report is opened. Apart, because tables are full of
  /// threads that never open.
  private var newest: [Report] = []
  public private(set) var isOpen = false
  /// When the newest revision was emitted.
  public private(set) var emitted = CaptureTime.distantPast
  private var count: UInt64 = 0
  private var facts: UInt64 = 0
  private let spacing: TimeSpan

  /// The newest revision; nil before the report is opened.
  public var report: Report? { newest.first }

  public init(spacing: TimeSpan) { self.spacing = spacing }

  /// Whether `count` observations (with `facts`, a digest of what is new in kind) justify a
  /// revision at `now`.
  public func isDue(count: UInt64, facts: UInt64 = 0, at now: CaptureTime) -> Bool {
    guard isOpen, now - emitted >= spacing else { return false }
    return facts != self.facts || Double(count) >= Double(self.count) * Self.growth
  }

  /// Whether anything happened since the newest revision.
  public func isStale(count: UInt64, facts: UInt64 = 0) -> Bool {
    isOpen && (count != self.count || facts != self.facts)
  }

  /// When the last revision is due, if nothing follows `last`: after `quiet`, and no sooner than a
  /// quarter of the time that the attack has lasted, so that each probe of a slow scan is not taken
  /// for the last.
  public func lastDue(after last: CaptureTime, quiet: TimeSpan) -> CaptureTime {
    let lasted = max(last - (newest.first?.first ?? last), .zero)
    return max(last, emitted) + max(quiet, TimeSpan(nanoseconds: lasted.nanoseconds / 4))
  }

  /// Opens the report, or revises it with the facts of `fresh` (whose id and times of opening are
  /// replaced).
  public mutating func emit(
    _ fresh: Report, count: UInt64, facts: UInt64 = 0, at now: CaptureTime,
    into sink: inout ReportSink
  ) {
    var next = fresh
    if let report {
      next.id = report.id
      next.raised = report.raised
      next.revision = report.revision &+ 1
      next.first = min(report.first, fresh.first)
    }
    next.emitted = now
    newest = [next]
    isOpen = true
    emitted = now
    self.count = count
    self.facts = facts
    sink.emit(next)
  }
}
