import ArgumentParser
import Foundation
import Hierarchy
import Monitoring
import Replay
import Terms
import Tiers

/// `beryl status`
struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows every monitor of a running tree.",
    discussion: """
      Tier, parent in use, watermark; reports received from children, produced, kept (not for the \
      parent: subscriptions, severity, budgets) and passed up, with their share of those received; \
      spool depth, rates, children, losses.

      Examples:
        beryl status topology/acme.yaml
        beryl status topology/acme.yaml --json
        until beryl status topology/acme.yaml --quiet; do sleep 1; done    (waits until all are up)

      With --json one array, a row per monitor: {"monitor", "tier", "problem", "parent", "lanes": \
      [{"name", "watermark", "isEnded", "received", "produced", "kept", "sent", "passedUp", \
      "acknowledged", "spooled"}], "children": [{"name", "connected", "alive"}], "peers": [{"name", \
      "linked", "lane", "sent"}], "losses", "packets", "packetRate", "reportRate", "uptime", \
      "processID", "isReady"}; times are UTC epoch seconds, what is not known is left out.

      Exit codes: 0 every monitor answers and has its parent, 1 one does not, 2 bad input.
      """)

  @Argument(help: "The topology file.")
  var topology: String

  @Option(help: "The folder that 'beryl pki init' filled.")
  var pki = "pki"

  @Flag(help: "Write JSON to standard output.")
  var json = false

  @Flag(help: "Only the exit code.")
  var quiet = false

  func run() async throws {
    try await exiting {
      let loaded = try loadTopology(topology)
      let control = try TreeControl(topology: loaded, pkiDirectory: pki)
      let answers = await control.statuses()
      await control.close()
      let rows = answers.map { StatusRow($0.monitor, $0.answer, topology: loaded) }
      if json {
        print(try JSONText.of(rows))
      } else if !quiet {
        print(StatusTable(rows).text)
      }
      if rows.contains(where: { !$0.isReady }) { throw BerylExit.failure }
    }
  }
}
