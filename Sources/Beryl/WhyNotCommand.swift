import ArgumentParser
import Hierarchy
import Replay
import Reports
import Scenarios
import Terms
import Tiers

/// `beryl why-not`: what stopped a report that one would have expected.
struct WhyNotCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why-not",
    abstract: "Says what was seen of two parties, and what stopped it on its way to a verdict.",
    discussion: """
      Follows reports of the kind up the tree to where they end: a subscription, a budget, \
      lateness, severity, a larger explanation. Where there is none, it sums up the evidence of \
      each monitor beside the limits of the engines, and names who could not see.

      Times are UTC epoch seconds, or seconds into the replay as +12 (with --result). A result \
      file has only the evidence behind its verdicts; the archives of 'replay --keep' have all, \
      and so have monitors that run (--live instead of --topology).

      Examples:
        beryl why-not --kind recon.port-scan --source 10.10.2.104 --archive kept/ --topology topology/acme.yaml
        beryl why-not --kind 'dos.*' --target 10.10.1.11 --between +10 +40 --result out.json \
      --topology topology/acme.yaml
        beryl why-not --kind recon.port-scan --source 10.10.2.104 --live topology/acme.yaml

      With --json one object: {"seen": [{"tier", "monitor", "text", "id"}], "stops": [{"monitor", \
      "cause", "text"}]}; "cause" is told, absorbed, severity, filter, budget, lateness, \
      threshold, blindness, unseen or unknown.

      Exit codes: 0 answered, 1 it was told after all, 2 bad input.
      """)

  @Option(help: "A report kind, 'family.*' or '*'.")
  var kind: String

  @Option(help: "An address or prefix.")
  var source: String?

  @Option(help: "An address or prefix.")
  var target: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("First and last time.", valueName: "times"))
  var between: [String] = []

  @OptionGroup var origin: ReportOrigin

  @Option(help: "The topology file; --live names it already.")
  var topology: String?

  @Flag(help: "Print JSON instead of text.")
  var json = false

  func validate() throws {
    guard topology != nil || origin.live != nil else {
      throw ValidationError("Give --topology FILE")
    }
    guard between.isEmpty || between.count == 2 else {
      throw ValidationError("--between takes two times")
    }
    for (name, text) in [("source", source), ("target", target)] {
      if let text, IPPrefix(text) == nil {
        throw ValidationError("--\(name) \(text): not an address or prefix")
      }
    }
  }

  func run() async throws {
    try await ReportOrigin.explaining("why-not") {
      let answer = try await search(try loadTopology(origin.live ?? topology ?? "")).answer()
      print(json ? try JSONText.of(answer) : answer.description)
      if answer.wasTold { throw BerylExit.failure }
    }
  }

  private func search(_ topology: Topology) async throws -> SilenceSearch {
    guard topology.schema.kinds.keys.contains(where: { $0.matches(kind) }) else {
      let meant = NearestName.of(pattern: kind, among: topology.schema.kinds.keys)
      throw StartRefusal(
        "--kind \(kind): the schema of \(topology.path) has no such kind"
          + (meant.map { "; did you mean '\($0)'?" } ?? ""))
    }
    if let result = origin.result {
      let loaded = try ResultCoding.load(result)
      let rows = loaded.incidents + loaded.detections + loaded.evidenceReports
      let seeing = Set(loaded.links.filter { $0.reports > 0 }.map(\.child))
      return SilenceSearch(
        try question(start: loaded.timing.first), topology: topology, limits: EngineLimits.all,
        rows: rows, losses: loaded.losses, watching: seeing)
    }
    let rows: [ReportRow]
    if let path = origin.live {
      let all = Set(ReportClass.allCases)
      rows = try await origin.ask(path, "why-not") { await $0.reports(all) }
        .map { ReportRow($0) }
    } else {
      rows = try ReportLookup.rows(paths: origin.archive)
    }
    return SilenceSearch(
      try question(start: nil), topology: topology, limits: EngineLimits.all, rows: rows)
  }

  private func question(start: Double?) throws -> SilenceQuestion {
    let times = try between.map { text -> Double in
      let isOffset = text.hasPrefix("+")
      guard let number = Double(isOffset ? text.dropFirst() : text[...]), number.isFinite else {
        throw StartRefusal("--between \(text): not a time")
      }
      guard isOffset else { return number }
      guard let start else { throw StartRefusal("--between \(text): an offset needs --result") }
      return start + number
    }
    guard times.count < 2 || times[0] <= times[1] else {
      throw StartRefusal("--between: the first time lies after the last")
    }
    return SilenceQuestion(
      kind: kind, source: source.flatMap { IPPrefix($0) }, target: target.flatMap { IPPrefix($0) },
      between: times.count == 2 ? times[0]...times[1] : nil)
  }
}
