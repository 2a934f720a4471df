import Foundation
import Hierarchy
import Links
import Monitoring
import Reports
import Terms
import Testing

@testable import Tiers

private let repository = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

/// A domain monitor with three linked children whose budget is ten reports a second, and what it
/// did for them.
struct Parent {
  private static let children = ["dmz", "office", "servers"]

  var node: MonitorNode
  private var connections: [String: ConnectionID] = [:]
  private var sequences: [String: UInt64] = [:]
  /// Reports stored of each child, and acknowledged sequences.
  private(set) var stored: [String: Int] = [:]
  private(set) var acknowledged: [String: UInt64] = [:]
  private(set) var produced: [Report] = []
  private(set) var refusals: [String] = []
  /// The host's clock, in milliseconds.
  var clock: UInt64 = 2

  init(limits: IntakeLimits = IntakeLimits()) throws {
    let text = """
      beryl: 1
      enterprise: acme
      schema: \(repository.appending(path: "topology/schema.yaml").path)
      network:
        dmz: { prefixes: [10.1.1.0/24], gateway: 10.1.1.1 }
        office: { prefixes: [10.1.2.0/24], gateway: 10.1.2.1 }
        servers: { prefixes: [10.1.3.0/24], gateway: 10.1.3.1 }
      monitors:
        acme: { tier: enterprise, listen: "127.0.0.1:1" }
        hq: { tier: domain, parents: [acme], listen: "127.0.0.1:2" }
        dmz: { tier: local, segment: dmz, parents: [hq] }
        office: { tier: local, segment: office, parents: [hq] }
        servers: { tier: local, segment: servers, parents: [hq] }
      subscriptions:
        hq: { budget: 10/s }
      """
    let topology = try Topology.parse(
      Array(text.utf8), path: "test.yaml", knownLimits: EngineLimits.all)
    let name = try #require(MonitorName("hq"))
    var configuration = try #require(NodeConfiguration(topology: topology, monitor: name))
    configuration.intakeLimits = limits
    node = MonitorNode(configuration)
    node.start(.milliseconds(0))
    let schema = topology.schema
    for (index, child) in Self.children.enumerated() {
      let name = try #require(MonitorName(child))
      let id = ConnectionID(UInt64(index + 1))
      connections[child] = id
      node.childOpened(id, .monitor(name), .milliseconds(1))
      node.childSaid(
        .hello(
          Hello(
            monitor: name, tier: .local, schemaDigest: schema.digest,
            kindDigests: schema.kindDigests)), id, .milliseconds(1))
    }
    obey()
  }

  /// One batch of a child.
  mutating func send(_ child: String, _ reports: [Report], through watermark: CaptureTime) {
    let first = (sequences[child] ?? 0) + 1
    let entries = reports.enumerated().map {
      SequencedReport(sequence: first + UInt64($0.offset), report: $0.element)
    }
    let through = first - 1 + UInt64(entries.count)
    sequences[child] = through
    let batch = Batch(lane: .live, entries: entries, through: through, watermark: watermark)
    node.childSaid(.batch(batch), connections[child] ?? ConnectionID(0), .milliseconds(clock))
    obey()
  }

  mutating func promise(_ child: String, _ watermark: CaptureTime) {
    node.childSaid(
      .heartbeat(Heartbeat(watermarks: [.live: watermark])),
      connections[child] ?? ConnectionID(0), .milliseconds(clock))
    obey()
  }

  mutating func tick() {
    node.tick(.milliseconds(clock))
    obey()
  }

  func sent(_ child: String) -> UInt64 { sequences[child] ?? 0 }

  private mutating func obey() {
    while true {
      let directives = node.takeDirectives()
      guard !directives.isEmpty else { return }
      for directive in directives {
        switch directive {
        case .storeReceived(let entries, let child, _, _, _, _):
          stored[child.text, default: 0] += entries.count
        case .storeProduced(let reports, _): produced += reports.map(\.report)
        case .sendDown(.acknowledgement(_, let through), let id):
          guard let child = connections.first(where: { $0.value == id })?.key else { continue }
          acknowledged[child] = through
        case .sendDown(.refusal(let refusal), _): refusals.append("\(refusal)")
        default: break
        }
      }
    }
  }

  /// What was said of the children's conduct, the newest revisions, by kind.
  func health(_ kind: ReportKind) -> [Report] {
    var newest: [ReportID: Report] = [:]
    for report in produced where report.kind == kind { newest[report.id] = report }
    return newest.values.sorted { $0.id < $1.id }
  }
}

func scan(_ child: String, at seconds: Double, number: Int) -> Report {
  let monitor = MonitorName(child) ?? MonitorName("dmz")
  guard let monitor else { preconditionFailure("no name") }
  let segment: UInt32 = child == "dmz" ? 1 : child == "office" ? 2 : 3
  var report = Report(
    id: ReportID(
      monitor: monitor, kind: .portScan, subject: "\(number)", opened: .of(seconds)),
    kind: .portScan, reportClass: .detection, monitor: monitor, tier: .local,
    first: .of(seconds), last: .of(seconds), raised: .of(seconds), emitted: .of(seconds),
    severity: 5, confidence: 0.9)
  report.sources = AddressSet([IPAddress(v4: 0xcb00_0000 &+ UInt32(number) &* 7919)])
  report.targets = AddressSet([IPAddress(v4: 0x0a01_0010 | segment << 8)])
  report.ports = [22]
  report.coverage.segments = [child]
  return report
}

extension CaptureTime {
  /// Seconds of a story.
  static func of(_ seconds: Double) -> CaptureTime { CaptureTime(seconds: 1_000_000 + seconds) }
}
