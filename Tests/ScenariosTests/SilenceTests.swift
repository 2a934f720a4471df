import Hierarchy
import Reports
import Terms
import Testing

@testable import Scenarios

@Suite struct SilenceTests {
  private let scratch: Scratch
  private let attacker = IPPrefix("203.0.113.1")!
  private let limits = [
    EngineLimit("port-scan.ports", 20, .count, "Ports."),
    EngineLimit("syn-flood.rate", 100, .rate, "Packets."),
  ]

  init() throws { scratch = try Scratch() }

  private func ask(
    _ kind: String, of reports: [Report], losses: [String: [String: UInt64]] = [:],
    subscriptions: String = "", between: ClosedRange<Double>? = nil, watching: Set<String>? = nil
  ) throws -> SilenceAnswer {
    try scratch.write("other.yaml", Scratch.topology + "\n" + subscriptions)
    let topology = try Topology.load(path: scratch.path + "/other.yaml", knownLimits: [])
    return SilenceSearch(
      SilenceQuestion(kind: kind, source: attacker, between: between), topology: topology,
      limits: limits, rows: reports.map { ReportRow($0) }, losses: losses, watching: watching
    ).answer()
  }

  @Test func whatTheRootToldIsToldAfterAll() throws {
    let answer = try ask("recon.*", of: Tree().all)
    #expect(answer.wasTold)
    #expect(answer.stops.first?.monitor == "acme")
  }

  @Test func aScanThatBecamePartOfALargerOneIsAbsorbed() throws {
    let answer = try ask("recon.port-scan", of: Tree().all)
    #expect(answer.stops.first?.cause == .absorbed)
    #expect(answer.stops.first?.monitor == "hq")
    #expect(answer.stops.first?.text.contains("recon.distributed-scan") == true)
  }

  @Test func aSubscriptionIsNamedAsTheFilter() throws {
    let answer = try ask(
      "recon.port-scan", of: [Tree().scan], subscriptions: "subscriptions: { hq: { severity: 5 } }")
    #expect(answer.stops.map(\.cause) == [.filter])
    #expect(answer.stops[0].text.contains("severity 5 or more"))
  }

  @Test func budgetAndLatenessAreNamedWithTheirCounts() throws {
    let answer = try ask(
      "recon.port-scan", of: [Tree().scan],
      losses: ["dmz": ["budget.shed": 12], "hq": ["reports.late": 3]])
    #expect(answer.stops.map(\.cause) == [.budget, .lateness])
    #expect(answer.stops[0].text.hasPrefix("12 reports"))
  }

  @Test func informationalReportsStopWhereTheyAre() throws {
    var scan = Tree().scan
    scan.severity = 2
    #expect(try ask("recon.port-scan", of: [scan]).stops.map(\.cause) == [.severity])
  }

  @Test func evidenceIsSummedBesideTheLimitsOfTheKind() throws {
    let answer = try ask("recon.port-scan", of: [Tree().dmz])
    #expect(answer.stops.map(\.cause) == [.threshold])
    #expect(answer.stops[0].text.contains("port-scan.ports 20"))
    #expect(!answer.stops[0].text.contains("syn-flood"))
    #expect(answer.seen.map(\.monitor) == ["dmz"])
    #expect(answer.seen[0].text.hasPrefix("from 203.0.113.1 tcp/22: 4 first contacts, 3 failed"))
  }

  @Test func anotherTimeSawNothing() throws {
    let late = at(1000).seconds...at(2000).seconds
    let answer = try ask("recon.*", of: Tree().all, between: late)
    #expect(answer.seen.isEmpty)
    #expect(answer.stops.map(\.cause) == [.unseen])
  }

  @Test func lossesAndSilentMonitorsAreBlindness() throws {
    let tree = Tree()
    let answer = try ask(
      "dos.*", of: tree.all, losses: ["dmz": ["capture.kernel-dropped": 7, "budget.shed": 1]])
    let blind = answer.stops.filter { $0.cause == .blindness }
    #expect(blind.map(\.monitor) == ["office", "dmz"])
    #expect(blind[1].text == "lost capture.kernel-dropped 7")
  }
}
