import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// A month of office life once for all tests: training takes two weeks of event time.
private struct Trained {
  var trace: OfficeTrace
  var engine: UsageProfiles
  var reports: [Report]

  static let first = Trained(seed: 1)

  init(seed: UInt64, days: Int = 28) {
    trace = OfficeTrace(seed: seed)
    engine = UsageProfiles(OfficeTrace.context)
    reports = trace.run(0..<days, through: &engine)
  }

  /// What is said of the next days, above informational.
  func next(
    _ days: Int = 1, _ extra: (inout OfficeTrace, Int) -> Void
  ) -> (reports: [Report], engine: UsageProfiles) {
    var trace = trace
    var engine = engine
    let said = trace.run(28..<28 + days, through: &engine, adding: extra)
    return (Lab.newest(said).filter { $0.severity > Report.informationalSeverity }, engine)
  }
}

extension Report {
  fileprivate func term(_ start: String) -> Term? { terms.first { $0.name.hasPrefix(start) } }
}

@Suite struct UsageProfileTests {
  @Test(arguments: 1...2 as ClosedRange<UInt64>)
  func weeksOfOfficeAndBackupsAreSilent(seed: UInt64) {
    var trained = seed == 1 ? Trained.first : Trained(seed: seed)
    #expect(trained.engine.hosts.subjects.count == 4)
    #expect(trained.engine.hosts.subjects.allSatisfy { $0.profile.phase == .trained })
    let later = trained.trace.run(28..<36, through: &trained.engine)
    let told = Lab.newest(trained.reports + later)
    #expect(told.filter { $0.severity > Report.informationalSeverity }.map(\.story) == [])
    #expect(told.count <= 2)
  }

  @Test func aHostThatStartsToServeIsReported() throws {
    let told = Trained.first.next { trace, day in
      for index in 0..<90 {
        let client = IPAddress(v4: 0xc0a8_0000 + UInt32(index))
        trace.flow(
          client, OfficeTrace.staff[0], 4444,
          at: OfficeTrace.time(day: day, hour: 10 + Double(index) / 60))
      }
    }.reports
    #expect(told.map(\.story) == ["anomaly.profile 10.1.2.11 > "])
    let report = try #require(told.first)
    #expect(report.text("feature")?.hasPrefix("services offered: share of new ones") == true)
    #expect(report.text("feature")?.contains("tcp/4444") == true)
    #expect((report.term("S of services offered")?.value ?? 0) > 3.5)
    #expect((report.term("observed: share of new ones")?.value ?? 0) > 0.1)
    #expect(report.term("expected: share of new ones")?.value == 0)
    #expect(report.first >= OfficeTrace.time(day: 28, hour: 10))
    #expect(report.first < OfficeTrace.time(day: 28, hour: 10.75))
    #expect(report.evidence.first?.packets.isEmpty == false)
    #expect(report.terms.count <= Report.Limit.terms)
  }

  @Test func tenfoldUploadsAtNightAreReported() throws {
    let told = Trained.first.next { trace, day in
      for index in 0..<40 {
        // The weekly backup is 0.6 GB.
        trace.flow(
          OfficeTrace.staff[1], IPAddress(v4: 0x0505_0505), 443,
          at: OfficeTrace.time(day: day, hour: 2 + Double(index) / 60), lasting: 30,
          out: 150_000_000, back: 5000)
      }
    }.reports
    #expect(told.map(\.story) == ["anomaly.profile 10.1.2.12 > "])
    let report = try #require(told.first)
    let sent = try #require(report.term("S of data sent"))
    #expect(sent.value > 3.5)
    let observed = try #require(report.term("observed: amount"))
    let expected = try #require(report.term("expected: amount"))
    #expect(observed.unit == "KiB")
    #expect(observed.value > 10 * expected.value)
  }

  @Test func anotherMixOfProtocolsIsReported() throws {
    let told = Trained.first.next { trace, day in
      for index in 0..<150 {
        trace.flow(
          OfficeTrace.staff[2], IPAddress(v4: 0xc000_0200 + UInt32(index % 9)),
          index % 2 == 0 ? 6667 : 5060,
          at: OfficeTrace.time(day: day, hour: 14 + Double(index) / 90),
          transport: index % 2 == 0 ? .tcp : .udp)
      }
    }.reports
    #expect(told.map(\.story) == ["anomaly.profile 10.1.2.13 > "])
    let report = try #require(told.first)
    #expect(report.term("S of services asked") != nil)
  }

  @Test func aChangeThatStaysBecomesUsual() {
    let told = Trained.first.next(21) { trace, day in
      guard day % 7 < 5 else { return }
      for index in 0..<200 {
        let client = IPAddress(v4: 0xc0a8_0000 + UInt32(index))
        trace.flow(
          client, OfficeTrace.staff[0], 4444,
          at: OfficeTrace.time(day: day, hour: 9 + Double(index) / 25))
      }
    }.reports
    #expect(!told.isEmpty)
    // Nothing is said of it in the last two weeks.
    #expect(told.allSatisfy { $0.first < OfficeTrace.time(day: 35, hour: 0) })
  }

  @Test func aFloodOfHoursTeachesNothing() throws {
    let trained = Trained.first
    let target = OfficeTrace.server
    var attack = Report(
      id: ReportID(
        monitor: OfficeTrace.monitor, kind: .synFlood, subject: "flood",
        opened: OfficeTrace.time(day: 28, hour: 10)), kind: .synFlood, reportClass: .detection,
      monitor: OfficeTrace.monitor, tier: .local, first: OfficeTrace.time(day: 28, hour: 10),
      last: OfficeTrace.time(day: 28, hour: 10), raised: .distantPast, emitted: .distantPast,
      severity: 7, confidence: 1)
    attack.targets.insert(target)
    var engine = trained.engine
    var trace = trained.trace
    var sink = ReportSink(monitor: OfficeTrace.monitor, tier: .local)
    trace.add(day: 28)
    for second in 0..<10_800 {
      let source = IPAddress(v4: UInt32(truncatingIfNeeded: trace.random()) | 1 << 30)
      trace.flow(
        source, target, 80,
        at: OfficeTrace.time(day: 28, hour: 10 + Double(second) / 3600), lasting: 3,
        ending: .refused)
    }
    let events = trace.events.filter { $0.time >= OfficeTrace.time(day: 28, hour: 0) }
      .sorted { ($0.time, $0.packet) < ($1.time, $1.packet) }
    // The detector speaks at once, and again whenever the flood is twice as old.
    var due = [10.0, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240].map {
      OfficeTrace.time(day: 28, hour: 10) + .seconds($0)
    }
    for event in events {
      while let next = due.first, next < event.time {
        attack.emitted = next
        attack.last = next
        engine.hear(attack, into: &sink)
        due.removeFirst()
      }
      withUnsafePointer(to: event) {
        engine.analyse(batch: UnsafeBufferPointer(start: $0, count: 1), into: &sink)
      }
    }
    let later = trace.run(29..<32, through: &engine)
    #expect((sink.drain() + later).filter { $0.severity > Report.informationalSeverity }.isEmpty)
    func refused(_ engine: UsageProfiles) throws -> Float {
      let index = engine.services.find(UsageProfiles.key(target, 80, .tcp))
      let profile = try #require(index >= 0 ? engine.services[index].profile : nil)
      return profile.usualCount(of: engine.service.outcomes, 1)
    }
    #expect(try refused(engine) <= refused(trained.engine) + 10)
  }

  @Test func shortCapturesAreNeverJudged() {
    var engine = UsageProfiles(OfficeTrace.context)
    var trace = OfficeTrace(seed: 9)
    let told = trace.run(0..<1, through: &engine) { trace, day in
      for index in 0..<5000 {
        trace.flow(
          OfficeTrace.staff[0], IPAddress(v4: 0xc000_0000 + UInt32(index)), UInt16(1 + index),
          at: OfficeTrace.time(day: day, hour: 11 + Double(index) / 5000))
      }
    }
    #expect(told.isEmpty)
  }

  @Test func oneEventAtATimeGivesTheSame() {
    var whole = UsageProfiles(OfficeTrace.context)
    var single = whole
    var trace = OfficeTrace(seed: 3)
    _ = trace.run(0..<2, through: &whole)
    var sink = ReportSink(monitor: OfficeTrace.monitor, tier: .local)
    var again = OfficeTrace(seed: 3)
    for day in 0..<2 {
      var part = UsageProfiles(OfficeTrace.context)
      _ = again.run(day..<day + 1, through: &part)
      for event in again.events {
        withUnsafePointer(to: event) {
          single.analyse(batch: UnsafeBufferPointer(start: $0, count: 1), into: &sink)
        }
      }
    }
    let isSame = HearingGroup([whole]).learned() == HearingGroup([single]).learned()
    #expect(isSame)
  }

  @Test func whatWasLearnedComesBackAndDamageIsLocated() throws {
    let trained = Trained.first
    let bytes = HearingGroup([trained.engine]).learned()
    var group = HearingGroup([UsageProfiles(OfficeTrace.context)])
    try group.restore(bytes)
    let isSame = group.learned() == bytes
    #expect(isSame)

    var damaged = bytes
    damaged[bytes.count / 2] ^= 1
    var fresh = HearingGroup([UsageProfiles(OfficeTrace.context)])
    let empty = fresh.learned()
    let fault = #expect(throws: StateFault.self) { try fresh.restore(damaged) }
    #expect(
      fault?.description
        == "byte \(bytes.count - 8): the checksum does not fit: the file is damaged")
    for length in [0, 5, 9, 17, 100, bytes.count - 1] {
      #expect(throws: StateFault.self) { try fresh.restore(Array(bytes[..<length])) }
    }
    let isUntouched = fresh.learned() == empty
    #expect(isUntouched)
  }

  @Test func aProfileIsSmall() {
    #expect(Profile.byteCount(HostMeasures().layout) < 6700)
    #expect(Profile.byteCount(ServiceMeasures().layout) < 5100)
  }
}
