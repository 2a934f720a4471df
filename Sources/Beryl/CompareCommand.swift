import ArgumentParser
import Foundation
import Hierarchy
import Scenarios
import Terms
import Tiers

/// `beryl compare`
struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Replays one scenario over several topologies and prints one table.",
    discussion: """
      For each topology: how many of the attacks that the scenario expects are found, by whom and \
      when first, and when at the top; incidents at the top; reports and bytes over all links and \
      over those that end at monitors without parents; the memory of the whole tree; and what is \
      still found with any one monitor down. Each replay runs in a process of its own.

      Examples:
        beryl compare Examples/tcp-worm/scenario.yaml topology/acme.yaml topology/centralised.yaml \
      topology/distributed.yaml
        beryl compare scenario.yaml a.yaml b.yaml --quick       without the monitors that are down
        beryl compare scenario.yaml a.yaml b.yaml --json comparison.json

      Exit codes: 0 every attack is found over every topology, 1 one is not, 2 bad input.
      """)

  @Argument(help: ArgumentHelp("The scenario file.", valueName: "scenario"))
  var scenario: String

  @Argument(help: ArgumentHelp("The topology files.", valueName: "topology"))
  var topologies: [String]

  @Flag(help: "Do not try what is found with a monitor down.")
  var quick = false

  @Option(
    help: ArgumentHelp("Write the table as JSON (- for standard output).", valueName: "file"))
  var json: String?

  func run() async throws {
    try await exiting {
      let loaded = try topologies.map { try loadScenario(scenario, over: $0) }
      guard let first = loaded.first else { return }
      var comparison = Comparison(first.scenario)
      guard !comparison.attacks.isEmpty else {
        throw StartRefusal("\(scenario): expects nothing, so there is nothing to compare")
      }
      let bar = ProgressBox(first.scenario.name)
      let total = loaded.reduce(0) { $0 + 1 + (quick ? 0 : $1.topology.monitors.count) }
      var done = 0
      for (path, loaded) in zip(topologies, loaded) {
        func replayed(without monitor: String?) async throws -> ReplayResult {
          bar.update(Double(done) / Double(total), path)
          done += 1
          return try await replay(path, without: monitor)
        }
        let result = try await replayed(without: nil)
        var without: [String: Int] = [:]
        for monitor in loaded.topology.monitors where !quick {
          let name = monitor.name.text
          without[name] = comparison.found(try await replayed(without: name))
        }
        comparison.add(
          result, topology: loaded.topology, name: Self.name(path), without: without)
      }
      bar.finish()
      try write(comparison)
      let isComplete = comparison.rows.allSatisfy { $0.found == comparison.attacks.count }
      if !isComplete { throw BerylExit.failure }
    }
  }

  private static func name(_ path: String) -> String {
    URL(filePath: path).deletingPathExtension().lastPathComponent
  }

  /// One replay as `beryl replay` in a process of its own, so that its memory is its own.
  private func replay(_ topology: String, without monitor: String?) async throws -> ReplayResult {
    let file = FileManager.default.temporaryDirectory.appending(path: "beryl-\(UUID()).json")
    defer { try? FileManager.default.removeItem(at: file) }
    var arguments = ["replay", scenario, "--in-process", "--topology", topology]
    arguments += ["--json", file.path]
    if let monitor { arguments += ["--without", monitor] }
    let process = Process()
    process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    let complaints = Pipe()
    process.standardError = complaints
    let text = try await interruptible {
      try await withTaskCancellationHandler {
        try process.run()
        let text = complaints.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return text
      } onCancel: {
        if process.isRunning { process.terminate() }
      }
    }
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw StartRefusal(String(decoding: text, as: UTF8.self))
    }
    return try ResultCoding.load(file.path)
  }

  private func write(_ comparison: Comparison) throws {
    guard let json else { return print(comparison, terminator: "") }
    let data = Data((try JSONText.of(comparison) + "\n").utf8)
    guard json != "-" else { return FileHandle.standardOutput.write(data) }
    do {
      try data.write(to: URL(filePath: json))
    } catch {
      throw StartRefusal("\(json): cannot be written: \(error.localizedDescription)")
    }
    print(comparison, terminator: "")
  }
}
