import Reports
import Terms

/// When each segment was last heard of, so that a step nobody saw can be told from a step that
/// nobody could see.
struct SensorMemory: Sendable, Codable {
  /// Segments remembered.
  private static let segmentLimit = 4096

  private let sensors: [String: [MonitorName]]
  private let patience: TimeSpan
  private var heard: [String: CaptureTime] = [:]
  private var silent: Set<MonitorName> = []
  private var began: CaptureTime?

  /// `patience`: how long a segment may say nothing.
  init(sensors: [String: [MonitorName]], patience: TimeSpan) {
    self.sensors = sensors
    self.patience = patience
  }

  /// Evidence comes every epoch from whoever sees traffic, and so does what is told of it.
  mutating func hear(_ report: Report) {
    if began == nil { began = report.emitted }
    for segment in report.coverage.segments
    where heard.count < Self.segmentLimit || heard[segment] != nil {
      heard[segment] = report.emitted
    }
    if !report.coverage.silent.isEmpty || !silent.isEmpty {
      silent = Set(report.coverage.silent.prefix(Report.Limit.coverage))
    }
  }

  func isBlind(_ segment: String, asOf now: CaptureTime) -> Bool {
    if let monitors = sensors[segment], !monitors.isEmpty,
      monitors.allSatisfy(silent.contains)
    {
      return true
    }
    guard let since = heard[segment] ?? began else { return false }
    return now - since >= patience
  }

  /// `sensor br-servers silent`, in words for a gap.
  func words(_ segment: String, asOf now: CaptureTime) -> String {
    guard let name = sensors[segment]?.first else { return "no sensor in \(segment)" }
    return isBlind(segment, asOf: now) ? "sensor \(name) silent" : "sensor \(name) saw none"
  }
}
