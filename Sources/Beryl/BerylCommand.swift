import ArgumentParser

/// The `beryl` command.
@main
struct BerylCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "beryl",
    abstract: "Works with a tree of monitors: checks, draws, runs, replays and explains it.",
    discussion: """
      One topology file describes the network, the monitors and the messages they exchange; \
      every verb starts from it.

      Examples:
        beryl check topology/acme.yaml     find every fault of a topology
        beryl tree topology/acme.yaml      draw it
        beryl why ID --result out.json     explain a report

      Exit codes: 0 all is well, 1 an expectation is not met, 2 bad input.
      """,
    subcommands: [CheckCommand.self, TreeCommand.self, WhyCommand.self])
}
