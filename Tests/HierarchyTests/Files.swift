import Foundation
import Hierarchy
import Terms
import Testing

/// Files of the repository's `topology` folder, found from this source file.
enum Files {
  static let folder: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/") + "/topology/"
  }()

  static func load(_ name: String) throws(TopologyFaults) -> Topology {
    try Topology.load(path: folder + name, knownLimits: limits)
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: folder + name)))
  }

  /// One limit of each unit.
  static let limits = [
    EngineLimit("port-scan.failures", 20, .count, ""),
    EngineLimit("port-scan.window", 60, .duration, ""),
    EngineLimit("slow-scan.success", 0.2, .ratio, ""),
    EngineLimit("syn-flood.rate", 100, .rate, ""),
  ]
}
