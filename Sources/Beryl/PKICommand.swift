import ArgumentParser
import Hierarchy
import Links
import Tiers

/// `beryl pki`
struct PKICommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pki",
    abstract: "Makes the certificates by which the monitors of a tree know each other.",
    subcommands: [PKIInitCommand.self])
}

/// `beryl pki init`
struct PKIInitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Issues an authority, and a certificate for every monitor and the operator.",
    discussion: """
      Writes ca, operator and one file per monitor (.pem and .key) into a folder that only its \
      owner can enter. Give each machine ca.pem and the two files of its own monitors; keep \
      ca.key off the network.

      Examples:
        beryl pki init topology/acme.yaml
        beryl pki init topology/acme.yaml --out /etc/beryl/pki --days 90
        openssl verify -CAfile pki/ca.pem pki/hq.pem

      Exit codes: 0 issued, 2 a faulty topology, files that exist already or cannot be written.
      """)

  @Argument(
    help: "The topology file (YAML).", completion: .file(extensions: ["yaml", "yml"]))
  var topology: String

  @Option(help: "The folder for certificates and keys.", completion: .directory)
  var out = "pki"

  @Option(help: "Days that the certificates hold.")
  var days = PKI.standardDays

  @Flag(help: "Replace existing files: every older certificate becomes worthless.")
  var force = false

  func validate() throws {
    guard (1...PKI.authorityDays).contains(days) else {
      throw ValidationError("--days must be 1 to \(PKI.authorityDays), the life of the authority")
    }
  }

  func run() async throws {
    try await exiting {
      let loaded = try loadTopology(topology)
      let subjects = loaded.monitors.map { monitor in
        PKI.Subject(
          name: monitor.name, tier: monitor.tier, hosts: monitor.listen.map { [$0.host] } ?? [])
      }
      do throws(LinkFault) {
        try PKI.issue(subjects, into: out, days: days, force: force)
      } catch {
        throw StartRefusal("\(error)")
      }
      print("\(out): an authority, \(subjects.count) monitors and the operator, for \(days) days")
    }
  }
}
