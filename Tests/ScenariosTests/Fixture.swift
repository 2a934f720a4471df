import Foundation
import Hierarchy
import Reports
import Scenarios
import Terms

/// A directory that goes when the test does, with a small topology in it.
final class Scratch {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("beryl-scenarios-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
    try write("site.yaml", Self.topology)
    try write("dmz.pcap", "")
    try write("office.pcap", "")
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    return path + "/" + name
  }

  static let topology = """
    beryl: 1
    enterprise: acme
    schema:
      attack: "17.1"
      kinds:
        recon.port-scan: { class: detection, severity: 4, techniques: [T1046],
          fields: { technique: text, decoys: count } }
        recon.distributed-scan: { class: incident, severity: 6, techniques: [T1595.001] }
        dos.syn-flood: { class: detection, severity: 7 }
        evidence.first-contacts: { class: evidence, severity: 1 }
    network:
      dmz: { prefixes: [10.10.1.0/24] }
      office: { prefixes: [10.10.2.0/24] }
    assets:
      web1: { segment: dmz, addresses: [10.10.1.10], value: 5 }
    monitors:
      acme: { tier: enterprise, listen: "127.0.0.1:7400" }
      hq: { tier: domain, parents: [acme], listen: "127.0.0.1:7410" }
      dmz: { tier: local, segment: dmz, parents: [hq] }
      office: { tier: local, segment: office, parents: [hq] }
    """
}

/// Testing has a type of this name too.
typealias Expectation = Scenarios.Expectation

func name(_ text: String) -> MonitorName { MonitorName(text)! }

/// Seconds after the start of the tests' event time.
func at(_ seconds: Double) -> CaptureTime { CaptureTime(seconds: 1_700_000_000 + seconds) }

/// A report on `sources` (last octets of 203.0.113.0/24) against web1.
func report(
  _ kind: ReportKind, _ reportClass: ReportClass = .incident, at tier: Tier, _ monitor: String,
  raised: Double, sources: ClosedRange<Int> = 1...1, severity: Double = 6,
  from below: [Report] = []
) -> Report {
  var report = Report(
    id: ReportID(monitor: name(monitor), kind: kind, subject: "test", opened: at(raised)),
    kind: kind, reportClass: reportClass, monitor: name(monitor), tier: tier, first: at(0),
    last: at(raised), raised: at(raised), emitted: at(raised), severity: severity, confidence: 0.8)
  for source in sources { report.sources.insert(IPAddress(v4: 0xcb00_7100 | UInt32(source))) }
  report.targets.insert(IPAddress(v4: 0x0a0a_010a))
  report.derivedFrom = below.map(\.id)
  return report
}

/// A distributed scan seen by the whole tree: incident ← incident ← evidence of two taps, and a
/// port scan that only one tap saw.
struct Tree {
  let dmz: Report
  let office: Report
  let scan: Report
  let domain: Report
  let enterprise: Report

  init() {
    dmz = Self.contacts("dmz", capture: "hq-dmz.pcap", packets: [17, 18])
    office = Self.contacts("office", capture: "office.pcap", packets: [90])
    var scan = report(.portScan, .detection, at: .local, "dmz", raised: 9, severity: 4)
    scan.attributes = ["technique": .text("syn"), "decoys": .count(3)]
    scan.evidence = [Evidence(monitor: name("dmz"), capture: "hq-dmz.pcap", packets: [4, 5])]
    scan.terms = [Term("failures", 21, threshold: 20, unit: "contacts")]
    self.scan = scan
    var domain = report(
      .distributedScan, at: .domain, "hq", raised: 31, sources: 1...12, from: [dmz, office, scan])
    domain.terms = [Term("sources", 12, threshold: 8, unit: "addresses"), Term("weight", 0.25)]
    domain.coverage.silent = [name("office")]
    self.domain = domain
    enterprise = report(
      .distributedScan, at: .enterprise, "acme", raised: 33, sources: 1...12, severity: 7,
      from: [domain, dmz])
  }

  var all: [Report] { [dmz, office, scan, domain, enterprise] }

  private static func contacts(_ monitor: String, capture: String, packets: [UInt64]) -> Report {
    var evidence = report(
      .firstContacts, .evidence, at: .local, monitor, raised: 10, severity: 1)
    evidence.evidence = [Evidence(monitor: name(monitor), capture: capture, packets: [])]
    evidence.sources = AddressSet()
    evidence.targets = AddressSet()
    // Two hundred bystanders, then the one that the incidents name.
    let rows = (0...200).map { number in
      let source = number == 200 ? 0xcb00_7101 : 0xc633_6400 | UInt32(number)
      return ContactRow(
        source: IPPrefix(host: IPAddress(v4: source)), transport: .tcp, port: 22, attempts: 4,
        failures: 3, targets: AddressSet([IPAddress(v4: 0x0a0a_010a)]),
        failedTargets: AddressSet(), first: at(0), last: at(9),
        packets: number == 200 ? packets : [1])
    }
    evidence.summary = .contacts(rows)
    return evidence
  }
}

extension Scratch {
  func topology() throws -> Topology {
    try Topology.load(path: path + "/site.yaml", knownLimits: [])
  }

  func result(_ reports: [Report], _ expectations: [Expectation] = []) throws -> ReplayResult {
    let scenario = Scenario(
      name: "a scan in pieces", topologyPath: path + "/site.yaml", captures: [],
      expectations: expectations)
    let outcome = ReplayOutcome(
      reports: reports, links: [LinkResult(child: "hq", parent: "acme", reports: 3, bytes: 1200)],
      losses: ["dmz": ["capture.kernel-dropped": 7], "hq": [:]],
      timing: ReplayTiming(
        mode: "in-process", first: at(0), last: at(60), wall: 0.5, cpu: 0.25, packets: 12345,
        bytes: 99))
    return ReplayResult(outcome, scenario: scenario, topology: try topology())
  }
}
