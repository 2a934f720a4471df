import ArgumentParser
import Tiers

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
        beryl assets topology/acme.yaml    list its hosts, what they run and how vulnerable they are
        beryl pki init topology/acme.yaml  issue its certificates
        beryl up topology/acme.yaml        run the whole tree on this machine
        beryl status topology/acme.yaml    ask a running tree how it does
        beryl replay scenario.yaml         replay captures across the tree
        beryl compare scenario.yaml a.yaml b.yaml   replay it over several topologies
        beryl incidents --result out.json  list incidents, those that matter most first
        beryl why ID --result out.json     explain a report
        beryl why-not --kind recon.* --source 10.0.0.9 --result out.json …   explain a silence
        beryl rules check emerging.rules   find the rules that are not evaluated, and why

      Exit codes: 0 all is well, 1 an expectation is not met, 2 bad input.
      """,
    subcommands: [
      CheckCommand.self, TreeCommand.self, AssetsCommand.self, PKICommand.self, UpCommand.self,
      StatusCommand.self,
      ReplayCommand.self, CompareCommand.self, IncidentsCommand.self, WhyCommand.self,
      WhyNotCommand.self, RulesCommand.self,
    ])

  static func main() async { await Program.run(Self.self) }
}
