import Analysis
import Reports
import Terms

/// A detector of one kind of flood: each says what it counts, and when a rate is a flood; its judge
/// does the rest.
protocol FloodDetector: AnalysisEngine, LossCounting {
  var judge: FloodJudge { get set }
  /// Judges a target after a second that held very much.
  mutating func reweigh(
    _ slot: Int, _ key: TableKey, at now: CaptureTime, into sink: inout ReportSink)
}

extension FloodDetector {
  var nextDeadline: CaptureTime { min(judge.nextDeadline, judge.meter.surgeDue) }
  var losses: UInt64 { judge.losses }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    if judge.meter.surgeDue <= now {
      for key in judge.meter.takeSurges() {
        let slot = judge.meter.slot(of: key)
        if slot >= 0 { reweigh(slot, key, at: now, into: &sink) }
      }
    }
    if judge.nextDeadline <= now { judge.advance(to: now, into: &sink) }
  }

  mutating func reweigh(
    _ slot: Int, _ key: TableKey, at now: CaptureTime, into sink: inout ReportSink
  ) {}
}
