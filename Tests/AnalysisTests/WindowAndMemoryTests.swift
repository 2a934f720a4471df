import Analysis
import Reports
import Terms
import Testing

@Suite struct WindowAndMemoryTests {
  private func time(_ seconds: Double) -> CaptureTime { CaptureTime(seconds: seconds) }

  @Test func theWindowForgetsSecondsThatFallOut() {
    var window = SlidingWindow()
    for second in 0..<20 as Range<Int64> {
      window.roll(to: second)
      window.add(10)
    }
    #expect(window.sum(before: 20, seconds: 5) == 50)
    #expect(window.sum(before: 24, seconds: 5) == 10)
    #expect(window.sum(before: 40, seconds: 5) == 0)
    window.roll(to: 100)
    window.add(3)
    #expect(window.sum(before: 101, seconds: 7) == 3)
  }

  @Test func timeNeverRunsBackInTheWindow() {
    var window = SlidingWindow()
    window.roll(to: 50)
    window.add(1)
    window.roll(to: 10)
    window.add(1)
    #expect(window.sum(before: 51, seconds: 1) == 2)
  }

  @Test func aBurstBeginsBehindTheLastQuietSecond() {
    var window = SlidingWindow()
    for (second, count) in [(1, 50), (2, 1), (3, 40), (4, 40), (5, 40)] as [(Int64, UInt32)] {
      window.roll(to: second)
      window.add(count)
    }
    #expect(window.burstStart(least: 10) == 3)
  }

  @Test func wholeSecondsRoundDownOnBothSidesOf1970() {
    #expect(CaptureTime(nanoseconds: 1_999_999_999).wholeSeconds == 1)
    #expect(CaptureTime(nanoseconds: -1).wholeSeconds == -1)
    #expect(CaptureTime(nanoseconds: -1_000_000_000).wholeSeconds == -1)
  }

  @Test func aContactIsRememberedForItsSpan() {
    var memory = ContactMemory(capacity: 64, span: .seconds(10))
    let first = memory.insert(5, at: time(0))
    let again = memory.insert(5, at: time(9))
    #expect(first && !again)
    #expect(memory.contains(5, asOf: time(19)))
    #expect(!memory.contains(5, asOf: time(20)))
    memory.remove(5)
    let forgotten = memory.insert(5, at: time(9))
    #expect(forgotten)
  }

  @Test func theSampleKeepsTheFirstAndTheLastPackets() {
    var sample = PacketSample()
    for index in 0..<1000 as Range<UInt64> { sample.add(index) }
    #expect(sample.indices.first == 0)
    #expect(sample.indices.last == 999)
    #expect(sample.indices.count == PacketSample.firstLimit + PacketSample.lastLimit)
    #expect(sample.indices.count <= Report.Limit.packets)
  }

  @Test func aThreadRevisesOnGrowthOnlyAndKeepsItsIdentity() throws {
    var sink = ReportSink(monitor: try #require(MonitorName("m1")), tier: .local)
    var thread = ReportThread(spacing: .seconds(3))
    func fresh(_ seconds: Double) -> Report {
      sink.opening(
        .portScan, subject: "x", first: time(0), last: time(seconds), at: time(seconds),
        severity: 5,
        confidence: 0.5)
    }
    thread.emit(fresh(1), count: 10, at: time(1), into: &sink)
    #expect(!thread.isDue(count: 20, at: time(2)))
    #expect(!thread.isDue(count: 19, at: time(9)))
    #expect(thread.isDue(count: 20, at: time(9)))
    thread.emit(fresh(9), count: 20, at: time(9), into: &sink)
    let reports = sink.drain()
    #expect(reports.map(\.revision) == [0, 1])
    #expect(Set(reports.map(\.id)).count == 1)
    #expect(reports.map(\.raised) == [time(1), time(1)])
    #expect(reports.map(\.emitted) == [time(1), time(9)])
    #expect(!thread.isStale(count: 20))
    #expect(thread.isStale(count: 21))
  }
}
