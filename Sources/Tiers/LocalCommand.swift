import ArgumentParser
import Detection
import Reports
import Scenarios
import Signatures
import Terms

/// `beryl-local`
public struct LocalCommand: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "beryl-local",
    abstract: "Analyses the traffic of one segment.",
    discussion: """
      EXAMPLES
        beryl-local --read trace.pcap                 what one capture shows, as text
        beryl-local --read trace.pcap --kind 'recon.*' --explain
                                                      only scans and sweeps, and why
        beryl-local --read trace.pcapng.zst --json -  the same as JSON lines
        beryl-local --read trace.pcap --rules emerging.rules
                                                      with Suricata's or Snort's signatures
        beryl-local --read monday.pcap --profiles office.profiles
                                                      the same, with what earlier captures taught
        beryl-local --topology topology/acme.yaml --monitor hq-dmz
                                                      a segment's monitor, until SIGINT or SIGTERM
        beryl-local --topology topology/acme.yaml --monitor hq-dmz --read hq-dmz.pcap
                                                      the same, fed from a file

      Exit codes: 0 stopped or read to the end, 1 failed, 2 bad input.
      """)

  @OptionGroup var options: MonitorOptions

  @Option(
    help: ArgumentHelp(
      "Read packets from a capture file (pcap or pcapng, plain, gzip or zstd; - for standard input).",
      valueName: "file"))
  var read: String?

  @Option(
    help: ArgumentHelp(
      "Write reports as JSON lines to a file (- for standard output).", valueName: "file"))
  var json: String?

  @Option(
    help: ArgumentHelp(
      "With --read and no topology: show only these kinds; a kind, family.* or *. Repeatable.",
      valueName: "pattern"))
  var kind: [String] = []

  @Flag(
    help: ArgumentHelp(
      "With --read and no topology: say why, with terms, thresholds and packets (numbered from 1, "
        + "as other programs do; from 0 in JSON)."))
  var explain = false

  @Option(
    help: ArgumentHelp(
      "Learned profiles, for --read without a topology: taken up first, written at the end; a file "
        + "that holds something else is left alone.",
      valueName: "file"))
  var profiles: String?

  @Option(help: "Event seconds per second when reading a file: max, 1x, 10x, …")
  var speed = "max"

  @Option(help: ArgumentHelp("Add this to every packet's time, in seconds.", valueName: "seconds"))
  var offset = 0.0

  @OptionGroup var rules: RuleOptions

  @Option(
    help: ArgumentHelp(
      "Threads that share a segment's packets; 0 for one per processor, four at most.",
      valueName: "n"))
  var workers: Int?

  @Option(help: .hidden) var origin: Double?

  /// A segment without a capture in a replay: nothing to say, from the start to the end of time.
  @Flag(help: .hidden) var silent = false

  @Flag(help: "Do not capture: only drills bring packets.")
  var noCapture = false

  public init() {}

  public func run() async throws {
    if let read, options.topology == nil, options.monitor == nil {
      var segment = OneSegment(path: read, json: json, kinds: kind, explains: explain)
      segment.pace = try pace()
      segment.profiles = profiles.map { ProfileFile(path: $0) }
      segment.workers = PipelineSetup.workers(workers ?? 1)
      return try await exiting {
        segment.signatures = try rules.load(RuleVariables())
        try segment.run()
      }
    }
    guard kind.isEmpty, !explain, profiles == nil else {
      throw ValidationError("--kind, --explain and --profiles need --read FILE and no --topology")
    }
    guard read != nil || json == nil else {
      throw ValidationError("--json needs --read FILE")
    }
    try await options.run(tier: .local, input: try input(), rules: rules, workers: workers)
  }

  public func validate() throws {
    for pattern in kind {
      guard let refusal = ShippedKinds.refusal(of: pattern) else { continue }
      throw ValidationError("--kind \(pattern): \(refusal)")
    }
    guard offset.isFinite, abs(offset) <= Self.offsetLimit else {
      throw ValidationError("--offset \(offset): seconds, at most a century")
    }
    guard workers.map({ (0...DetectionPipeline.workerLimit).contains($0) }) ?? true else {
      throw ValidationError("--workers: 0 to \(DetectionPipeline.workerLimit)")
    }
  }

  private func input() throws -> MonitorSettings.Input {
    if silent { return .silence }
    guard let read else { return noCapture ? .none : .interface }
    return .file(path: read, pace: try pace())
  }

  /// The greatest offset, in seconds: a century.
  private static let offsetLimit = 100 * 365.25 * 86_400

  private func pace() throws -> Pace {
    guard let speed = ReplaySpeed(speed) else {
      throw ValidationError("--speed \(speed): 'max' or a factor such as 1x or 10x is needed")
    }
    return Pace(
      speed: speed.factor, origin: origin.map { CaptureTime(seconds: $0) },
      offset: .seconds(offset))
  }
}
