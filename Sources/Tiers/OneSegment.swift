import ArgumentParser
import Capture
import Detection
import Flows
import Foundation
import Packets
import Reports
import Scenarios
import Signatures
import Terms

#if canImport(Glibc)
  import Glibc
#endif

/// `beryl-local --read FILE`: one capture, no topology, in the manner of `tcpdump -r`.
struct OneSegment {
  let path: String
  /// Where JSON lines go: a file, or `-` for standard output; nil for text on standard output.
  let json: String?
  /// Kinds to show, as `ReportKind.matches` has it; all where empty.
  var kinds: [String] = []
  /// Whether the text says why: terms against thresholds, packets.
  var explains = false
  var signatures: SignatureSet?
  /// Where profiles come from and go to; nil for none.
  var profiles: ProfileFile?
  /// Threads that analyse packets.
  var workers = 1
  var pace = Pace.full

  func run() throws {
    guard let monitor = MonitorName("local") else { return }
    let source: PipelineSource
    var setup = PipelineSetup(monitor: monitor)
    setup.context.signatures = signatures
    setup.workers = workers
    do throws(CaptureFault) {
      source = try PipelineSource(
        path: path, setup: setup, offset: pace.offset, keepsLearned: profiles != nil)
    } catch {
      throw StartRefusal("\(error)")
    }
    // What is not a file of profiles is somebody else's: it must not be written over at the end.
    if case .refused(let reason) = profiles.flatMap(source.load) {
      throw StartRefusal(
        "\(reason); it stays as it is: move it away, or name another with --profiles")
    }
    let output = try open()
    let census = json == nil ? CensusBox() : nil
    if let census { source.onFrame = { census.census.take($0, offset: pace.offset) } }
    let began = cpuSeconds()
    var bar = ProgressBar(path)
    var newest: [ReportID: Report] = [:]
    var hidden: [ReportID: ReportKind] = [:]
    var clock = PaceClock(pace)
    while let piece = source.next() {
      clock.wait(until: source.time) { _ in false }
      for report in piece.reports where report.reportClass != .evidence {
        guard isWanted(report) else {
          hidden[report.id] = report.kind
          continue
        }
        newest[report.id] = report
        if json != nil { try output.write(contentsOf: line(report)) }
      }
      if let total = source.totalBytes, total > 0 {
        bar.update(Double(source.bytesRead) / Double(total))
      }
    }
    bar.finish()
    let seconds = cpuSeconds() - began
    if let census {
      let page = SegmentText(style: .standardOutput, explains: explains).page(
        newest.values.sorted(by: precedes), hidden: Array(hidden.values), census: census.census,
        statistics: source.statistics)
      try output.write(contentsOf: Data(page.utf8))
    }
    complain(statistics(source, seconds, reports: newest.count))
    if let profiles, source.fault == nil { try profiles.save(source.learned) }
    if let fault = source.fault {
      complain("\(fault)")
      throw BerylExit.badInput
    }
  }

  private func isWanted(_ report: Report) -> Bool {
    kinds.isEmpty || kinds.contains { report.kind.matches($0) }
  }

  private func open() throws -> FileHandle {
    guard let json, json != "-" else { return .standardOutput }
    guard FileManager.default.createFile(atPath: json, contents: nil),
      let file = FileHandle(forWritingAtPath: json)
    else { throw StartRefusal("\(json): cannot be written") }
    return file
  }

  /// Every revision, as it is made: the newest one of an id counts.
  private func line(_ report: Report) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(ReportRow(report, techniques: ShippedKinds.techniques(report.kind)))
      + Data("\n".utf8)
  }

  private func precedes(_ left: Report, _ right: Report) -> Bool {
    (left.first, left.kind, left.id) < (right.first, right.kind, right.id)
  }

  private func statistics(_ source: PipelineSource, _ seconds: Double, reports: Int) -> String {
    let figures = source.figures
    let statistics = source.statistics
    let rate = seconds > 0 ? Double(figures.packets) / seconds : 0
    var lines = [
      "\(figures.packets) packets, \(figures.bytes) bytes, \(statistics.flowsOpened) flows, "
        + "\(reports) report\(reports == 1 ? "" : "s"); \(String(format: "%.3f", seconds)) CPU seconds, "
        + "\(Int(rate)) packets/s"
    ]
    let malformed = statistics.malformations.met
    if !malformed.isEmpty {
      lines.append(
        "malformed: " + malformed.map { "\($0.malformation) \($0.count)" }.joined(separator: ", "))
    }
    let losses = figures.losses.sorted { $0.key < $1.key }
    if !losses.isEmpty {
      lines.append("losses: " + losses.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
    }
    return lines.joined(separator: "\n")
  }

  /// Processor time of this process, in seconds; POSIX has `clock` count in microseconds.
  private func cpuSeconds() -> Double { Double(clock()) / 1e6 }
}

/// A census that frames can be counted in from inside the source.
private final class CensusBox {
  var census = SegmentCensus()
}
