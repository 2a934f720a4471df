import Reports
import Terms

/// What a child may send up, in reports per second of event time: a token bucket that coarsens
/// evidence first and sheds detections last, and counts what it did.
public struct OutputBudget: Sendable, Codable {
  /// Seconds of budget that may be saved up for a burst.
  public static let burstSeconds = 10.0
  /// How many bursts deep detections and incidents may overdraw before their revisions, then they
  /// themselves, are shed.
  public static let overdraft = 10.0

  private let rate: Double
  private var tokens: Double
  private var refilled = CaptureTime.distantPast
  /// Evidence absorbed while over budget, one merged report per kind.
  private var held: [ReportKind: Report] = [:]

  /// Evidence reports merged into a later one, and detections or incidents not sent up.
  public private(set) var coarsened: UInt64 = 0
  public private(set) var shed: UInt64 = 0

  /// `rate` in reports per second; nil for no budget.
  public init(rate: Double?) {
    self.rate = rate ?? .infinity
    tokens = self.rate * Self.burstSeconds
  }

  /// The report that may go up now: this one, one that absorbed it, or none.
  public mutating func admit(_ report: Report) -> Report? {
    guard rate.isFinite else { return report }
    refill(at: report.emitted)
    if report.reportClass == .evidence { return admitEvidence(report) }
    let depth = rate * Self.burstSeconds * Self.overdraft
    let floor = report.revision > 0 ? -depth / 2 : -depth
    guard tokens > floor else {
      shed += 1
      return nil
    }
    tokens -= 1
    return report
  }

  /// What is still held back, when the lane ends and nothing will follow that could carry it.
  public mutating func flush() -> [Report] {
    defer { held = [:] }
    return held.sorted { $0.key < $1.key }.map(\.value)
  }

  private mutating func refill(at time: CaptureTime) {
    defer { refilled = max(refilled, time) }
    guard refilled > .distantPast, time > refilled else { return }
    tokens = min(rate * Self.burstSeconds, tokens + (time - refilled).seconds * rate)
  }

  private mutating func admitEvidence(_ report: Report) -> Report? {
    let merged = held[report.kind].map { $0.absorbing(report) } ?? report
    guard tokens >= 1 else {
      held[report.kind] = merged
      coarsened += 1
      return nil
    }
    held[report.kind] = nil
    tokens -= 1
    return merged
  }
}

extension Report {
  /// This evidence and a later piece as one report under the later identity, at most
  /// `Limit.summaryRows` rows.
  func absorbing(_ later: Report) -> Report {
    var merged = later
    merged.first = min(first, later.first)
    merged.coverage.segments = Set(coverage.segments).union(later.coverage.segments).sorted()
    merged.derivedFrom = Array((derivedFrom + later.derivedFrom).prefix(Limit.derivedFrom))
    switch (summary, later.summary) {
    case (.contacts(let old), .contacts(let new)):
      merged.summary = .contacts(Array((new + old).prefix(Limit.summaryRows)))
    case (.rates(let old), .rates(let new)):
      merged.summary = .rates(Array((new + old).prefix(Limit.summaryRows)))
    case (.logins(let old), .logins(let new)):
      merged.summary = .logins(Array((new + old).prefix(Limit.summaryRows)))
    case (.leases(let old), .leases(let new)):
      merged.summary = .leases(Array((new + old).prefix(Limit.summaryRows)))
    default: break
    }
    return merged
  }
}
