import ArgumentParser
import Replay
import Reports
import Scenarios

/// `beryl why`: from a report down to packets.
struct WhyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Explains a report: what it is derived from, down to packets.",
    discussion: """
      Prints the report, how it is ranked and why, each score or threshold that led to it, then the reports behind it in \
      the same way, tier by tier, and the packets of the captures at the end. Packet numbers \
      count from 0. A report that was told before is not told again.

      Give the result file of a replay, or the archives of the monitors: files, or directories \
      below which every *.sqlite is read, such as the state directories of all tiers or what \
      'beryl replay --keep' kept. Monitors may run meanwhile. Or give the topology of a tree that \
      runs: its monitors are asked, the highest tier first; the start of an id is then looked for \
      among the incidents.

      Examples:
        beryl why --result out.json                   the first incident
        beryl why 1f0c2a9b --result out.json
        beryl why 1f0c2a9b --live topology/acme.yaml  of monitors that run
        beryl why 1f0c2a9b --archive kept/            all tiers of a replay
        beryl why 1f0c2a9b --archive state/acme.sqlite --archive state/hq.sqlite
        beryl why 1f0c2a9b --result out.json --json | jq '.derivedFrom[].report.kind'

      With --json one object per report: {"id", "state", "report", "derivedFrom": [same]}; \
      "state" is told, seen (told above), missing (in none of the archives) or cut (too deep).

      Exit codes: 0 explained, 2 no such report, an archive or result that cannot be read, or no \
      monitor that answers.
      """)

  @Argument(
    help: """
      The report's id, or its first \(ReportLookup.prefixLength) digits or more; with --result and \
      --live it may be left out for the first incident.
      """)
  var id: String?

  @OptionGroup var origin: ReportOrigin

  @Flag(help: "Print JSON instead of text.")
  var json = false

  func validate() throws {
    guard id != nil || origin.archive.isEmpty else { throw ValidationError("Give the report's id") }
  }

  func run() async throws {
    try await ReportOrigin.explaining("why") {
      var (lookup, first) = try await source()
      guard let wanted = id ?? first else { return print("no incident to explain") }
      let derivation = try Derivation(of: try lookup.resolve(wanted), in: &lookup)
      print(json ? try JSONText.of(derivation) : derivation.description)
    }
  }

  /// Where to look, and the first incident of a result: its rows stand in order of tier and rank.
  private func source() async throws -> (ReportLookup, first: String?) {
    if let result = origin.result {
      let loaded = try ResultCoding.load(result)
      return (ReportLookup(loaded), loaded.incidents.first?.id)
    }
    if let topology = origin.live { return try await running(topology) }
    return (try ReportLookup(paths: origin.archive), nil)
  }

  /// What the monitors of `topology` hold of the report and what it is derived from.
  private func running(_ topology: String) async throws -> (ReportLookup, first: String?) {
    var wanted = id.flatMap { ReportID($0) }
    if wanted == nil {
      let incidents = try await origin.ask(topology, "why") { await $0.reports([.incident]) }
        .map { ReportRow($0) }.sorted(by: ReportRow.precedes)
      var lookup = ReportLookup(rows: incidents)
      let text = try id.map { try lookup.resolve($0) }
      guard let text = text ?? incidents.first?.id else { return (lookup, nil) }
      wanted = ReportID(text)
    }
    guard let wanted else { return (ReportLookup(rows: []), nil) }
    let reports = try await origin.ask(topology, "why") { await $0.grounds(of: wanted) }
    return (ReportLookup(rows: reports.map { ReportRow($0) }), wanted.description)
  }
}
