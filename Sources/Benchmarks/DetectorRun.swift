import Analysis
import Capture
import Detection
import Flows
import Reports
import Signatures
import Terms

/// The whole local analysis, as `beryl-local` runs it.
enum DetectorRun {
  /// Runs the capture at `path` through flows, sessions and every detector, or only those that
  /// need no sessions; returns
  /// the number of packets.
  static func count(
    _ path: String, batch: Int, readsSessions: Bool, rules: SignatureSet? = nil,
    workers: Int = 1
  ) throws -> Int {
    guard let name = MonitorName("bench") else { return 0 }
    let sink = ReportSink(monitor: name, tier: .local, capture: "bench")
    var context = DetectionContext()
    context.signatures = rules
    var pipeline = DetectionPipeline(
      sink: sink, context: context,
      engines: readsSessions ? nil : DetectorCatalog.engines(context), workers: workers)
    var file = try CaptureFile(path: path)
    var reports = 0
    while true {
      let count = try file.read(atMost: batch) { frame in
        pipeline.take(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: frame.time,
          lasts: true)
      }
      guard count > 0 else { break }
      pipeline.flush()
      reports += pipeline.drainReports().count
    }
    pipeline.finish()
    reports += pipeline.drainReports().count
    return Int(pipeline.statistics.packets)
  }
}
