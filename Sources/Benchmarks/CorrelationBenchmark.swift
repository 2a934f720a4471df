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
  /// A few directives of the shipped ones.
  private static let someCount = 10

  /// `topology` is the folder with `schema.yaml` and `directives`.
  static func run(topology: String) throws {
    let schema = try Schema.load(path: topology + "/schema.yaml")
    let directives = try Directive.load(path: topology + "/directives", schema: schema)
    let idle = try idleDirectives(count: 10 * directives.count, schema)
    let some = Array(directives.prefix(someCount))
    let cases: [(String, [Directive])] = [
      ("fusion, coordinated", []), ("… \(some.count) directives", some),
      ("… \(directives.count) directives", directives),
      ("… and \(idle.count) idle", directives + idle),
    ]
    var runs = [[Measurement]](repeating: [], count: cases.count)
    var memory = 0
    for _ in 0..<rounds {
      for (index, entry) in cases.enumerated() {
        let (measurement, bytes) = measure(entry.0, schema, entry.1)
        if index == 0, runs[0].isEmpty { memory = bytes }
        runs[index].append(measurement)
      }
    }
    let title = "Mixed reports of \(sourceCount) sources, children to incidents"
    print(MeasurementTable(title: title, rows: runs.map(Measurement.init(of:))).text)
    print("about \(memory) bytes per live source, its attack and incident, without directives\n")
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

  /// What a run takes, and the bytes that it holds at its end for each source that it has seen.
  private static func measure(
    _ name: String, _ schema: Schema, _ directives: [Directive]
  ) -> (Measurement, bytes: Int) {
    guard let monitor = MonitorName("hq"), let child = MonitorName("hq-dmz") else {
      return (Measurement(name: name, items: 0, unit: "report", cpuSeconds: 0), 0)
    }
    // Every source stays live, so that memory per source can be told.
    let limits = LimitTable(overrides: [
      "attack-fusion.attacks": 262_144, "resolver.incidents": 262_144,
    ])
    var context = CorrelationContext(
      monitor: monitor, tier: .domain, limits: limits, schema: schema,
      home: [IPPrefix("10.0.0.0/8")].compactMap { $0 }, segments: ["hq-dmz": []])
    context.directives = directives
    var mix = MixedReports(monitor: child, sources: sourceCount)
    let held = residentBytes()
    var lane = CorrelationLane(
      name: .live, monitor: monitor, tier: .domain, expecting: [child],
      engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(monitor: monitor, tier: .domain, limits: limits))
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
    let bytes = withExtendedLifetime(lane) { max(0, residentBytes() - held) / mix.sourcesSeen }
    return (
      Measurement(name: name, items: reportCount, unit: "report", cpuSeconds: seconds), bytes
    )
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
