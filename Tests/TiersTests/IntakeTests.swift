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

private func time(_ seconds: Double) -> CaptureTime { CaptureTime(seconds: 1_000_000 + seconds) }

/// A domain monitor with three linked children whose budget is ten reports a second, and what it
/// did for them.
private struct Parent {
  private static let children = ["dmz", "office", "servers"]

  var node: MonitorNode
  private var connections: [String: ConnectionID] = [:]
  private var sequences: [String: UInt64] = [:]
  /// Reports stored of each child, and acknowledged sequences.
  private(set) var stored: [String: Int] = [:]
  private(set) var acknowledged: [String: UInt64] = [:]
  private(set) var produced: [Report] = []
  private(set) var refusals: [String] = []

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
    node.childSaid(.batch(batch), connections[child] ?? ConnectionID(0), .milliseconds(2))
    obey()
  }

  mutating func promise(_ child: String, _ watermark: CaptureTime) {
    node.childSaid(
      .heartbeat(Heartbeat(watermarks: [.live: watermark])),
      connections[child] ?? ConnectionID(0), .milliseconds(2))
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

private func scan(_ child: String, at seconds: Double, number: Int) -> Report {
  let monitor = MonitorName(child) ?? MonitorName("dmz")
  guard let monitor else { preconditionFailure("no name") }
  let segment: UInt32 = child == "dmz" ? 1 : child == "office" ? 2 : 3
  var report = Report(
    id: ReportID(monitor: monitor, kind: .portScan, subject: "\(number)", opened: time(seconds)),
    kind: .portScan, reportClass: .detection, monitor: monitor, tier: .local,
    first: time(seconds), last: time(seconds), raised: time(seconds), emitted: time(seconds),
    severity: 5, confidence: 0.9)
  report.sources = AddressSet([IPAddress(v4: 0xcb00_0000 &+ UInt32(number) &* 7919)])
  report.targets = AddressSet([IPAddress(v4: 0x0a01_0010 | segment << 8)])
  report.ports = [22]
  report.coverage.segments = [child]
  return report
}

@Suite struct IntakeTests {
  /// One child sends 40,000 reports of one second, its siblings one report each a second.
  @Test func aFloodOfOneChildIsReportedAndCostsTheOthersNothing() throws {
    var parent = try Parent()
    var number = 0
    for second in 0..<60 {
      let now = Double(second)
      for _ in 0..<(second == 20 ? 160 : 0) {
        parent.send(
          "dmz",
          (0..<250).map { _ in
            number += 1
            return scan("dmz", at: 20, number: number)
          }, through: time(19.9))
      }
      for child in ["office", "servers"] {
        number += 1
        let before = parent.sent(child)
        parent.send(child, [scan(child, at: now, number: number)], through: time(now))
        // Theirs is stored and acknowledged at once, flood or not.
        #expect(parent.acknowledged[child] == before + 1)
      }
      parent.promise("dmz", time(now))
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    let budget = Int(10 * IntakeBudget.burstSeconds)
    #expect(parent.stored["dmz"].map { $0 <= budget } == true)
    #expect(parent.stored["office"] == 60)
    #expect(parent.stored["servers"] == 60)
    // All of it is acknowledged, so that the child does not send it for ever.
    #expect(parent.acknowledged["dmz"] == parent.sent("dmz"))
    #expect(parent.node.losses["intake.shed"] == UInt64(40_000 - budget))
    let floods = parent.health(.overload)
    #expect(floods.map { $0.attributes["monitor"] } == [.text("dmz")])
    #expect(floods.first?.attributes["dropped"] == .count(UInt64(40_000 - budget)))
    #expect(floods.first?.reportClass == .incident)
    // The others' attacks are told, and say what was lost meanwhile.
    let attacks = parent.produced.filter { $0.reportClass == .incident && $0.kind == .portScan }
    let ofOthers = attacks.filter { $0.coverage.segments.contains("servers") }
    #expect(Set(ofOthers.map(\.id)).count == 60)
    #expect(ofOthers.contains { $0.coverage.loss > 0.5 && $0.confidence < 0.6 })
  }

  /// The same attack at a child that keeps its budget: as much as that lets through is taken.
  @Test func aBusyChildUnderARealAttackIsNoFloodingChild() throws {
    var parent = try Parent()
    var output = LaneOutput(budget: 10, wants: { _ in true })
    for second in 0..<60 {
      let now = Double(second)
      let reports = (0..<250).map { scan("dmz", at: now, number: second * 250 + $0) }
      let sent = output.accept(reports, laneEnded: false).filter { $0.sequence != nil }
      for start in stride(from: 0, to: sent.count, by: 256) {
        let batch = sent[start..<min(sent.count, start + 256)].map(\.report)
        parent.send("dmz", batch, through: time(now - 0.1))
      }
      for child in ["dmz", "office", "servers"] { parent.promise(child, time(now)) }
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(output.shed > 0)
    #expect(parent.stored["dmz"].map { UInt64($0) } == parent.sent("dmz"))
    #expect(parent.node.losses["intake.shed"] == nil)
    #expect(parent.health(.overload).isEmpty)
  }

  @Test func aChildAheadOfTheOthersWaitsAndLosesNothing() throws {
    var limits = IntakeLimits()
    limits.waitingReports = 100
    var parent = try Parent(limits: limits)
    for batch in 0..<8 {
      parent.send(
        "dmz", (0..<50).map { scan("dmz", at: Double(batch), number: batch * 50 + $0) },
        through: time(Double(batch)))
    }
    #expect(parent.acknowledged["dmz"] == 100)
    #expect(parent.stored["dmz"] == 100)
    // What a heartbeat promises goes for what waits too, not before it.
    parent.promise("dmz", time(60))
    for child in ["office", "servers"] { parent.promise(child, time(30)) }
    parent.promise("dmz", time(60))
    #expect(parent.acknowledged["dmz"] == 400)
    #expect(parent.stored["dmz"] == 400)
    #expect(parent.node.losses["reports.late"] == nil)
    #expect(parent.refusals.isEmpty)
  }

  /// A child that ignores the window while it waits is cut off.
  @Test func whatWaitsIsBoundedByTheWindow() throws {
    var limits = IntakeLimits()
    limits.waitingReports = 10
    var parent = try Parent(limits: limits)
    for batch in 0..<20 {
      parent.send(
        "dmz",
        [scan("dmz", at: Double(batch), number: batch)]
          + (0..<20).map {
            scan("dmz", at: Double(batch), number: 1000 + batch * 20 + $0)
          }, through: time(Double(batch)))
    }
    #expect(parent.refusals.count == 1)
    #expect(parent.stored["dmz"] == 21)
  }

  /// Its promise never grows, so that everybody waits for it, and its reports lie in the future.
  @Test func aChildThatHoldsTimeBackCannotFillTheMemory() throws {
    var limits = IntakeLimits()
    limits.waitingReports = 100
    var parent = try Parent(limits: limits)
    parent.promise("dmz", time(-1))
    for child in ["office", "servers"] { parent.promise(child, time(50)) }
    for batch in 0..<40 {
      parent.send(
        "dmz", (0..<50).map { scan("dmz", at: Double(1000 * batch), number: batch * 50 + $0) },
        through: time(-1))
    }
    #expect(parent.stored["dmz"].map { $0 <= 100 * limits.excess } == true)
    #expect(parent.acknowledged["dmz"] == 2000)
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(parent.health(.overload).count == 1)
  }

  @Test func reportsUnderAnotherNameAreReported() throws {
    var parent = try Parent()
    for number in 0..<5 {
      parent.send("dmz", [scan("office", at: Double(number), number: number)], through: time(1))
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(parent.stored["dmz"] == 0)
    let forged = parent.health(.forgedReports)
    #expect(forged.map { $0.attributes["monitor"] } == [.text("dmz")])
    #expect(forged.first?.attributes["reason"] == .text("another monitor's name"))
  }

  @Test func reportsBehindTheirOwnPromiseAreReported() throws {
    var parent = try Parent()
    parent.promise("dmz", time(100))
    for number in 0..<5 {
      parent.send("dmz", [scan("dmz", at: Double(number), number: number)], through: time(100))
    }
    for child in ["dmz", "office", "servers"] { parent.promise(child, .distantFuture) }
    #expect(parent.health(.clockSkew).map { $0.attributes["monitor"] } == [.text("dmz")])
  }
}
