import Analysis
import Reports
import Response
import Terms

@testable import Correlation

/// One monitor above the local tier, driven as its lane drives it.
struct TestMonitor {
  static let segments: [String: [IPPrefix]] = [
    "hq-dmz": [IPPrefix("10.10.1.0/24")], "hq-office": [IPPrefix("10.10.2.0/24")],
    "hq-servers": [IPPrefix("10.10.3.0/24")], "br-office": [IPPrefix("10.20.1.0/24")],
    "br-servers": [IPPrefix("10.20.2.0/24")], "internet": [],
  ].mapValues { $0.compactMap { $0 } }

  private var engines: [any AnalysisEngine<Report>]
  private var resolver: Resolver
  private var sink: ReportSink

  init(
    _ name: String, _ tier: Tier,
    engines wanted: ((CorrelationContext) -> [any AnalysisEngine<Report>])? = nil
  ) throws {
    struct BadName: Error {}
    guard let monitor = MonitorName(name) else { throw BadName() }
    let context = CorrelationContext(
      monitor: monitor, tier: tier, schema: TestSchema.schema,
      home: Self.segments.values.flatMap { $0 }.sorted(), segments: Self.segments)
    engines = (wanted ?? CorrelatorCatalog.engines)(context)
    resolver = Resolver(monitor: monitor, tier: tier)
    sink = ReportSink(monitor: monitor, tier: tier)
  }

  /// Feeds the reports in event-time order, as `CorrelationLane` does; returns everything sent up.
  mutating func run(_ reports: [Report]) -> [Report] {
    let due = reports.filter { $0.partOf == nil }.sorted {
      ($0.emitted, $0.id, $0.revision) < ($1.emitted, $1.id, $1.revision)
    }
    let end = (due.last?.emitted ?? .distantPast) + .hours(24)
    var output: [Report] = []
    var next = 0
    while true {
      let event = next < due.count ? due[next].emitted : .distantFuture
      let deadline = engines.reduce(resolver.nextDeadline) { min($0, $1.nextDeadline) }
      let time = min(event, deadline)
      guard time <= end else { return output }
      for index in engines.indices { engines[index].runDeadlines(through: time, into: &sink) }
      resolver.advance(to: time, into: &output)
      let start = next
      while next < due.count, due[next].emitted == time { next += 1 }
      due[start..<next].withUnsafeBufferPointer { batch in
        for index in engines.indices { engines[index].analyse(batch: batch, into: &sink) }
      }
      let conclusions = engines.hear(sink.drain(), into: &sink)
      resolver.resolve(conclusions, asOf: time, into: &output)
    }
  }
}

/// The whole tree of the tests: hq and branch under one enterprise.
struct TestTree {
  var domainIncidents: [Report] = []
  var enterpriseIncidents: [Report] = []

  init(_ text: String) throws { try self.init(TextScenario(text).reports) }

  init(_ reports: [Report]) throws {
    var upward: [Report] = []
    for domain in ["hq", "branch", "edge"] {
      let children = reports.filter { Self.domain(of: $0.monitor) == domain }
      var monitor = try TestMonitor(domain, .domain)
      upward += monitor.run(children)
    }
    domainIncidents = Self.newest(upward)
    var top = try TestMonitor("acme", .enterprise)
    enterpriseIncidents = Self.newest(top.run(upward))
  }

  private static func domain(of monitor: MonitorName) -> String {
    if monitor.text.hasPrefix("br-") { return "branch" }
    return monitor.text == "internet" ? "edge" : "hq"
  }

  /// The newest revision of every incident that is not part of another, in order of opening.
  static func newest(_ reports: [Report]) -> [Report] {
    var newest: [ReportID: Report] = [:]
    for report in reports where report.reportClass == .incident {
      if let known = newest[report.id], known.revision >= report.revision { continue }
      newest[report.id] = report
    }
    return newest.values.filter { $0.partOf == nil }.sorted {
      ($0.raised, $0.id) < ($1.raised, $1.id)
    }
  }
}

/// Incidents as text: `recon.port-scan by 10.0.0.9 on 10.10.1.5 ports 22`; sets of more than three
/// as their size.
func lines(_ incidents: [Report]) -> [String] {
  incidents.map { report in
    func text(_ set: AddressSet) -> String {
      set.count > 3 ? "\(set.count)" : set.listed.map(\.description).joined(separator: ",")
    }
    let ports = report.ports.map(\.description).joined(separator: ",")
    return "\(report.kind) by \(text(report.sources)) on \(text(report.targets)) ports \(ports)"
  }
}

extension Array where Element == any AnalysisEngine<Report> {
  /// Lets all engines hear what was concluded; returns it, with what they add at once.
  fileprivate mutating func hear(_ conclusions: [Report], into sink: inout ReportSink) -> [Report] {
    guard !conclusions.isEmpty else { return [] }
    for index in indices where self[index].listens { self[index].hear(conclusions, into: &sink) }
    let more = sink.drain()
    return more.isEmpty ? conclusions : conclusions + more
  }
}
