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

  /// All at once: moved by whole epochs to the time of the first.
  init(mixing recordings: [Recording]) {
    func start(_ recording: Recording) -> CaptureTime {
      recording.reports.values.joined().map(\.emitted).min() ?? .distantPast
    }
    let epoch = TimeSpan.seconds(10)
    let begin = recordings.first.map(start) ?? .distantPast
    var mixed: [MonitorName: [Report]] = [:]
    for recording in recordings {
      let shift = begin.epochStart(epoch) - start(recording).epochStart(epoch)
      for (monitor, list) in recording.reports {
        mixed[monitor, default: []] += list.map { $0.moved(by: shift) }
      }
    }
    reports = mixed.mapValues {
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

extension Report {
  fileprivate func moved(by shift: TimeSpan) -> Report {
    var report = self
    report.first = first + shift
    report.last = last + shift
    report.raised = raised + shift
    report.emitted = emitted + shift
    func moved<Row>(_ rows: [Row], _ times: WritableKeyPath<Row, CaptureTime>...) -> [Row] {
      rows.map { row in
        var row = row
        for time in times { row[keyPath: time] = row[keyPath: time] + shift }
        return row
      }
    }
    switch summary {
    case .contacts(let rows)?: report.summary = .contacts(moved(rows, \.first, \.last))
    case .rates(let rows)?: report.summary = .rates(moved(rows, \.first, \.last))
    case .logins(let rows)?: report.summary = .logins(moved(rows, \.opened, \.last))
    case .leases(let rows)?: report.summary = .leases(moved(rows, \.granted, \.until))
    case nil: break
    }
    return report
  }
}
