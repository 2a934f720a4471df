import Reports
import Terms

@testable import Correlation

/// Reports as `ReportText` has them, and what is told of logins and leases:
///
///     00:10 hq-dmz login ssh 10.10.2.7 > 10.10.1.30 port 4001 user alice until 05:00 bytes 5000 mark 77
///     00:10 hq-dmz refused ssh 198.51.100.9 > 10.10.1.30
///     00:05 hq-office lease 10.10.2.7 02:00:0a:00:00:07 until 60:00 name laptop
///     09:00 hq-office release 10.10.2.7 02:00:0a:00:00:07
///
/// A login that has `until` is told twice, as a monitor tells it.
struct ActorText {
  struct Fault: Error { var line: String }

  var reports: [Report] = []

  init(_ text: String, schema: Schema) throws {
    var others: [Substring] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count > 4, ["login", "refused", "lease", "release"].contains(words[2]) else {
        others.append(line)
        continue
      }
      reports += try Self.evidence(words)
    }
    reports += try ReportText(others.joined(separator: "\n"), schema: schema).reports
  }

  private static func evidence(_ words: [String]) throws -> [Report] {
    let fault = Fault(line: words.joined(separator: " "))
    guard let time = time(words[0]), let monitor = MonitorName(words[1]) else { throw fault }
    var named: [String: String] = [:]
    let rest = words.dropFirst(words[2] == "lease" || words[2] == "release" ? 5 : 7)
    for pair in stride(from: rest.startIndex, to: rest.endIndex - 1, by: 2) {
      named[rest[pair]] = rest[pair + 1]
    }
    let until = named["until"].flatMap(Self.time)
    if words[2] == "lease" || words[2] == "release" {
      guard let address = IPAddress(words[3]), let hardware = MACAddress(words[4]) else {
        throw fault
      }
      let row = LeaseRow(
        hardware: hardware, client: named["client"].flatMap { UInt64($0) } ?? 0, address: address,
        name: named["name"] ?? "", server: .unspecified, granted: time,
        until: words[2] == "lease" ? until ?? time + .hours(1) : time,
        isReleased: words[2] == "release")
      return [report(.leases, .leases([row]), time, monitor, words)]
    }
    guard let client = IPAddress(words[4]), let server = IPAddress(words[6]) else { throw fault }
    let service = words[3]
    var row = LoginRow(
      client: client, server: server,
      clientPort: named["port"].flatMap { UInt16($0) } ?? UInt16(40_000 + client.v4 % 1000),
      serverPort: service == "telnet" ? 23 : service == "rdp" ? 3389 : 22, service: service,
      user: named["user"] ?? "", outcome: words[2] == "refused" ? .refused : .accepted,
      opened: time, last: time, mark: named["mark"].flatMap { UInt64($0) } ?? 0, packets: [7])
    var reports = [report(.logins, .logins([row]), time, monitor, words)]
    guard let until else { return reports }
    row.isClosed = true
    row.last = until
    row.bytesIn = named["bytes"].flatMap { UInt64($0) } ?? 9000
    row.bytesOut = row.bytesIn / 2
    reports.append(report(.logins, .logins([row]), until, monitor, words))
    return reports
  }

  private static func time(_ text: String) -> CaptureTime? {
    let parts = text.split(separator: ":").compactMap { Double($0) }
    guard parts.count == 2 else { return nil }
    return ReportText.start + .seconds(parts[0] * 60 + parts[1])
  }

  private static func report(
    _ kind: ReportKind, _ summary: Summary, _ time: CaptureTime, _ monitor: MonitorName,
    _ words: [String]
  ) -> Report {
    let end = time.epochStart(.seconds(2)) + .seconds(2)
    var report = Report(
      id: ReportID(
        monitor: monitor, kind: kind, subject: words.joined(separator: " "), opened: end),
      kind: kind, reportClass: .evidence, monitor: monitor, tier: .local, first: time, last: end,
      raised: end, emitted: end, severity: 1, confidence: 1)
    report.summary = summary
    report.coverage.segments = [monitor.text]
    return report
  }
}
