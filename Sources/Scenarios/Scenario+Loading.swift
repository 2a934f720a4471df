import Foundation
import Hierarchy
import Terms

extension Scenario {
  /// A scenario and the topology it runs on.
  public struct Loaded: Sendable {
    public var scenario: Scenario
    public var topology: Topology
  }

  /// Reads a scenario file and its topology, and checks one against the other and against the
  /// files they name. Paths in the file are relative to it.
  ///
  /// - Parameter knownLimits: the limits of all engines, which the topology may override.
  /// - Throws: every fault of the scenario and its topology at once.
  public static func load(
    path: String, knownLimits: [EngineLimit]
  ) throws(ScenarioFaults) -> Loaded {
    var log = FaultLog(file: path)
    let bytes = YAMLFile.bytes(path, &log)
    let value = bytes.flatMap { YAMLFile.value($0, &log) }
    guard let value else { throw ScenarioFaults(log.sorted.map { ScenarioFault($0) }) }
    var parser = ScenarioParser(path: path, log: log, knownLimits: knownLimits)
    let loaded = parser.read(value)
    guard parser.faults.isEmpty, let loaded else { throw ScenarioFaults(parser.faults) }
    return loaded
  }

  /// `path` as seen from the file at `base`.
  static func resolve(_ path: String, besides base: String) -> String {
    if path.hasPrefix("/") { return path }
    let folder = (base as NSString).deletingLastPathComponent
    return folder.isEmpty ? path : (folder as NSString).appendingPathComponent(path)
  }

  static func isFile(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
      && !isDirectory.boolValue
  }
}
