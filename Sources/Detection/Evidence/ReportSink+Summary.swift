import Analysis
import Reports
import Terms

extension ReportSink {
  /// Emits the rows that an epoch brought on `segment` (empty: none is known) as one evidence
  /// report. It names the capture that the packets of its rows are of, and no packets itself.
  mutating func emit(
    _ summary: Summary, as kind: ReportKind, on segment: String, from first: CaptureTime,
    to last: CaptureTime
  ) {
    var report = opening(
      kind, .evidence, subject: segment, first: first, last: last, at: last, severity: 1,
      confidence: 1)
    report.summary = summary
    report.evidence = [evidence([])]
    if !segment.isEmpty { report.coverage.segments = [segment] }
    emit(report)
  }
}
