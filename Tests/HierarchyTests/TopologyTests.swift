import Hierarchy
import Reports
import Terms
import Testing

@Suite struct TopologyTests {
  @Test(arguments: ["acme.yaml", "centralised.yaml", "distributed.yaml"])
  func theShippedTopologiesAreSound(name: String) throws {
    let topology = try Files.load(name)
    #expect(topology.segments.count == 6)
    #expect(topology.monitors.filter { $0.tier == .local }.count == 6)
  }
}
