import Hierarchy
import Reports
import Terms
import Testing

private func name(_ text: String) throws -> MonitorName { try #require(MonitorName(text)) }
private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

@Suite struct TopologyTests {
  @Test(arguments: ["acme.yaml", "centralised.yaml", "distributed.yaml"])
  func theShippedTopologiesAreSound(file: String) throws {
    let topology = try Files.load(file)
    #expect(topology.segments.count == 6)
    #expect(topology.monitors.filter { $0.tier == .local }.count == 6)
  }

  @Test func theTreeHangsTogether() throws {
    let acme = try Files.load("acme.yaml")
    #expect(acme.roots.map(\.name.text) == ["acme"])
    #expect(
      acme.preferredChildren(of: try name("acme")).map(\.name.text) == ["hq", "branch", "edge"])
    #expect(acme.preferredChildren(of: try name("edge")).map(\.name.text) == ["internet"])
    #expect(acme.children(of: try name("hq")).count == 6)
    #expect(acme.peers(of: try name("hq")).map(\.text) == ["branch"])
    let distributed = try Files.load("distributed.yaml")
    #expect(distributed.roots.map(\.name.text) == ["hq", "branch", "edge"])
  }

  @Test func everyAddressHasItsSegment() throws {
    let acme = try Files.load("acme.yaml")
    #expect(acme.segment(containing: try address("10.20.1.7"))?.name == "br-office")
    #expect(acme.segment(containing: try address("203.0.113.66"))?.name == "internet")
    #expect(acme.segment(containing: try address("2001:db8::1"))?.name == "internet")
    #expect(acme.asset(at: try address("10.10.1.12"))?.name == "www")
    #expect(acme.homePrefixes.count == 5)
  }

  @Test func aSubscriptionInheritsFromTheWiderOne() throws {
    let acme = try Files.load("acme.yaml")
    #expect(acme.subscription(of: try name("acme"), to: try name("hq")).budget == 500)
    #expect(acme.subscription(of: try name("edge"), to: try name("internet")).budget == 2000)
    #expect(acme.subscription(of: try name("hq"), to: try name("hq-dmz")) == .standard)
    let wanted = Subscription(kinds: ["recon.*"], leastSeverity: 3, budget: nil)
    #expect(wanted.wants(.portScan, .detection, severity: 3))
    #expect(!wanted.wants(.portScan, .detection, severity: 2))
    #expect(!wanted.wants(.synFlood, .detection, severity: 9))
  }

  @Test func aMonitorsLimitsOverrideTheDefaults() throws {
    let text = """
      beryl: 1
      enterprise: e
      schema: schema.yaml
      network: { s: { perimeter: true } }
      monitors:
        e: { tier: enterprise, listen: "h:1" }
        l: { tier: local, segment: s, parents: [e], limits: { port-scan.window: 2m } }
      defaults: { port-scan.window: 90s, port-scan.failures: 5, syn-flood.rate: 600/m }
      """
    let topology = try Topology.parse(
      Array(text.utf8), path: Files.folder + "t.yaml", knownLimits: Files.limits)
    let table = topology.limits(for: try name("l"))
    #expect(Files.limits.map { table[$0] } == [5, 120, 0.2, 10])
    #expect(topology.limits(for: try name("e"))[Files.limits[1]] == 90)
  }

  @Test func theDrawingShowsTheWholeTree() throws {
    let text = TopologyDrawing(try Files.load("acme.yaml")).text
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines[0] == "acme  (enterprise)  127.0.0.1:7400  console 127.0.0.1:7480")
    #expect(lines[1] == "├─ hq  (domain)  127.0.0.1:7410  peers ↔ branch")
    #expect(lines.contains { $0.contains("segment internet  everything else") })
    #expect(lines.contains { $0.contains("└╴ br-files  10.20.2.30, 10.20.2.31  value 3") })
  }
}
