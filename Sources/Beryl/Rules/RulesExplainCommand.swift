import ArgumentParser
import Hierarchy
import Tiers

/// `beryl rules explain`
struct RulesExplainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Draws directives: their stages, alternatives, joins and times.",
    discussion: """
      A directive is a declared attack of several stages, which the monitors above the local tier \
      follow from report to report. RULE is the name of one of the topology's directives, or a \
      file of directives, or FILE:NAME.

      Examples:
        beryl rules explain whole-intrusion
        beryl rules explain topology/directives/theft.yaml
        beryl rules explain local.yaml:my-rule --topology site.yaml
        beryl rules explain --list

      Exit codes: 0 drawn, 2 no such directive, or faults.
      """)

  @Argument(help: "A directive's name, a file, or FILE:NAME.")
  var rule: String?

  @Option(
    help: "The topology that names the schema and the directives.",
    completion: .file(extensions: ["yaml", "yml"]))
  var topology = "topology/acme.yaml"

  @Flag(help: "List the topology's directives, one per line.")
  var list = false

  func validate() throws {
    guard rule != nil || list else { throw ValidationError("Missing expected argument '<rule>'") }
  }

  func run() async throws {
    try await exiting {
      let loaded = try loadTopology(topology)
      if list {
        for directive in loaded.directives { print("\(directive.name): \(directive.title)") }
        return
      }
      let chosen = try directives(rule ?? "", loaded)
      print(chosen.map(\.drawing).joined(separator: "\n\n"))
    }
  }

  private func directives(_ rule: String, _ topology: Topology) throws -> [Directive] {
    if DirectiveCheck.recognises(rule) {
      return try Directive.load(path: rule, schema: topology.schema)
    }
    var candidates = topology.directives
    var name = rule[...]
    if let colon = rule.lastIndex(of: ":"), DirectiveCheck.recognises(String(rule[..<colon])) {
      candidates = try Directive.load(path: String(rule[..<colon]), schema: topology.schema)
      name = rule[rule.index(after: colon)...]
    }
    let found = candidates.filter { $0.name == name }
    guard found.isEmpty else { return found }
    let near = NearestName.of(String(name), among: candidates.map(\.name))
    throw StartRefusal(
      "no directive '\(name)'" + (near.map { "; did you mean '\($0)'?" } ?? "")
        + " (--list shows them)")
  }
}
