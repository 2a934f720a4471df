import Hierarchy
import Monitoring
import Reports
import Terms
import Tiers

/// A made-up enterprise: so many domains with so many segments each, a local monitor on every one.
public struct TreeTopology: Sendable {
  let domains: Int
  let locals: Int

  /// At most 250 of each.
  public init(domains: Int, locals: Int) {
    self.domains = min(max(1, domains), 250)
    self.locals = min(max(1, locals), 250)
  }

  /// The topology file; `folder` holds `schema.yaml`.
  func text(folder: String) -> String {
    var segments = ""
    var monitors = "  top: { tier: enterprise, listen: \"127.0.0.1:1\" }\n"
    for domain in 0..<domains {
      let listen = "listen: \"127.0.0.1:\(domain + 2)\""
      monitors += "  d\(domain): { tier: domain, parents: [top], \(listen) }\n"
      for local in 0..<locals {
        let name = "s\(domain)-\(local)"
        segments += "  \(name): { prefixes: [10.\(domain).\(local).0/24] }\n"
        monitors += "  \(name): { tier: local, segment: \(name), parents: [d\(domain)] }\n"
      }
    }
    return """
      beryl: 1
      enterprise: large
      schema: \(folder)/schema.yaml
      network:
      \(segments)monitors:
      \(monitors)
      """
  }

  public func parsed(folder: String) throws -> Topology {
    try Topology.parse(
      Array(text(folder: folder).utf8), path: "tree.yaml", knownLimits: EngineLimits.all)
  }
}

/// What a busy segment's local monitor has to say in two minutes: evidence of each epoch, scans and
/// guesses of outsiders, and one distributed scan that only the top can join.
public struct BusySegment: LocalSource {
  private let monitor: MonitorName
  private let base: UInt32
  private var generator: SeededGenerator
  private var epoch = 0
  private static let epochs = 12

  public init(_ monitor: MonitorName, _ topology: Topology) {
    self.monitor = monitor
    let prefix = topology.monitor(monitor)?.segment.flatMap { topology.segment($0)?.prefixes.first }
    base = prefix?.base.v4 ?? 0
    generator = SeededGenerator(seed: UInt64(base))
  }

  public mutating func next() -> LocalPiece? {
    guard epoch < Self.epochs else { return nil }
    epoch += 1
    let time = CaptureTime(seconds: 1_000_000 + 10 * Double(epoch))
    var reports = [contacts(at: time + .milliseconds(5)), rates(at: time + .milliseconds(5))]
    if generator.chance(0.5) { reports.insert(attack(at: time), at: 0) }
    return LocalPiece(reports: reports, watermark: time + .milliseconds(5))
  }

  private mutating func host() -> IPAddress {
    IPAddress(v4: base + UInt32.random(in: 1...250, using: &generator))
  }

  private mutating func contacts(at time: CaptureTime) -> Report {
    var report = report(.firstContacts, .evidence, time, severity: 0)
    report.summary = .contacts(
      (0..<4).map { index in
        let target = host()
        // Half of it are guests of this segment that miss, half one scan spread over sources.
        let source =
          index < 2
          ? IPAddress(v4: 0xcb00_7100 + UInt32.random(in: 0...99, using: &generator)) : host()
        return ContactRow(
          source: IPPrefix(host: source), transport: .tcp, port: index < 2 ? 445 : 8443,
          attempts: 1, failures: 1, targets: AddressSet([target]),
          failedTargets: AddressSet([target]), first: time - .seconds(5), last: time,
          packets: [UInt64(epoch)])
      })
    return report
  }

  private mutating func rates(at time: CaptureTime) -> Report {
    var report = report(.ingressRates, .evidence, time, severity: 0)
    report.summary = .rates(
      (0..<4).map { index in
        RateRow(
          target: IPAddress(v4: base + 10 + UInt32(index)), segment: monitor.text, transport: .tcp,
          port: 443, packets: 400, bytes: 60_000, contacts: 20, unfinished: 0,
          sources: AddressSet((0..<6).map { _ in host() }), first: time - .seconds(10),
          last: time)
      })
    return report
  }

  private mutating func attack(at time: CaptureTime) -> Report {
    let isGuess = generator.chance(0.5)
    var report = report(
      isGuess ? .bruteForce : .portScan, .detection, time, severity: 5)
    report.sources.insert(
      IPAddress(v4: 0xc633_0000 + UInt32.random(in: 0...65_535, using: &generator)))
    report.targets.insert(host())
    report.ports = isGuess ? [22] : [22, 80, 443]
    return report
  }

  private func report(
    _ kind: ReportKind, _ reportClass: ReportClass, _ time: CaptureTime, severity: Double
  ) -> Report {
    var report = Report(
      id: ReportID(monitor: monitor, kind: kind, subject: "\(epoch)", opened: time), kind: kind,
      reportClass: reportClass, monitor: monitor, tier: .local, first: time - .seconds(5),
      last: time, raised: time, emitted: time, severity: severity, confidence: 0.8)
    report.coverage.segments = [monitor.text]
    report.transport = .tcp
    return report
  }
}
