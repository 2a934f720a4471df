import Hierarchy
import Scenarios
import Terms
import Tiers

/// Reads a scenario and its topology, or `topology` in its place; refuses with every fault.
///
/// Another topology must have the local monitors that the captures are for.
func loadScenario(_ path: String, over topology: String?) throws -> Scenario.Loaded {
  var loaded: Scenario.Loaded
  do throws(ScenarioFaults) {
    loaded = try Scenario.load(path: path, knownLimits: EngineLimits.all)
  } catch {
    throw StartRefusal("\(error)")
  }
  guard let topology else { return loaded }
  loaded.topology = try loadTopology(topology)
  for capture in loaded.scenario.captures
  where loaded.topology.monitor(capture.monitor)?.tier != .local {
    throw StartRefusal(
      "\(topology): no local monitor '\(capture.monitor)' for the capture \(capture.path)")
  }
  loaded.scenario.topologyPath = topology
  return loaded
}
