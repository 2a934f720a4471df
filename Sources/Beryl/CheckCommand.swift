import ArgumentParser
import Hierarchy
import Terms
import Tiers

/// `beryl check`: every fault of a topology and its schema at once.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Checks a topology file and the files it names: schema, directives, inventory.",
    discussion: """
      Prints every fault, one per line, as FILE:LINE:COLUMN: MESSAGE [RULE], with the nearest \
      right name where there is one; then how many there are. Without faults one line says what \
      the file holds, with the digest of its schema.

      Examples:
        beryl check topology/acme.yaml
        beryl check --json topology/acme.yaml | jq '.faults[].rule'
        beryl check --limits               the engine limits that a topology can set

      With --json one object: {"file", "sound", "faults": [{"file", "line", "column", "rule", \
      "message", "suggestion"}], "enterprise", "monitors", "segments", "assets", "kinds", \
      "digest", "inventory": {"hosts", "services", "vulnerabilities"}}; from "enterprise" on only \
      when sound, "suggestion" null when there is none.

      Exit codes: 0 no fault, 2 faults.
      """)

  @Argument(help: "The topology file (YAML).", completion: .file(extensions: ["yaml", "yml"]))
  var file: String?

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  @Flag(help: "List the engine limits that 'defaults' and 'limits' can set, and stop.")
  var limits = false

  func validate() throws {
    guard file != nil || limits else {
      throw ValidationError("Missing expected argument '<file>'")
    }
  }

  func run() async throws {
    if limits { return printLimits() }
    let file = file ?? ""
    do {
      let topology = try Topology.load(path: file, knownLimits: EngineLimits.all)
      let summary = TopologySummary(file: file, topology: topology)
      print(json ? try JSONText.of(summary) : summary.line)
    } catch let error as TopologyFaults {
      print(json ? try JSONText.of(FaultSummary(file: file, error)) : Self.text(error))
      throw BerylExit.badInput
    }
  }

  private static func text(_ error: TopologyFaults) -> String {
    let count = error.faults.count
    return "\(error)\n\(count) \(count == 1 ? "fault" : "faults")"
  }

  private func printLimits() {
    for limit in EngineLimits.all.sorted(by: { $0.name < $1.name }) {
      print("\(limit.name): \(Self.shown(limit))   # \(limit.help)")
    }
  }

  /// The standard value as a topology writes it.
  private static func shown(_ limit: EngineLimit) -> String {
    let isWhole = limit.standard == limit.standard.rounded() && abs(limit.standard) < 1e15
    let number = isWhole ? "\(Int(limit.standard))" : "\(limit.standard)"
    return switch limit.unit {
    case .duration: "\(TimeSpan.seconds(limit.standard))"
    case .rate: number + "/s"
    case .count, .ratio: number
    }
  }
}
