import Analysis
import Flows
import Reports
import Signatures
import Terms

/// The signature engine in a pipeline: an inspector beside the flow engine, and who tells of its
/// matches.
struct SignatureStage {
  private let inspector: SignatureInspector
  private var reports: SignatureReports

  /// Attaches an inspector for `rules` to `flows`.
  init(_ rules: SignatureSet, _ context: DetectionContext, to flows: inout FlowEngine) {
    inspector = SignatureInspector(rules)
    reports = SignatureReports(rules, context)
    flows.attach(inspector)
  }

  var statistics: SignatureStatistics { inspector.statistics }
  var losses: UInt64 { inspector.statistics.lost &+ reports.losses }

  mutating func deliver(into sink: inout ReportSink) {
    let matches = inspector.matches
    guard !matches.isEmpty else { return }
    matches.withUnsafeBufferPointer { reports.analyse(batch: $0, into: &sink) }
    inspector.clearMatches()
  }

  mutating func runDeadlines(through time: CaptureTime, into sink: inout ReportSink) {
    reports.runDeadlines(through: time, into: &sink)
  }
}
