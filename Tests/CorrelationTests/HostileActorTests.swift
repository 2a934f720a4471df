import Reports
import Terms
import Testing

@testable import Correlation

/// Rows of logins come from children, whatever those may be.
@Suite struct HostileActorTests {
  private func report(_ rows: [LoginRow]) throws -> Report {
    let monitor = try #require(MonitorName("hq-dmz"))
    let time = TextScenario.start
    var report = Report(
      id: ReportID(monitor: monitor, kind: .portScan, subject: "logins", opened: time),
      kind: ReportKind("evidence.logins"), reportClass: .evidence, monitor: monitor, tier: .local,
      first: time, last: time, raised: time, emitted: time, severity: 0, confidence: 1)
    report.summary = .logins(rows)
    return report
  }

  private func row(
    _ client: UInt32, _ time: CaptureTime, mark: UInt64, bytes: UInt64 = .max
  ) -> LoginRow {
    LoginRow(
      client: IPAddress(v4: client), server: IPAddress(v4: 9), clientPort: 40_000, serverPort: 22,
      service: "ssh", outcome: .accepted, opened: time, last: time, isClosed: true,
      bytesOut: bytes, bytesIn: bytes, mark: mark)
  }

  /// The ends of time lie further apart than a span can say.
  @Test(arguments: [0, 7] as [UInt64]) func timesFromBothEndsOfTimeAreTaken(mark: UInt64) throws {
    let monitor = try #require(MonitorName("hq"))
    var book = ActorBook(
      CorrelationContext(monitor: monitor, tier: .domain, schema: TestSchema.schema))
    let ends = [CaptureTime.distantPast, .distantFuture]
    let rows = ends.flatMap { end in (1...3).map { row($0, end, mark: mark, bytes: 4096) } }
    #expect(try book.note(report(rows + rows.reversed())).count == 4)
  }

  /// One key exchange said of very many connections: a new one is held against the newest only.
  @Test func aMarkThatEverybodyBearsIsNoBurden() throws {
    let monitor = try #require(MonitorName("hq"))
    var book = ActorBook(
      CorrelationContext(monitor: monitor, tier: .domain, schema: TestSchema.schema))
    let rows = (1...4000).map { row($0, TextScenario.start, mark: 7) }
    _ = try book.note(report(rows))
    let tied = book.sessions.values.count { $0.before != nil }
    #expect(tied > 0)
    #expect(book.sessions.count <= 64)
  }
}
