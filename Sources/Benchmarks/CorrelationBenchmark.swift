import Analysis
import Correlation
import Glibc
import Hierarchy
import Monitoring
import Reports
import Response
import Terms

/// CPU time per report from the children of a domain monitor to its incidents, by way of its lane.
enum CorrelationBenchmark {
  private static let sourceCount = 100_000
  private static let reportCount = 400_000
  private static let rounds = 3
  /// Reports between two watermarks: about 10 s of event time.
  private static let step = 1024

  /// `topology` is the folder with `schema.yaml` and `directives`.
  static func run(topology: String) throws {
    let schema = try Schema.load(path: topology + "/schema.yaml")
    let directives = try Directive.load(path: topology + "/directives", schema: schema)
    let idle = try idleDirectives(count: 10 * directives.count, schema)
    let cases: [(String, [Directive])] = [
      ("fusion and coordinated", []), ("… + \(directives.count) directives", directives),
      ("… + \(idle.count) that never match", directives + idle),
    ]
    var runs = [[Measurement]](repeating: [], count: cases.count)
    var memory = 0
    for _ in 0..<rounds {
      for (index, entry) in cases.enumerated() {
        let before = residentBytes()
        let measurement = measure(entry.0, schema, entry.1)
        if index == 0, runs[0].isEmpty { memory = residentBytes() - before }
        runs[index].append(measurement)
      }
    }
    let title = "Mixed reports of \(sourceCount) sources, children to incidents"
    print(MeasurementTable(title: title, rows: runs.map(Measurement.init(of:))).text)
    print("about \(memory / sourceCount) bytes per live source without directives\n")
  }

  /// Directives on kinds that do not come.
  private static func idleDirectives(count: Int, _ schema: Schema) throws -> [Directive] {
    let entries = (0..<count).map {
      "  idle-\($0): { title: idle, stages: [ { kinds: [worm.content-prevalence], where: "
        + "{ ports: \($0 + 1) } }, { kinds: [c2.beacon], same: [source] } ] }"
    }
    return try Directive.parse(
      Array(("directives:\n" + entries.joined(separator: "\n")).utf8), path: "idle", schema: schema)
  }

  private static func measure(
    _ name: String, _ schema: Schema, _ directives: [Directive]
  ) -> Measurement {
    guard let monitor = MonitorName("hq"), let child = MonitorName("hq-dmz") else {
      return Measurement(name: name, items: 0, unit: "report", cpuSeconds: 0)
    }
    // Every source stays live, so that memory per source can be told.
    let limits = LimitTable(overrides: [
      "attack-fusion.attacks": 262_144, "resolver.incidents": 262_144,
    ])
    var context = CorrelationContext(
      monitor: monitor, tier: .domain, limits: limits, schema: schema,
      home: [IPPrefix("10.0.0.0/8")].compactMap { $0 }, segments: ["hq-dmz": []])
    context.directives = directives
    var lane = CorrelationLane(
      name: .live, monitor: monitor, tier: .domain, expecting: [child],
      engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(monitor: monitor, tier: .domain, limits: limits))
    var mix = MixedReports(monitor: child, sources: sourceCount)
    var seconds = 0.0
    var incidents = 0
    for start in stride(from: 0, to: reportCount, by: step) {
      let reports = (start..<min(start + step, reportCount)).map { mix.report($0) }
      let before = Measurement.processCPUSeconds()
      for report in reports { lane.receive(report) }
      if let last = reports.last { lane.setWatermark(last.emitted, of: child) }
      incidents += lane.process().count
      seconds += Measurement.processCPUSeconds() - before
    }
    precondition(incidents > 0, "nothing was concluded")
    return Measurement(name: name, items: reportCount, unit: "report", cpuSeconds: seconds)
  }

  private static func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let text = String(
      decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let fields = text.split(separator: " ").compactMap { Int($0) }
    let resident = fields.count > 1 ? fields[1] : 0
    return resident * Int(getpagesize())
  }
}

/// Reports as a busy site's local monitors send them: detections of many kinds, revisions of them,
/// and evidence with a few rows.
struct MixedReports {
  private let monitor: MonitorName
  private let sources: Int
  private var state: UInt64 = 1
  private let start = CaptureTime(nanoseconds: 1_700_000_000_000_000_000)
  /// Of ten reports: what they say.
  private let kinds = [
    "recon.port-scan", "recon.port-scan", "recon.ping-sweep", "recon.service-probe",
    "access.brute-force", "access.web-attack", "access.web-attack", "dos.syn-flood", "spoof.ip",
    "exfil.dns-tunnel",
  ].map { ReportKind($0) }

  init(monitor: MonitorName, sources: Int) {
    self.monitor = monitor
    self.sources = sources
  }

  private mutating func random(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }

  /// The report with this number; ten milliseconds of event time apart.
  mutating func report(_ number: Int) -> Report {
    let time = start + .milliseconds(number * 10)
    if number % 50 == 49 { return evidence(number, time) }
    let source = random(sources)
    let kind = kinds[random(kinds.count)]
    var report = Report(
      id: ReportID(high: UInt64(source) << 8, low: UInt64(number / 2)), kind: kind,
      reportClass: .detection, monitor: monitor, tier: .local, first: time - .seconds(5),
      last: time,
      raised: time, emitted: time, severity: 5, confidence: 0.7)
    report.sources = AddressSet([IPAddress(v4: 0xc000_0000 + UInt32(source))])
    report.targets = AddressSet(
      (0..<2).map { _ in IPAddress(v4: 0x0a0a_0100 + UInt32(random(512))) })
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
        let target = IPAddress(v4: 0x0a0a_0100 + UInt32(random(512)))
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
