import ArgumentParser
import Foundation
import Hierarchy
import Links
import Replay
import Terms
import Tiers

/// `beryl up`
struct UpCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up",
    abstract: "Starts every monitor of a topology on this machine, and stops them cleanly.",
    discussion: """
      A monitor that dies is started again and resumes from its state. Their logs go to standard \
      error, or with --logs to one file each. SIGINT or SIGTERM stops the tree.

      Examples:
        beryl pki init topology/acme.yaml
        beryl up topology/acme.yaml --no-capture
        beryl status topology/acme.yaml          (in another terminal)

      Exit codes: 0 stopped, 1 a monitor cannot run, 2 bad input.
      """)

  @Argument(help: "The topology file.")
  var topology: String

  @Option(help: "The folder of the archives; made when it is missing.")
  var state = "state"

  @Option(help: "The folder that 'beryl pki init' filled.")
  var pki = "pki"

  @Option(
    help: ArgumentHelp("Write each monitor's log to a file in this folder.", valueName: "folder"))
  var logs: String?

  @Flag(help: "Do not capture: only drills bring packets.")
  var noCapture = false

  func run() async throws {
    try await exiting {
      let loaded = try loadTopology(topology)
      // Told at once, and once, instead of by every monitor.
      for monitor in loaded.monitors {
        _ = try LinkCredentials.load(directory: pki, name: "\(monitor.name)")
      }
      let withoutCapture = noCapture
      let tree = ProcessTree(
        topology: loaded,
        layout: .init(
          topologyPath: topology, stateDirectory: state, pkiDirectory: pki, logDirectory: logs),
        arguments: { definition in
          definition.tier == .local && withoutCapture ? ["--no-capture"] : []
        }, onChange: { complain($0) })
      try tree.start()
      complain("\(loaded.monitors.count) monitors started; SIGINT or SIGTERM stops them")
      do {
        try await interruptible { try await watch(tree) }
      } catch is StartRefusal where tree.failures.isEmpty {
        await tree.stop()
        return complain("stopped")
      } catch {
        await tree.stop()
        throw error
      }
    }
  }

  /// Returns when a monitor had to be given up.
  private func watch(_ tree: ProcessTree) async throws {
    while tree.failures.isEmpty { try await Task.sleep(for: .milliseconds(200)) }
    for (name, how) in tree.failures.sorted(by: { $0.key < $1.key }) {
      complain("'\(name)' \(how)")
    }
    throw BerylExit.failure
  }
}
