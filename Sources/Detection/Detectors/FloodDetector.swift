import Analysis
import Reports
import Terms

/// A detector of one kind of flood: each says what it counts, and when a rate is a flood; its judge
/// does the rest.
protocol FloodDetector: AnalysisEngine, LossCounting {
  var judge: FloodJudge { get set }
}

extension FloodDetector {
  var nextDeadline: CaptureTime { judge.nextDeadline }
  var losses: UInt64 { judge.losses }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    judge.advance(to: now, into: &sink)
  }
}
