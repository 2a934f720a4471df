import ArgumentParser

/// `beryl rules`
struct RulesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Works with rules: signatures of Suricata and Snort, and directives.",
    discussion: """
      Examples:
        beryl rules check emerging.rules
        beryl rules explain topology/directives/intrusion.yaml
        beryl rules import directives.xml > local.yaml
      """,
    subcommands: [RulesCheckCommand.self, RulesExplainCommand.self, RulesImportCommand.self])
}
