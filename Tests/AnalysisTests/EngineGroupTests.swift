import Analysis
import Reports
import Terms
import Testing

/// A number in time; its classes are the bits of `classes`.
private struct Tick: TimedEvent, Equatable {
  var eventTime: CaptureTime
  var classes: EventClasses
}

/// Notes what it is given and when its deadlines run, as reports of severity 1 and 2.
private struct Listener: AnalysisEngine {
  var interest: EventClasses
  let name: String
  var nextDeadline = CaptureTime.distantFuture
  var began = CaptureTime.distantPast

  init(_ name: String, _ interest: EventClasses) {
    self.name = name
    self.interest = interest
  }

  mutating func begin(at time: CaptureTime) {
    began = time
    nextDeadline = time + .seconds(1000)
  }

  mutating func analyse(_ event: Tick, into sink: inout ReportSink) {
    note(event.eventTime, 1, &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    note(now, 2, &sink)
    nextDeadline = .distantFuture
  }

  private func note(_ time: CaptureTime, _ severity: Double, _ sink: inout ReportSink) {
    sink.emit(
      sink.opening(
        .portScan, subject: name, first: began, last: time, at: time, severity: severity,
        confidence: 1))
  }
}

@Suite struct EngineGroupTests {
  private func run(_ listeners: [Listener], _ ticks: [Tick]) throws -> [Report] {
    var group = EngineGroup<Tick>(listeners)
    var sink = ReportSink(monitor: try #require(MonitorName("group")), tier: .local)
    ticks.withUnsafeBufferPointer { group.take($0, into: &sink) }
    #expect(group.eventCount == UInt64(ticks.count))
    return sink.drain()
  }

  private func ticks(_ classes: [UInt64]) -> [Tick] {
    classes.enumerated().map {
      Tick(
        eventTime: CaptureTime(seconds: Double($0.offset)),
        classes: EventClasses(rawValue: $0.element))
    }
  }

  @Test func anEngineGetsTheEventsOfItsInterestInOrder() throws {
    let classes = (0..<1500).map { UInt64(1) << UInt64($0 % 3) }
    let reports = try run([Listener("odd", EventClasses(rawValue: 2))], ticks(classes))
    let heard = reports.filter { $0.severity == 1 }.map { Int($0.last.seconds) }
    #expect(heard == (0..<1500).filter { $0 % 3 == 1 })
  }

  @Test func anEventOfTwoClassesComesOnce() throws {
    let listeners = [
      Listener("both", EventClasses(rawValue: 3)), Listener("one", EventClasses(rawValue: 1)),
      Listener("other", EventClasses(rawValue: 4)), Listener("all", .all),
    ]
    #expect(try run(listeners, ticks([3])).count == 3)
  }

  @Test func deadlinesRunBetweenTheEventsOfAnInterest() throws {
    var classes = [UInt64](repeating: 1, count: 1200)
    classes[1100] = 2
    let reports = try run([Listener("rare", EventClasses(rawValue: 2))], ticks(classes))
    #expect(reports.map(\.severity) == [2, 1])
    #expect(reports.map { Int($0.emitted.seconds) } == [1000, 1100])
    #expect(reports.allSatisfy { $0.first == CaptureTime(seconds: 0) })
  }
}
