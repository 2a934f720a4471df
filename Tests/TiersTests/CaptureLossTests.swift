import Analysis
import Reports
import Terms
import Testing

@testable import Tiers

@Suite struct CaptureLossTests {
  private func run(dropped: (Int) -> UInt64) throws -> (reports: [Report], share: Double) {
    let sink = ReportSink(monitor: try #require(MonitorName("dmz")), tier: .local)
    var watch = CaptureLossWatch(interface: "eth0")
    var reports: [Report] = []
    for second in 0..<120 {
      let report = watch.note(
        received: UInt64(second) * 1000, dropped: dropped(second),
        at: CaptureTime(seconds: 1000 + Double(second)), sink)
      if let report { reports.append(report) }
    }
    return (reports, watch.share)
  }

  @Test func aKernelThatDropsATenthIsReportedOnceAndRevised() throws {
    let (reports, share) = try run { UInt64($0) * 111 }
    #expect(Set(reports.map(\.id)).count == 1)
    #expect(reports.map(\.revision) == (0..<UInt32(reports.count)).map { $0 })
    #expect(reports.last?.attributes["monitor"] == .text("dmz"))
    #expect(abs(share - 0.1) < 0.01)
    #expect(reports.allSatisfy { abs($0.coverage.loss - 0.1) < 0.01 })
  }

  /// A burst that costs a few packets of many enters the coverage, and is no report.
  @Test func aFewDroppedPacketsAreNoReport() throws {
    let (reports, share) = try run { UInt64($0 / 10) }
    #expect(reports.isEmpty)
    #expect(share > 0 && share < 0.001)
    #expect(try run { _ in 0 }.share == 0)
  }
}
