import ArgumentParser
import Hierarchy
import Tiers

/// `beryl tree`: the picture of a topology.
struct TreeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tree",
    abstract: "Draws a topology: monitors, segments and assets.",
    discussion: """
      Each monitor stands below the parent it prefers, with its tier, where it listens, the \
      parents it fails over to ("else →") and its peers ("↔"); below a local monitor stands \
      what it watches.

      Examples:
        beryl tree topology/acme.yaml
        beryl tree --json topology/acme.yaml | jq -r '.monitors[] | select(.tier=="local").name'

      With --json one object: {"enterprise", "digest", "segments": [{"name", "prefixes", \
      "gateways", "dhcp", "dns", "perimeter"}], "assets": [{"name", "segment", "addresses", \
      "value", "services", "os"}], "monitors": [{"name", "tier", "segment", "parents", "peers", \
      "children", "listen", "console", "interface"}]}; "children" are those that prefer the \
      monitor; what is not given is null.

      Exit codes: 0 drawn, 2 a faulty topology.
      """)

  @Argument(help: "The topology file (YAML).", completion: .file(extensions: ["yaml", "yml"]))
  var file: String

  @Flag(help: "Print one JSON object instead of a drawing.")
  var json = false

  func run() async throws {
    do {
      let topology = try Topology.load(path: file, knownLimits: EngineLimits.all)
      print(json ? try JSONText.of(TreeSummary(topology)) : TopologyDrawing(topology).text)
    } catch let error as TopologyFaults {
      FaultSummary.complain(error)
      throw BerylExit.badInput
    }
  }
}
