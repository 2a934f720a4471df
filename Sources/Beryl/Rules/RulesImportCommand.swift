import ArgumentParser
import Foundation
import Hierarchy
import Importing
import Tiers

/// `beryl rules import`
struct RulesImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Turns directives of OSSIM and correlation rules of Sigma into directives.",
    discussion: """
      Takes OSSIM's directives (XML) or Sigma's correlation rules (YAML, types event_count, \
      value_count, temporal, temporal_ordered, value_sum, value_avg and value_percentile), and \
      prints a file of directives. What has no counterpart is named with its place on standard \
      error and in the file's head.

      The events of an OSSIM plugin, and the rules that a Sigma correlation counts, become report \
      kinds: --plugin and --kind say which.

      Examples:
        beryl rules import directives.xml > local.yaml
        beryl rules import --plugin 4004=access.brute-force directives.xml
        beryl rules import --kind failed_logon=access.brute-force correlation.yml

      Exit codes: 0 all taken over, 1 some rules have no counterpart, 2 the file cannot be read.
      """)

  @Argument(help: "The file to import.", completion: .file())
  var file: String

  @Option(
    help: ArgumentHelp("The kinds for an OSSIM plugin; may be repeated.", valueName: "id=kind,…"))
  var plugin: [String] = []

  @Option(
    help: ArgumentHelp("The kinds for a Sigma rule; may be repeated.", valueName: "name=kind,…"))
  var kind: [String] = []

  func run() async throws {
    try await exiting {
      let data: Data
      do {
        data = try Data(contentsOf: URL(filePath: file))
      } catch {
        throw StartRefusal("\(file): cannot be read: \(error.localizedDescription)")
      }
      let bytes = Array(data)
      let imported: Import
      do {
        if OSSIMDirectives.recognises(bytes) {
          imported = try OSSIMDirectives(plugins: try Self.table(plugin)).read(bytes, file: file)
        } else if SigmaCorrelations.recognises(bytes) {
          imported = try SigmaCorrelations(kinds: try Self.table(kind)).read(bytes, file: file)
        } else {
          throw StartRefusal("\(file): neither OSSIM directives nor Sigma correlation rules")
        }
      } catch let note as ImportNote {
        throw StartRefusal(note.description)
      }
      for note in imported.notes { complain(note.description) }
      print(imported.yaml, terminator: "")
      complain("\(imported.count) directives imported")
      if imported.notes.contains(where: \.isFault) { throw ExitCode.failure }
    }
  }

  private static func table(_ pairs: [String]) throws -> [String: [String]] {
    var table: [String: [String]] = [:]
    for pair in pairs {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw StartRefusal("'\(pair)' is not of the form NAME=KIND") }
      table[parts[0]] = parts[1].split(separator: ",").map(String.init)
    }
    return table
  }
}
