import ArgumentParser

/// `beryl rules`
struct RulesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Works with rules: signatures of Suricata and Snort, and directives.",
    subcommands: [RulesCheckCommand.self, RulesExplainCommand.self, RulesImportCommand.self])
}
