import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// The work of one pipeline on several threads.
@Suite struct WorkerTests {
  @Test(arguments: Lab.all + Lab.own) func severalWorkersReportWhatOneDoes(capture: String) throws {
    let reports = try Lab.everything(capture)
    #expect(try Lab.everything(capture, flushingEvery: 97, workers: 2) == reports)
    #expect(try Lab.everything(capture, workers: 4) == reports)
  }

  /// Slower by so much that timeouts, epochs and revisions fall elsewhere.
  @Test(arguments: ["udp-scan", "office-day", "slow-http", "dmz-fragments"])
  func timeoutsFallTheSameForSeveralWorkers(capture: String) throws {
    let reports = try Lab.everything(capture, slower: 7.3)
    #expect(try Lab.everything(capture, slower: 7.3, workers: 3) == reports)
  }

  @Test(arguments: ["udp-scan", "dmz-fragments", "office-day"])
  func workersCountWhatOneCounts(capture: String) throws {
    var statistics: [FlowStatistics] = []
    for workers in [1, 4] {
      var pipeline = try Lab.pipeline(workers: workers)
      try Lab.feed(capture, to: &pipeline)
      pipeline.finish()
      statistics.append(pipeline.statistics)
    }
    #expect(statistics[0].packets == statistics[1].packets)
    #expect(statistics[0].bytes == statistics[1].bytes)
    #expect(statistics[0].fragments == statistics[1].fragments)
    #expect(statistics[0].malformations == statistics[1].malformations)
    #expect(statistics[0].checksums == statistics[1].checksums)
    #expect(statistics[0].flowsOpened == statistics[1].flowsOpened)
    #expect(statistics[0].ipPackets == statistics[1].ipPackets)
    #expect(statistics[0].sessions.opened == statistics[1].sessions.opened)
  }

  /// All packets have one time, so that only their order tells them apart, and sources and targets
  /// are many, so that they are spread over the workers.
  @Test func manyPacketsOfOneInstantKeepTheirOrder() throws {
    func reports(_ workers: Int) throws -> [Report] {
      var pipeline = try Lab.pipeline(workers: workers)
      for number in 0..<20_000 as Range<UInt32> {
        let time = CaptureTime(seconds: 1000 + Double(number / 5000))
        let frame = TinyFrame.syn(
          from: 0xc000_0200 + number % 251, to: 0x0a00_0000 + number % 4999,
          port: UInt16(number % 7 + 20), sourcePort: UInt16(truncatingIfNeeded: number))
        frame.withUnsafeBytes {
          pipeline.take($0, linkType: .ethernet, wireLength: UInt32($0.count), time: time)
        }
      }
      pipeline.finish()
      return pipeline.drainReports()
    }
    let one = try reports(1)
    #expect(one.contains { $0.reportClass == .detection })
    #expect(try reports(2) == one)
    #expect(try reports(5) == one)
  }

  /// A host's flow, and the router's complaint of it, are different workers' for some of these.
  @Test func aComplaintReachesTheWorkerOfItsFlow() throws {
    func events(_ workers: Int) throws -> UInt64 {
      let counter = RefusalCounter()
      var pipeline = DetectionPipeline(
        sink: ReportSink(monitor: try #require(MonitorName("lab")), tier: .local),
        context: DetectionContext(), engines: [counter], workers: workers)
      for number in 0..<200 as Range<UInt32> {
        let host = 0x0a00_0000 + number
        let target = 0x0b00_0000 + number * 7
        for frame in [
          TinyFrame.udp(from: host, to: target, port: 999),
          TinyFrame.unreachable(from: 0x0a00_ffff, to: host, about: target, port: 999),
        ] {
          frame.withUnsafeBytes {
            pipeline.take(
              $0, linkType: .ethernet, wireLength: UInt32($0.count),
              time: CaptureTime(seconds: 1000 + Double(number) / 100))
          }
        }
      }
      pipeline.finish()
      return UInt64(pipeline.drainReports().count)
    }
    #expect(try events(1) == 200)
    #expect(try events(4) == 200)
  }
}
