import Analysis
import Capture
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct PipelineTests {
  @Test(arguments: ["office-day", "office-day-clients", "crawl"])
  func aQuietDayHasNoDetectionAboveInformational(capture: String) throws {
    let reports = try Lab.detections(capture)
    #expect(reports.filter { $0.severity > Report.informationalSeverity }.map(\.story) == [])
  }

  @Test(arguments: ["ping-sweep", "decoy-scan", "syn-flood", "arp-spoof", "ssh-guessing"])
  func whereTheInputIsCutChangesNothing(capture: String) throws {
    let whole = try Lab.everything(capture)
    for chunk in [1, 13, 500] {
      #expect(try Lab.everything(capture, flushingEvery: chunk) == whole)
    }
  }

  @Test(arguments: ["udp-scan", "office-day", "syn-flood"])
  func howTheFlowTableIsKeyedChangesNothing(capture: String) throws {
    let reports = try Lab.everything(capture)
    #expect(try Lab.everything(capture, seed: 0x1234_5678_9abc_def0) == reports)
  }

  @Test func reportsComeInOrderBehindTheWatermark() throws {
    var pipeline = try Lab.pipeline()
    var file = try CaptureFile(path: Lab.path("connect-scan"))
    var promised = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    func check(_ reports: [Report]) {
      for report in reports {
        #expect(report.emitted > promised)
        #expect(report.emitted >= last)
        last = report.emitted
      }
    }
    while try file.read(
      atMost: 50,
      {
        pipeline.take(
          $0.bytes, linkType: $0.linkType, wireLength: $0.wireLength, time: $0.time)
      }) > 0
    {
      pipeline.flush()
      check(pipeline.drainReports())
      #expect(pipeline.watermark >= promised)
      promised = pipeline.watermark
    }
    pipeline.advance(to: pipeline.time + .seconds(100))
    check(pipeline.drainReports())
    promised = pipeline.watermark
    pipeline.finish()
    check(pipeline.drainReports())
    #expect(pipeline.watermark == .distantFuture)
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>) func hostileBytesNeverTrap(seed: UInt64) throws {
    var state = seed
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state >> 33
    }
    var pipeline = try Lab.pipeline()
    for capture in ["ping-sweep", "arp-spoof", "ssh-guessing"] {
      var file = try CaptureFile(path: Lab.path(capture))
      while try file.read(
        atMost: 100,
        { frame in
          var bytes = Array(frame.bytes)
          for _ in 0..<3 where !bytes.isEmpty {
            bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next())
          }
          let time = CaptureTime(nanoseconds: Int64(bitPattern: next() &* next()))
          bytes.withUnsafeBytes {
            pipeline.take($0, linkType: .ethernet, wireLength: UInt32($0.count), time: time)
          }
        }) > 0
      {}
      pipeline.flush()
    }
    pipeline.finish()
    #expect(pipeline.drainReports().allSatisfy { $0.first <= $0.last })
  }

  @Test func everyLimitHasANameOfItsOwnAndAnExplanation() {
    let limits = DetectorCatalog.limits
    #expect(Set(limits.map(\.name)).count == limits.count)
    #expect(limits.allSatisfy { $0.name.contains(".") && $0.help.hasSuffix(".") })
    #expect(limits.allSatisfy { $0.standard > 0 })
  }

  @Test func aLimitOfTheTopologyIsObeyed() throws {
    var limits = LimitTable()
    limits.overrides["port-scan.failures"] = 500
    var story = try Story(PortScan(DetectionContext(limits: limits)))
    for port in 1...100 as ClosedRange<UInt16> {
      try story.contact(.refused, "10.1.1.5", "10.1.1.9", port)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
