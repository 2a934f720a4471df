import Archive
import ArgumentParser
import Foundation
import Hierarchy
import Links
import Logging
import ServiceLifecycle
import Signatures
import Terms
import UnixSignals

/// What the three monitor programs share on their command lines.
public struct MonitorOptions: ParsableArguments {
  @Option(help: "The topology file that describes the network and its monitors.")
  public var topology: String?

  @Option(help: "The name of the monitor to run, as the topology has it.")
  public var monitor: String?

  @Option(help: "The folder of its archive, NAME.sqlite; made when it is missing.")
  public var state = "state"

  @Option(help: "The folder that 'beryl pki init' filled.")
  public var pki = "pki"

  /// Other listen addresses than the topology's, `name=host:port,…`: for trees on free ports.
  @Option(help: .hidden) var endpoints: String?

  @Option(help: "The least severe log lines to write: debug, info, warning, error.")
  public var logLevel = "info"

  public init() {}

  /// Loads the topology and checks that the monitor is one of `tier`; prints faults and exits 2.
  func settings(
    tier: Tier, input: MonitorSettings.Input, rules: RuleOptions? = nil
  ) throws -> MonitorSettings {
    guard let topology, let monitor else {
      throw ValidationError("--topology FILE and --monitor NAME are needed")
    }
    var loaded = try loadTopology(topology)
    if let endpoints {
      guard let moved = loaded.listening(atText: endpoints) else {
        throw ValidationError("--endpoints: 'name=host:port,…' is needed")
      }
      loaded = moved
    }
    guard let name = MonitorName(monitor), let definition = loaded.monitor(name) else {
      let known = loaded.monitors.filter { $0.tier == tier }.map(\.name.text).joined(
        separator: ", ")
      throw StartRefusal(
        "\(topology): no monitor '\(monitor)'; the \(tier.rawValue) ones are \(known)")
    }
    guard definition.tier == tier else {
      throw StartRefusal(
        "\(topology): '\(name)' is a \(definition.tier.rawValue) monitor: "
          + "start it with beryl-\(definition.tier.rawValue)")
    }
    try makeDirectory(state)
    var settings = MonitorSettings(
      topology: loaded, monitor: name, stateDirectory: state, pkiDirectory: pki, input: input)
    let folder = URL(filePath: topology).deletingLastPathComponent()
    settings.signatures = try rules?.load(
      RuleVariables(topology: loaded),
      unlessGiven: definition.rules.map { URL(filePath: $0, relativeTo: folder).path })
    return settings
  }

  private func makeDirectory(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
    } catch {
      throw StartRefusal("\(path): the state folder cannot be made: \(error.localizedDescription)")
    }
  }

  /// Runs a monitor until SIGINT or SIGTERM.
  func run(
    tier: Tier, input: MonitorSettings.Input, rules: RuleOptions? = nil, workers: Int? = nil
  ) async throws {
    try await exiting {
      var settings = try settings(tier: tier, input: input, rules: rules)
      settings.workers = workers
      let logger = MonitorLog.logger(monitor: settings.monitor, level: logLevel)
      do {
        let service = ServiceGroup(
          configuration: .init(
            services: [
              .init(
                service: MonitorProcess(settings: settings, logger: logger),
                successTerminationBehavior: .gracefullyShutdownGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "beryl") { _ in
              SwiftLogNoOpLogHandler()
            }))
        try await service.run()
      } catch {
        logger.error("the monitor cannot go on", metadata: ["reason": "\(error)"])
        throw (error as? LinkFault)?.exitCode ?? BerylExit.failure
      }
    }
  }
}

/// Loads a topology with every limit known that its engines have.
public func loadTopology(_ path: String) throws(TopologyFaults) -> Topology {
  try Topology.load(path: path, knownLimits: EngineLimits.all)
}

/// A reason not to start, worded for the user; exit code 2.
public struct StartRefusal: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// Runs `body`; what is the user's to mend is printed in full and exits 2.
public func exiting(_ body: () async throws -> Void) async throws {
  do {
    try await body()
  } catch let fault as TopologyFaults {
    complain("\(fault)")
    throw BerylExit.badInput
  } catch let refusal as StartRefusal {
    complain(refusal.description)
    throw BerylExit.badInput
  } catch let fault as LinkFault {
    complain("\(fault)")
    throw fault.exitCode
  }
}

extension LinkFault {
  /// Certificates that are missing or unfit are the user's to mend; that nobody answers is not.
  var exitCode: ExitCode {
    if case .credentials = self { BerylExit.badInput } else { BerylExit.failure }
  }
}

/// Writes a line to standard error.
public func complain(_ text: String) {
  FileHandle.standardError.write(Data((text + "\n").utf8))
}
