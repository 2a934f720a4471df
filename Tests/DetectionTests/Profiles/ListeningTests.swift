import Analysis
import Capture
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// Writes down what it is given, as reports of its own.
private struct Scribe: AnalysisEngine {
  var nextDeadline = CaptureTime.distantFuture
  private(set) var lines: [String] = []

  mutating func analyse(_ event: FlowEvent, into sink: inout ReportSink) {
    note("\(event.time) \(event.kind) \(event.packet)", event.time, &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
  }

  mutating func hear(_ report: Report, into sink: inout ReportSink) {
    note("\(report.emitted) \(report.kind) \(report.id) \(report.revision)", report.emitted, &sink)
  }

  private mutating func note(_ line: String, _ time: CaptureTime, _ sink: inout ReportSink) {
    var report = sink.opening(
      ReportKind("test.line"), subject: "\(lines.count)", first: time, last: time, at: time,
      severity: 1, confidence: 1)
    report.attributes["line"] = .text("\(lines.count) \(line)")
    lines.append(line)
    sink.emit(report)
  }
}

@Suite struct ListeningTests {
  private func lines(_ capture: String, flushingEvery chunk: Int) throws -> [String] {
    let context = DetectionContext(segment: "lab")
    let name = try #require(MonitorName("lab"))
    var pipeline = DetectionPipeline(
      sink: ReportSink(monitor: name, tier: .local, capture: "lab.pcap"), context: context,
      engines: DetectorCatalog.engines(context), sessionEngines: SessionCatalog.engines(context),
      listeners: [Scribe()])
    var file = try CaptureFile(path: Lab.path(capture))
    while try file.read(
      atMost: max(chunk, 1),
      {
        pipeline.take(
          $0.bytes, linkType: $0.linkType, wireLength: $0.wireLength, time: $0.time)
      }) > 0
    {
      if chunk > 0 { pipeline.flush() }
    }
    pipeline.finish()
    return pipeline.drainReports().filter { $0.kind.text == "test.line" }
      .compactMap { $0.text("line") }
  }

  @Test(arguments: ["ssh-guessing", "syn-flood", "dns-spoof"])
  func reportsAreHeardInTheirPlaceInEventTimeHoweverTheInputIsCut(capture: String) throws {
    let whole = try lines(capture, flushingEvery: 0)
    #expect(
      whole.contains { $0.contains("access.") || $0.contains("dos.") || $0.contains("spoof.") })
    for chunk in [1, 7, 300] {
      let isSame = try lines(capture, flushingEvery: chunk).sorted() == whole.sorted()
      #expect(isSame, "cut after every \(chunk)")
    }
  }

  @Test func aPipelineHandsOverWhatItsEnginesLearnedAndTakesItUp() throws {
    let name = try #require(MonitorName("lab"))
    var taught = UsageProfiles(OfficeTrace.context)
    var trace = OfficeTrace(seed: 5)
    _ = trace.run(0..<1, through: &taught)
    func pipeline(_ engine: UsageProfiles) -> DetectionPipeline {
      DetectionPipeline(
        sink: ReportSink(monitor: name, tier: .local), context: OfficeTrace.context,
        listeners: [engine])
    }
    let learned = pipeline(taught).learned()
    var other = pipeline(UsageProfiles(OfficeTrace.context))
    // No arrays in the messages: they would be long.
    let wasFresh = other.learned() != learned
    #expect(wasFresh)
    try other.restore(learned: learned)
    let isSame = other.learned() == learned
    #expect(isSame)
  }
}
