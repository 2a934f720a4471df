import Reports
import Terms

@testable import Correlation

/// Children's reports written as text, one per line:
///
///     00:05 hq-dmz recon.port-scan from 10.0.0.9 to 10.10.1.5 ports 22
///     00:05 hq-dmz fails from 10.0.0.9 to 10.10.1.5-9 ports 22 reaches 10.10.1.10
///     00:05 hq-dmz arrivals 40 open 30 from 10.10.2.4-9 to 10.10.1.11 ports 80
///
/// `fails` and `arrivals` are evidence rows (`open`: arrivals left unfinished, `refused`: those of them
/// that the target refused, `over udp`: of datagrams); those of one epoch
/// and child travel in one report, at its end. A range `a.b.c.d-e` stands for its addresses; times
/// are minutes and seconds. `domain` sets the attribute of that name.
struct TextScenario {
  static let start = CaptureTime(seconds: 1_700_000_000)

  var reports: [Report] = []
  private var rows: [EpochKey: ([ContactRow], [RateRow])] = [:]

  private struct EpochKey: Hashable {
    var monitor: MonitorName
    var start: CaptureTime
  }

  init(_ text: String) throws {
    for line in text.split(separator: "\n") where !line.allSatisfy(\.isWhitespace) {
      try add(Line(line))
    }
    for (key, rows) in rows {
      if !rows.0.isEmpty { reports.append(evidence(.firstContacts, .contacts(rows.0), key)) }
      if !rows.1.isEmpty { reports.append(evidence(.ingressRates, .rates(rows.1), key)) }
    }
  }

  private mutating func add(_ line: Line) throws {
    let key = EpochKey(monitor: line.monitor, start: line.time.epochStart(.seconds(10)))
    switch line.what {
    case "fails":
      let reached = try Line.addresses(line.words["reaches"])
      for source in line.sources {
        for port in line.ports {
          rows[key, default: ([], [])].0.append(
            line.contactRow(source, port, reached))
        }
      }
    case "arrivals":
      for target in line.targets {
        for port in line.ports { rows[key, default: ([], [])].1.append(line.rateRow(target, port)) }
      }
    default: reports.append(line.detection())
    }
  }

  private func evidence(_ kind: ReportKind, _ summary: Summary, _ key: EpochKey) -> Report {
    let end = key.start + .seconds(10)
    var report = Report(
      id: ReportID(monitor: key.monitor, kind: kind, subject: "", opened: end), kind: kind,
      reportClass: .evidence, monitor: key.monitor, tier: .local, first: key.start, last: end,
      raised: end, emitted: end, severity: 0, confidence: 1)
    report.summary = summary
    report.coverage.segments = [key.monitor.text]
    return report
  }
}

/// One line's words.
private struct Line {
  struct Fault: Error { var line: String }

  var time: CaptureTime
  var monitor: MonitorName
  var what: String
  var count: UInt64 = 0
  var words: [String: String] = [:]
  var sources: [IPAddress]
  var targets: [IPAddress]
  var ports: [UInt16]

  init(_ text: Substring) throws {
    let parts = text.split(separator: " ").map(String.init)
    guard parts.count > 2, let monitor = MonitorName(parts[1]) else { throw Fault(line: "\(text)") }
    let clock = parts[0].split(separator: ":").compactMap { Int($0) }
    guard clock.count == 2 else { throw Fault(line: "\(text)") }
    time = TextScenario.start + .seconds(clock[0] * 60 + clock[1])
    self.monitor = monitor
    what = parts[2]
    var rest = parts.dropFirst(3)
    if what == "arrivals" { count = UInt64(rest.removeFirst()) ?? 0 }
    while rest.count >= 2 { words[rest.removeFirst()] = rest.removeFirst() }
    sources = try Self.addresses(words["from"])
    targets = try Self.addresses(words["to"])
    ports = (words["ports"] ?? "0").split(separator: ",").compactMap { UInt16($0) }
  }

  static func addresses(_ list: String?) throws -> [IPAddress] {
    try (list ?? "").split(separator: ",").flatMap { item -> [IPAddress] in
      let ends = item.split(separator: "-")
      guard let first = IPAddress(ends[0]) else { throw Fault(line: "\(item)") }
      guard ends.count == 2, let last = UInt32(ends[1]), last >= first.v4 & 255 else {
        return [first]
      }
      return (0...last - first.v4 & 255).map { IPAddress(v4: first.v4 + $0) }
    }
  }

  func contactRow(_ source: IPAddress, _ port: UInt16, _ reached: [IPAddress]) -> ContactRow {
    ContactRow(
      source: IPPrefix(host: source), transport: words["over"] == "udp" ? .udp : .tcp, port: port,
      attempts: UInt64(targets.count + reached.count), failures: UInt64(targets.count),
      targets: AddressSet(targets + reached), failedTargets: AddressSet(targets), first: time,
      last: time, packets: [7])
  }

  func rateRow(_ target: IPAddress, _ port: UInt16) -> RateRow {
    RateRow(
      target: target, segment: monitor.text, transport: .tcp, port: port, packets: count * 5,
      bytes: count * 300, contacts: count, unfinished: UInt64(words["open"] ?? "") ?? 0,
      refused: UInt64(words["refused"] ?? "") ?? 0, sources: AddressSet(sources),
      first: time.epochStart(.seconds(10)),
      last: time.epochStart(.seconds(10)) + .seconds(10), busiest: busiest)
  }

  /// `busy 10.0.0.1-3 each 12`: sources that made so many of the contacts.
  private var busiest: [SourceCount] {
    let list = (try? Self.addresses(words["busy"])) ?? []
    return list.map { SourceCount(source: $0, contacts: UInt64(words["each"] ?? "") ?? 0) }
  }

  func detection() -> Report {
    var report = Report(
      id: ReportID(
        monitor: monitor, kind: ReportKind(what), subject: "\(sources)", opened: time),
      kind: ReportKind(what), reportClass: .detection, monitor: monitor, tier: .local, first: time,
      last: time, raised: time, emitted: time, severity: Double(words["severity"] ?? "") ?? 5,
      confidence: 0.8)
    report.sources = AddressSet(sources)
    report.targets = AddressSet(targets)
    report.ports = ports.filter { $0 > 0 }.sorted()
    report.transport = .tcp
    report.coverage.segments = [monitor.text]
    report.evidence = [Evidence(monitor: monitor, capture: "\(monitor).pcap", packets: [3])]
    if let domain = words["domain"] { report.attributes["domain"] = .text(domain) }
    if let revision = words["revision"] { report.revision = UInt32(revision) ?? 0 }
    if let subject = words["id"] {
      report.id = ReportID(
        monitor: monitor, kind: report.kind, subject: subject, opened: TextScenario.start)
    }
    return report
  }
}
