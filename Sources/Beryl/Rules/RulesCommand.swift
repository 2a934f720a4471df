import ArgumentParser

/// `beryl rules`
struct RulesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Works with rules: signatures in the language of Suricata and Snort.",
    subcommands: [RulesCheckCommand.self])
}
