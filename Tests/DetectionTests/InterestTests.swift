import Analysis
import Capture
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// An engine that is shown everything, whatever it asked for.
private struct Unselective<Inner: AnalysisEngine>: AnalysisEngine {
  var inner: Inner

  var interest: EventClasses { .all }
  var nextDeadline: CaptureTime { inner.nextDeadline }

  mutating func begin(at time: CaptureTime) { inner.begin(at: time) }

  mutating func analyse(_ event: Inner.Event, into sink: inout ReportSink) {
    inner.analyse(event, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    inner.advance(to: now, into: &sink)
  }

  mutating func hear(_ report: Report, into sink: inout ReportSink) {
    inner.hear(report, into: &sink)
  }
}

@Suite struct InterestTests {
  private func widened<Event>(
    _ engines: [any AnalysisEngine<Event>]
  ) -> [any AnalysisEngine<Event>] {
    func widen(_ engine: some AnalysisEngine<Event>) -> any AnalysisEngine<Event> {
      Unselective(inner: engine)
    }
    return engines.map { widen($0) }
  }

  @Test(arguments: Lab.all) func anEngineMissesNothingByItsInterest(capture: String) throws {
    let context = DetectionContext(segment: "lab")
    let name = try #require(MonitorName("lab"))
    var pipeline = DetectionPipeline(
      sink: ReportSink(monitor: name, tier: .local, capture: "lab.pcap"), context: context,
      engines: widened(DetectorCatalog.engines(context)),
      sessionEngines: widened(SessionCatalog.engines(context)),
      listeners: widened(ProfileCatalog.engines(context)))
    var file = try CaptureFile(path: Lab.path(capture))
    while try file.read(
      atMost: 4096,
      {
        pipeline.take(
          $0.bytes, linkType: $0.linkType, wireLength: $0.wireLength, time: $0.time)
      }) > 0
    {}
    pipeline.finish()
    let reports = try Lab.everything(capture, flushingEvery: 100)
    #expect(reports == pipeline.drainReports())
  }
}
