import Analysis
import Capture
import Flows
import Foundation
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// Captures of the lab network, through the whole pipeline.
enum Lab {
  static func path(_ name: String) -> String {
    guard !name.hasPrefix("/") else { return name }
    let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/" + tests + "/Captures/" + name + ".pcap.zst"
  }

  /// The names of all captures.
  static var all: [String] {
    let folder = path("x").split(separator: "/").dropLast().joined(separator: "/")
    let files = (try? FileManager.default.subpathsOfDirectory(atPath: "/" + folder)) ?? []
    return files.filter { $0.hasSuffix(".pcap.zst") }.map { String($0.dropLast(9)) }.sorted()
  }

  /// Captures of one's own: paths below the folder that `BERYL_CAPTURES` names.
  static var own: [String] {
    guard let folder = ProcessInfo.processInfo.environment["BERYL_CAPTURES"] else { return [] }
    let files = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.contains(".pcap") }.map { folder + "/" + $0 }.sorted()
  }

  static func pipeline(
    _ context: DetectionContext = DetectionContext(segment: "lab"), workers: Int = 1,
    seed: UInt64? = nil
  ) throws -> DetectionPipeline {
    let monitor = try #require(MonitorName("lab"))
    return DetectionPipeline(
      sink: ReportSink(monitor: monitor, tier: .local, capture: "lab.pcap"), context: context,
      workers: workers, seed: seed)
  }

  /// Every revision of every report of a capture, in order; times are moved away from the first
  /// frame by `factor`.
  static func everything(
    _ name: String, slower factor: Double = 1, flushingEvery chunk: Int = 0,
    in context: DetectionContext = DetectionContext(segment: "lab"), workers: Int = 1,
    seed: UInt64? = nil
  ) throws -> [Report] {
    var pipeline = try pipeline(context, workers: workers, seed: seed)
    var file = try CaptureFile(path: path(name))
    var reports: [Report] = []
    var origin: CaptureTime?
    while try file.read(
      atMost: max(chunk, 1),
      { frame in
        let start = origin ?? frame.time
        origin = start
        let moved = start + .seconds((frame.time - start).seconds * factor)
        pipeline.take(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength,
          time: factor == 1 ? frame.time : moved)
      }) > 0
    {
      if chunk > 0 { pipeline.flush() }
      reports += pipeline.drainReports()
    }
    pipeline.finish()
    return reports + pipeline.drainReports()
  }

  /// Puts all frames of a capture into a pipeline.
  static func feed(_ name: String, to pipeline: inout DetectionPipeline) throws {
    var file = try CaptureFile(path: path(name))
    while try file.read(
      atMost: 512,
      { frame in
        pipeline.take(
          frame.bytes, linkType: frame.linkType, wireLength: frame.wireLength, time: frame.time)
      }) > 0
    {}
  }

  /// The newest revision of each detection.
  static func detections(
    _ name: String, slower factor: Double = 1,
    in context: DetectionContext = DetectionContext(segment: "lab")
  ) throws -> [Report] {
    newest(try everything(name, slower: factor, in: context))
      .filter { $0.reportClass == .detection }
  }

  /// Those above informational: without what merely lies open in the same capture.
  static func attacks(_ name: String, slower factor: Double = 1) throws -> [Report] {
    try detections(name, slower: factor).filter {
      $0.severity > Report.informationalSeverity
    }
  }

  /// What the monitor of a segment with `prefixes` knows; none for the perimeter.
  static func segment(_ prefixes: String...) -> DetectionContext {
    DetectionContext(
      segment: "lab", prefixes: prefixes.compactMap { IPPrefix($0) },
      home: ["10.10.0.0/16", "10.20.0.0/16"].compactMap { IPPrefix($0) })
  }

  static func newest(_ reports: [Report]) -> [Report] {
    var order: [ReportID] = []
    var newest: [ReportID: Report] = [:]
    for report in reports {
      if newest[report.id] == nil { order.append(report.id) }
      newest[report.id] = report
    }
    return order.compactMap { newest[$0] }
  }
}

extension Report {
  func text(_ attribute: String) -> String? {
    guard case .text(let value) = attributes[attribute] else { return nil }
    return value
  }

  func count(_ attribute: String) -> UInt64? {
    guard case .count(let value) = attributes[attribute] else { return nil }
    return value
  }

  /// `kind sources > targets`, of at most four of each: what a story says of a report.
  var story: String {
    let from = sources.listed.prefix(4).map { "\($0)" }.joined(separator: " ")
    let to =
      targets.listed.count > 4
      ? "\(targets.count) hosts" : targets.listed.map { "\($0)" }.joined(separator: " ")
    return "\(kind) \(from) > \(to)"
  }
}
