import ArgumentParser
import Replay
import Reports
import Scenarios
import Terms

/// `beryl incidents`: what deserves attention first.
struct IncidentsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "incidents",
    abstract: "Lists incidents, those that matter most first.",
    discussion: """
      Incidents stand in order of tier, then of the class of their rank (urgent, high, medium, low, \
      slight), then of time. The rank (0-255) is made of relevance (is the target what the attack \
      needs?), priority (what is it worth, and how much does the site care?), outcome (did it \
      succeed?) and confidence; 'beryl why ID' shows the arithmetic. A class is left only when the \
      rank is well beyond it, so that lists stay as they are while attacks go on.

      Give the result file of a replay, archives as 'beryl why' takes them (monitors may run \
      meanwhile), or the topology of a tree that runs: its monitors are asked.

      Examples:
        beryl incidents --result out.json
        beryl incidents --live topology/acme.yaml
        watch beryl incidents --live topology/acme.yaml --least high
        beryl incidents --archive state/acme.sqlite
        beryl incidents --archive state/ --tier enterprise --least high
        beryl incidents --result out.json --json | jq '.[] | [.assessment.rank, .kind]'

      With --json one array of rows as result files have them, with "assessment": {"rank", \
      "class", "host", "relevance", "priority", "value", "interest", "outcome", "confidence", \
      "riskValue", "grounds", "ofRelevance", "ofPriority", "ofOutcome", "ofConfidence", "belief"}.

      Exit codes: 0 listed, 2 an archive or result that cannot be read, no monitor that answers.
      """)

  @OptionGroup var origin: ReportOrigin

  @Option(help: "Only those of this tier: domain or enterprise.")
  var tier: String?

  @Option(help: "Only those of this class or above.")
  var least: String?

  @Flag(help: "Print JSON instead of text.")
  var json = false

  func validate() throws {
    guard tier.map({ Tier(rawValue: $0) != nil }) ?? true else {
      throw ValidationError("--tier \(tier ?? ""): 'domain' or 'enterprise' is needed")
    }
    let names = RankClass.allCases.map(\.name)
    guard least.map({ names.contains($0) }) ?? true else {
      throw ValidationError("--least \(least ?? ""): one of \(names.joined(separator: ", "))")
    }
  }

  func run() async throws {
    try await ReportOrigin.explaining("incidents") {
      let rows = try await incidents()
      guard !json else { return print(try JSONText.of(rows)) }
      guard !rows.isEmpty else { return print("no incidents") }
      for line in IncidentTable(rows).lines { print(line) }
    }
  }

  private func incidents() async throws -> [ReportRow] {
    let rows: [ReportRow]
    if let result = origin.result {
      rows = try ResultCoding.load(result).incidents
    } else if let topology = origin.live {
      rows = try await origin.ask(topology, "incidents") { await $0.reports([.incident]) }
        .map { ReportRow($0) }
    } else {
      rows = try ReportLookup.rows(paths: origin.archive)
    }
    let wanted = RankClass.allCases.first { $0.name == least }
    return rows.filter { row in
      let rank = RankClass.allCases.first { $0.name == row.assessment?.class }
      return row.class == "incident" && row.partOf == nil && tier.map { row.tier == $0 } ?? true
        && wanted.map { rank ?? .slight >= $0 } ?? true
    }.sorted(by: ReportRow.precedes)
  }
}
