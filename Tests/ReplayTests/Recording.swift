import Foundation
import Hierarchy
import Reports
import Terms
import Tiers

@testable import Replay

/// What local monitors told of a real attack (`Tests/Recordings`).
struct Recording {
  static let names = ["intrusion", "worm", "distributed-scan", "website-flood"]

  /// In order of emission, by monitor.
  let reports: [MonitorName: [Report]]

  init(_ name: String) throws {
    let path = repository.appending(path: "Tests/Recordings/\(name).reports")
    let list = try ReportCoding.decodeList(Array(try Data(contentsOf: path)))
    reports = Dictionary(grouping: list, by: \.monitor).mapValues {
      $0.sorted { ($0.emitted, $0.id, $0.revision) < ($1.emitted, $1.id, $1.revision) }
    }
  }

  static func topology() throws -> Topology {
    try loadTopology(repository.appending(path: "topology/acme.yaml").path)
  }

  /// A source per monitor that tells the same again, some reports at a time.
  var sources: [MonitorName: () throws -> any LocalSource] {
    reports.mapValues { list in { RecordedSource(list) } }
  }
}

struct RecordedSource: LocalSource {
  private var rest: ArraySlice<Report>

  init(_ reports: [Report]) { rest = reports[...] }

  mutating func next() -> LocalPiece? {
    guard let time = rest.first?.emitted else { return nil }
    let piece = rest.prefix { $0.emitted <= time + .seconds(1) }
    rest = rest.dropFirst(piece.count)
    return LocalPiece(reports: Array(piece), watermark: piece.last?.emitted ?? time)
  }
}
