import Reports
import Terms

/// Reports as a busy site's local monitors send them: one attack of each source, told in an opening
/// and on average one revision, and evidence with a few rows.
struct MixedReports {
  private let monitor: MonitorName
  private let sources: Int
  private var state: UInt64 = 1
  private let start = CaptureTime(nanoseconds: 1_700_000_000_000_000_000)
  /// Of ten attacks: what they are.
  private let kinds = [
    "recon.port-scan", "recon.port-scan", "recon.ping-sweep", "recon.service-probe",
    "access.brute-force", "access.web-attack", "access.web-attack", "dos.syn-flood", "spoof.ip",
    "exfil.dns-tunnel",
  ].map { ReportKind($0) }
  /// Attacks under way, the newest `ringSize`.
  private var ring: [Report] = []
  private static let ringSize = 4096
  /// The source that begins next; every one has its turn.
  private var next = 0

  init(monitor: MonitorName, sources: Int) {
    self.monitor = monitor
    self.sources = sources
  }

  var sourcesSeen: Int { max(1, min(next, sources)) }

  private mutating func random(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }

  /// The report with this number; ten milliseconds of event time apart.
  mutating func report(_ number: Int) -> Report {
    let time = start + .milliseconds(number * 10)
    if number % 50 == 49 { return evidence(number, time) }
    if !ring.isEmpty, random(2) == 0 { return revision(time) }
    let report = opening(number, time)
    if ring.count < Self.ringSize {
      ring.append(report)
    } else {
      ring[random(Self.ringSize)] = report
    }
    return report
  }

  private mutating func revision(_ time: CaptureTime) -> Report {
    let place = random(ring.count)
    ring[place].revision += 1
    ring[place].last = time
    ring[place].emitted = time
    ring[place].targets.insert(target())
    return ring[place]
  }

  private mutating func target() -> IPAddress { IPAddress(v4: 0x0a0a_0100 + UInt32(random(512))) }

  private mutating func opening(_ number: Int, _ time: CaptureTime) -> Report {
    let source = next % sources
    next += 1
    // A source goes on with what it does.
    let kind = kinds[source * 7 % kinds.count]
    var report = Report(
      id: ReportID(high: UInt64(source) << 8, low: UInt64(number)), kind: kind,
      reportClass: .detection, monitor: monitor, tier: .local, first: time - .seconds(5),
      last: time, raised: time, emitted: time, severity: 5, confidence: 0.7)
    report.sources = AddressSet([IPAddress(v4: 0xc000_0000 + UInt32(source))])
    report.targets = AddressSet([target(), target()])
    report.ports = [UInt16([22, 80, 443, 445][random(4)])]
    report.transport = .tcp
    report.evidence = [
      Evidence(monitor: monitor, capture: "a.pcap", packets: [UInt64(number), UInt64(number + 9)])
    ]
    report.coverage.segments = ["hq-dmz"]
    return report
  }

  private mutating func evidence(_ number: Int, _ time: CaptureTime) -> Report {
    var report = Report(
      id: ReportID(high: .max, low: UInt64(number)), kind: .firstContacts, reportClass: .evidence,
      monitor: monitor, tier: .local, first: time - .seconds(10), last: time, raised: time,
      emitted: time, severity: 0, confidence: 1)
    report.summary = .contacts(
      (0..<8).map { _ in
        let target = target()
        return ContactRow(
          source: IPPrefix(host: IPAddress(v4: 0xc000_0000 + UInt32(random(sources)))),
          transport: .tcp, port: UInt16([22, 80, 443, 445][random(4)]), attempts: 1, failures: 1,
          targets: AddressSet([target]), failedTargets: AddressSet([target]), first: time,
          last: time)
      })
    report.coverage.segments = ["hq-dmz"]
    return report
  }
}
