import Foundation
import Hierarchy
import Links
import Monitoring
import Synchronization
import Terms
import Tiers

#if canImport(Glibc)
  import Glibc
#endif

/// All monitors of a topology as processes of this machine: started, watched, started again,
/// stopped.
public final class ProcessTree: Sendable {
  /// Starts of one monitor after which it is given up.
  public static let startLimit = 20
  /// Host seconds between a monitor's end and its next start, and from SIGTERM to SIGKILL.
  static let restartSeconds = 0.3
  static let stopSeconds = 10.0

  /// Where everything lies.
  public struct Layout: Sendable {
    public var topologyPath: String
    public var stateDirectory: String
    public var pkiDirectory: String
    /// The folder of the monitors' logs; nil to share this process's standard error.
    public var logDirectory: String?

    public init(
      topologyPath: String, stateDirectory: String, pkiDirectory: String,
      logDirectory: String? = nil
    ) {
      self.topologyPath = topologyPath
      self.stateDirectory = stateDirectory
      self.pkiDirectory = pkiDirectory
      self.logDirectory = logDirectory
    }
  }

  private struct Member {
    var process: Process
    var starts = 1
  }

  private struct State {
    var members: [MonitorName: Member] = [:]
    var isStopping = false
    /// Monitors that cannot run, with the reason.
    var failed: [MonitorName: String] = [:]
  }

  public let topology: Topology
  private let layout: Layout
  private let arguments: @Sendable (MonitorDefinition) -> [String]
  private let onChange: @Sendable (String) -> Void
  private let state = Mutex(State())

  /// `topology` is what runs, ports included; `arguments` are added to a monitor's command line;
  /// `onChange` is told of starts and ends in words.
  public init(
    topology: Topology, layout: Layout,
    arguments: @escaping @Sendable (MonitorDefinition) -> [String],
    onChange: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.topology = topology
    self.layout = layout
    self.arguments = arguments
    self.onChange = onChange
  }

  /// Monitors that were given up, with the reason.
  public var failures: [MonitorName: String] { state.withLock { $0.failed } }

  /// Starts every monitor, the highest tier first.
  public func start() throws {
    if let logs = layout.logDirectory {
      try FileManager.default.createDirectory(atPath: logs, withIntermediateDirectories: true)
    }
    for definition in topology.monitors.sorted(by: { $0.tier > $1.tier }) {
      let process = try launch(definition)
      state.withLock { $0.members[definition.name] = Member(process: process) }
    }
  }

  /// The process id of a running monitor.
  public func processID(of monitor: MonitorName) -> Int32? {
    state.withLock { state in
      state.members[monitor].flatMap { $0.process.isRunning ? $0.process.processIdentifier : nil }
    }
  }

  /// Sends SIGTERM to all, the lowest tier first, and waits for their end; SIGKILL after
  /// `stopSeconds`.
  public func stop() async {
    let members = state.withLock { state in
      state.isStopping = true
      return state.members
    }
    for definition in topology.monitors.sorted(by: { $0.tier < $1.tier }) {
      members[definition.name]?.process.terminate()
    }
    let deadline = Date() + Self.stopSeconds
    for member in members.values {
      while member.process.isRunning, Date() < deadline {
        try? await Task.sleep(for: .milliseconds(20))
      }
      if member.process.isRunning { kill(member.process.processIdentifier, SIGKILL) }
      member.process.waitUntilExit()
    }
  }

  // MARK: One monitor

  private func launch(_ definition: MonitorDefinition) throws -> Process {
    let process = Process()
    process.executableURL = try Self.program(for: definition.tier)
    process.arguments =
      [
        "--topology", layout.topologyPath, "--monitor", definition.name.text, "--state",
        layout.stateDirectory, "--pki", layout.pkiDirectory,
      ] + arguments(definition)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    if let log = try log(of: definition.name) { process.standardError = log }
    process.terminationHandler = { [weak self] process in self?.ended(definition, process) }
    try process.run()
    return process
  }

  private func ended(_ definition: MonitorDefinition, _ process: Process) {
    let name = definition.name
    let how =
      process.terminationReason == .uncaughtSignal
      ? "was ended by signal \(process.terminationStatus)"
      : "ended with exit code \(process.terminationStatus)"
    guard !state.withLock({ $0.isStopping }) else { return }
    let mayRestart = state.withLock { state -> Bool in
      guard !state.isStopping else { return false }
      let isBadInput = process.terminationReason == .exit && process.terminationStatus == 2
      if isBadInput || state.members[name]?.starts ?? 0 >= Self.startLimit {
        state.failed[name] = how
        return false
      }
      return true
    }
    onChange("'\(name)' \(how)" + (mayRestart ? ": starting it again" : ""))
    guard mayRestart else { return }
    Thread.sleep(forTimeInterval: Self.restartSeconds)
    do {
      try state.withLock { state in
        guard !state.isStopping else { return }
        state.members[name]?.process = try launch(definition)
        state.members[name]?.starts += 1
      }
    } catch {
      state.withLock { $0.failed[name] = "cannot be started again: \(error)" }
    }
  }

  private func log(of monitor: MonitorName) throws -> FileHandle? {
    guard let directory = layout.logDirectory else { return nil }
    let path = "\(directory)/\(monitor).log"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StartRefusal("\(path): cannot be written") }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  /// The program of a tier, beside the running one.
  static func program(for tier: Tier) throws -> URL {
    let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    let name = "beryl-\(tier.rawValue)"
    var folders = [own.deletingLastPathComponent()]
    // A test bundle's host is elsewhere: its programs are named by the environment.
    if let told = ProcessInfo.processInfo.environment["BERYL_PROGRAMS"] {
      folders.insert(URL(filePath: told), at: 0)
    }
    for folder in folders {
      let program = folder.appending(path: name)
      if FileManager.default.isExecutableFile(atPath: program.path) { return program }
    }
    throw StartRefusal(
      "\(name) is not beside \(own.path): build it with 'swift build --product \(name)'")
  }
}
