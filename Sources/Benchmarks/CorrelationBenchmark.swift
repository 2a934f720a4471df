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
  private static let reportCount = 240_000
  private static let rounds = 2
  /// Reports between two watermarks: about 10 s of event time.
  private static let step = 1024
  /// A few directives of the shipped ones.
  private static let someCount = 10

  /// What is measured in one row.
  private struct Row {
    let name: String
    var schema: Schema
    var directives: [Directive] = []
    var crowd = MixedReports.Crowd.site
    /// Whether every source stays live, so that memory per source can be told.
    var isRoomy = true
  }

  /// What a run came to.
  private struct Outcome {
    var measurement: Measurement
    var incidents: Int
    /// Revisions of these.
    var tellings: Int
    /// Nanoseconds per report in the first and the last quarter of the run.
    var first: Double
    var last: Double
    /// Held at the end for each source that was seen.
    var bytes: Int
  }

  /// `topology` is the folder with `schema.yaml` and `directives`; `only` the number of one row.
  static func run(topology: String, only: Int? = nil) throws {
    let rows = try self.rows(topology)
    let chosen = only.map { rows.indices.contains($0) ? [$0] : [] } ?? Array(rows.indices)
    var runs = [[Measurement]](repeating: [], count: rows.count)
    var notes: [String] = []
    for round in 0..<(only == nil ? rounds : 1) {
      for index in chosen {
        let outcome = measure(rows[index])
        runs[index].append(outcome.measurement)
        if round == 0 { notes.append(note(rows[index], outcome)) }
      }
    }
    let title = "Mixed reports of \(sourceCount) sources, children to incidents; first row"
    let table = MeasurementTable(
      title: title, rows: chosen.map { Measurement(of: runs[$0]) })
    print(table.text)
    print(notes.joined(separator: "\n") + "\n")
  }

  private static func note(_ row: Row, _ outcome: Outcome) -> String {
    let rate = Int(1e9 / max(1, outcome.measurement.nanosecondsPerItem))
    return "\(row.name): \(rate) reports/CPU-s, first quarter \(Int(outcome.first)) ns, last "
      + "\(Int(outcome.last)) ns, \(outcome.incidents) incidents in \(outcome.tellings) tellings"
      + (row.isRoomy ? ", \(outcome.bytes) bytes per live source" : "")
  }

  private static func rows(_ topology: String) throws -> [Row] {
    let schema = try Schema.load(path: topology + "/schema.yaml")
    let directives = try Directive.load(path: topology + "/directives", schema: schema)
    let idle = try idleDirectives(count: 10 * directives.count, schema)
    // Without what kinds need and give, nothing is chained.
    var unchained = schema
    for kind in schema.kinds.keys {
      unchained.kinds[kind]?.needs = Footholds()
      unchained.kinds[kind]?.gives = Footholds()
    }
    let all = directives + idle
    return [
      Row(name: "fusion, coordinated", schema: unchained),
      Row(name: "… campaigns", schema: schema),
      Row(
        name: "… \(someCount) directives", schema: schema,
        directives: Array(directives.prefix(someCount))),
      Row(name: "… \(directives.count) directives", schema: schema, directives: directives),
      Row(name: "… \(all.count) directives", schema: schema, directives: all),
      Row(
        name: "all of it at 512 hosts", schema: schema, directives: directives, crowd: .hosts,
        isRoomy: false),
    ]
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

  private static func measure(_ row: Row) -> Outcome {
    let children = MixedReports.children
    guard let monitor = MonitorName("hq") else { preconditionFailure("no name") }
    var overrides: [String: Double] = [:]
    if row.isRoomy {
      overrides = ["attack-fusion.attacks": 262_144, "resolver.incidents": 262_144]
    }
    let limits = LimitTable(overrides: overrides)
    var mix = MixedReports(sources: sourceCount, crowd: row.crowd)
    let held = heldBytes()
    var lane = CorrelationLane(
      name: .live, monitor: monitor, tier: .domain, expecting: children.map(\.name),
      engines: CorrelatorCatalog.engines(context(row, monitor, limits)),
      resolver: Resolver(
        monitor: monitor, tier: .domain, schema: row.schema, limits: limits))
    var seconds = 0.0
    var quarters: [Double] = [0, 0, 0, 0]
    var incidents: Set<ReportID> = []
    var tellings = 0
    for start in stride(from: 0, to: reportCount, by: step) {
      let reports = (start..<min(start + step, reportCount)).map { mix.report($0) }
      let before = Measurement.processCPUSeconds()
      for report in reports { lane.receive(report) }
      if let last = reports.last {
        for child in children { lane.setWatermark(last.emitted, of: child.name) }
      }
      let told = lane.process()
      let taken = Measurement.processCPUSeconds() - before
      seconds += taken
      quarters[start * 4 / reportCount] += taken * 4e9 / Double(reportCount)
      for report in told where report.reportClass == .incident {
        incidents.insert(report.id)
        tellings += 1
      }
    }
    precondition(!incidents.isEmpty, "nothing was concluded")
    let bytes = withExtendedLifetime(lane) { max(0, heldBytes() - held) / mix.sourcesSeen }
    let measurement = Measurement(
      name: row.name, items: reportCount, unit: "report", cpuSeconds: seconds)
    return Outcome(
      measurement: measurement, incidents: incidents.count, tellings: tellings,
      first: quarters[0], last: quarters[3], bytes: bytes)
  }

  private static func context(
    _ row: Row, _ monitor: MonitorName, _ limits: LimitTable
  ) -> CorrelationContext {
    var segments: [String: [IPPrefix]] = ["internet": []]
    var duties: [MonitorName: ChildDuty] = [:]
    for child in MixedReports.children {
      segments[child.segment] = [child.prefix]
      duties[child.name] = ChildDuty(
        monitors: [child.name], segments: [child.segment], prefixes: [child.prefix])
    }
    var context = CorrelationContext(
      monitor: monitor, tier: .domain, limits: limits, schema: row.schema,
      home: [IPPrefix("10.0.0.0/8")].compactMap { $0 }, segments: segments,
      directives: row.directives)
    context.duties = duties
    return context
  }

  /// Bytes resident once what is free was given back.
  private static func heldBytes() -> Int {
    if let symbol = dlsym(nil, "malloc_trim") {
      _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
    }
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let text = String(
      decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let fields = text.split(separator: " ").compactMap { Int($0) }
    return (fields.count > 1 ? fields[1] : 0) * Int(getpagesize())
  }
}
