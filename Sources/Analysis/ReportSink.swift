import Reports
import Terms

/// Where engines put their reports: it knows who reports, so that engines need not.
public struct ReportSink: Sendable {
  public let monitor: MonitorName
  public let tier: Tier
  /// The drill that the events belong to; nil for real traffic.
  public let exercise: String?
  /// The name of the capture behind the events; empty above the local tier.
  public let capture: String
  /// Keeps ids apart where one monitor speaks in two roles; put before every subject.
  public let scope: String
  /// What was emitted since the last `drain`.
  public private(set) var reports: [Report] = []

  public init(
    monitor: MonitorName, tier: Tier, exercise: String? = nil, capture: String = "",
    scope: String = ""
  ) {
    self.monitor = monitor
    self.tier = tier
    self.exercise = exercise
    self.capture = capture
    self.scope = scope
  }

  /// A report of this monitor that opens at `opened`; the caller fills in the rest and emits it.
  /// - Parameter id: what it is about, where that is a report: the rest of the subject.
  public func opening(
    _ kind: ReportKind, _ reportClass: ReportClass = .detection, subject: String,
    about id: ReportID? = nil, first: CaptureTime, last: CaptureTime, at opened: CaptureTime,
    severity: Double,
    confidence: Double
  ) -> Report {
    var report = Report(
      id: ReportID(
        monitor: monitor, kind: kind, subject: scope + subject, about: id, opened: opened,
        exercise: exercise),
      kind: kind, reportClass: reportClass, monitor: monitor, tier: tier, first: first, last: last,
      raised: opened, emitted: opened, severity: severity, confidence: confidence)
    report.exercise = exercise
    return report
  }

  public mutating func emit(_ report: Report) { reports.append(report) }

  /// Packets of this monitor's capture as evidence; at most `Report.Limit.packets` are kept.
  public func evidence(_ packets: some Sequence<UInt64>) -> Evidence {
    Evidence(
      monitor: monitor, capture: capture,
      packets: Array(Set(packets).sorted().prefix(Report.Limit.packets)))
  }

  /// Hands over what was emitted, to where nothing is; both keep their room.
  public mutating func drain(into room: inout [Report]) { swap(&room, &reports) }

  /// Hands over what was emitted and forgets it.
  public mutating func drain() -> [Report] {
    guard !reports.isEmpty else { return [] }
    var drained: [Report] = []
    swap(&drained, &reports)
    return drained
  }
}
