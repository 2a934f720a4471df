import Archive
import ArgumentParser
import Hierarchy
import Links
import Monitoring
import Replay
import Reports
import Scenarios
import Terms
import Tiers

/// Where a verb finds the reports that it speaks of: a result file, archives, or monitors that run.
struct ReportOrigin: ParsableArguments {
  @Option(
    name: .long, help: "A result file of 'beryl replay --json'.", completion: .file())
  var result: String?

  @Option(
    name: .long, help: "An archive, or a directory of archives; may be given several times.",
    completion: .file())
  var archive: [String] = []

  @Option(
    name: .long, help: "A topology file: ask its monitors, which run.", completion: .file())
  var live: String?

  @Option(help: "With --live: the folder that 'beryl pki init' filled.")
  var pki = "pki"

  func validate() throws {
    guard [result != nil, !archive.isEmpty, live != nil].count(where: { $0 }) == 1 else {
      throw ValidationError("Give one of --result FILE, --archive PATH and --live TOPOLOGY")
    }
  }

  /// Runs `body`. That what was named cannot be read, or does not hold what was asked for, is
  /// printed and exits 2.
  static func explaining(_ verb: String, _ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let fault as any CustomStringConvertible & Error where explains(fault) {
      complain("beryl \(verb): \(fault)")
      throw BerylExit.badInput
    }
  }

  private static func explains(_ error: any Error) -> Bool {
    error is LookupFault || error is ArchiveFault || error is ResultCoding.Fault
      || error is LinkFault || error is StartRefusal || error is TopologyFaults
  }

  /// What `body` gathers from the monitors of the topology `path`. Says on standard error who gave
  /// no answer; throws when nobody did.
  func ask(
    _ path: String, _ verb: String, _ body: (TreeControl) async -> TreeReports
  ) async throws -> [Report] {
    let control = try TreeControl(topology: try loadTopology(path), pkiDirectory: pki)
    let found = await body(control)
    await control.close()
    let silent = found.unreachable.sorted { $0.key < $1.key }
      .map { "'\($0.key)' gives no answer: \($0.value)" }
    guard found.isAnswered else {
      throw StartRefusal("no monitor of \(path) answers\n  " + silent.joined(separator: "\n  "))
    }
    for line in silent { complain("beryl \(verb): \(line)") }
    return found.reports
  }
}
