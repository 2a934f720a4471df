import ArgumentParser
import Foundation
import Hierarchy
import Replay
import Scenarios
import Terms
import Tiers

#if canImport(Glibc)
  import Glibc
#endif

/// `beryl replay`
struct ReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Replays a scenario across the whole tree and checks what each tier said.",
    discussion: """
      Without an option every monitor runs as a process of its own, over real links on free loopback \
      ports. All three ways give the same incidents.

      Examples:
        beryl replay Examples/tcp-worm/scenario.yaml
        beryl replay Examples/tcp-worm/scenario.yaml --in-process --json result.json
        beryl replay Examples/tcp-worm/scenario.yaml --keep kept   (then: beryl why ID --archive kept)
        beryl replay Examples/tcp-worm/scenario.yaml --attach --pki pki
        beryl replay Examples/tcp-worm/scenario.yaml --in-process --topology topology/distributed.yaml
        beryl replay Examples/tcp-worm/scenario.yaml --in-process --without hq

      Exit codes: 0 every expectation met, 1 one is not met, 2 bad input.
      """)

  @Argument(help: ArgumentHelp("The scenario file.", valueName: "scenario"))
  var path: String

  @Flag(name: .customLong("in-process"), help: "Run the same cores in this process.")
  var inProcess = false

  @Flag(
    help:
      "Drill the monitors that are already running at the topology's addresses, apart from their live traffic."
  )
  var attach = false

  @Option(
    help: ArgumentHelp("Write the result as JSON (- for standard output).", valueName: "file"))
  var json: String?

  @Option(
    help: ArgumentHelp("Keep archives, certificates and logs in this folder.", valueName: "folder"))
  var keep: String?

  @Option(help: "Event seconds per second, over the scenario's own: max, 1x, 10x, …")
  var speed: String?

  @Option(help: ArgumentHelp("Replay over this topology instead.", valueName: "file"))
  var topology: String?

  @Option(
    help: ArgumentHelp(
      "A monitor that is down all the time (with --in-process); may be given several times.",
      valueName: "monitor"))
  var without: [String] = []

  @Option(help: "The folder that 'beryl pki init' filled (with --attach).")
  var pki = "pki"

  func validate() throws {
    guard !(inProcess && attach) else {
      throw ValidationError("--in-process and --attach exclude each other")
    }
    guard keep == nil || !(inProcess || attach) else {
      throw ValidationError("--keep needs processes of the replay's own")
    }
    guard without.isEmpty || inProcess else {
      throw ValidationError("--without needs --in-process")
    }
    guard speed.map({ ReplaySpeed($0) != nil }) ?? true else {
      throw ValidationError("--speed \(speed ?? ""): 'max' or a factor such as 1x or 10x is needed")
    }
  }

  func run() async throws {
    try await exiting {
      let loaded = try loadScenario(path, over: topology)
      var scenario = loaded.scenario
      if let speed, let chosen = ReplaySpeed(speed) { scenario.speed = chosen }
      let outcome = try await run(scenario, loaded.topology)
      let result = ReplayResult(outcome, scenario: scenario, topology: loaded.topology)
      try report(result)
      if !result.passed { throw BerylExit.failure }
    }
  }

  private func run(_ scenario: Scenario, _ topology: Topology) async throws -> ReplayOutcome {
    let bar = ProgressBox(scenario.name)
    defer { bar.finish() }
    do {
      if inProcess {
        return try InProcessReplay.run(
          scenario, topology: topology, down: try missing(topology), progress: bar.update)
      }
      if attach {
        return try await Drill(
          scenario, topology: topology, pkiDirectory: pki,
          id: "drill-\(UUID().uuidString.lowercased())"
        ).run(progress: bar.update)
      }
      if let keep, FileManager.default.fileExists(atPath: keep + "/pki/ca.pem") {
        throw StartRefusal(
          "--keep \(keep): holds an earlier replay; remove it, or name another folder")
      }
      let directory = keep ?? NSTemporaryDirectory() + "beryl-\(UUID().uuidString)"
      defer { if keep == nil { try? FileManager.default.removeItem(atPath: directory) } }
      return try await interruptible {
        try await ProcessReplay(scenario, topology: topology, directory: directory)
          .run(progress: bar.update)
      }
    } catch let fault as any CustomStringConvertible & Error where !(fault is StartRefusal) {
      throw StartRefusal("\(fault)")
    }
  }

  private func missing(_ topology: Topology) throws -> Set<MonitorName> {
    Set(
      try without.map { text in
        guard let name = MonitorName(text), topology.monitor(name) != nil else {
          throw StartRefusal("--without \(text): \(topology.path) has no such monitor")
        }
        return name
      })
  }

  private func report(_ result: ReplayResult) throws {
    guard json != "-" else {
      FileHandle.standardOutput.write(try ResultCoding.encode(result))
      return
    }
    if let json {
      do {
        try ResultCoding.encode(result).write(to: URL(filePath: json))
      } catch {
        throw StartRefusal("\(json): cannot be written: \(error.localizedDescription)")
      }
    }
    print(ResultSummary(result, isColoured: isatty(STDOUT_FILENO) == 1), terminator: "")
  }
}
