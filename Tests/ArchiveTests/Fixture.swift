import Archive
import Foundation
import Monitoring
import Reports
import Terms

/// A directory that goes when the test does.
final class Scratch {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("beryl-archive-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var archive: String { path + "/reports.sqlite" }
}

func name(_ text: String) -> MonitorName { MonitorName(text)! }

/// The `number`th report of a child: emitted `number` seconds into the test's event time.
func report(
  _ number: Int, _ reportClass: ReportClass = .detection, revision: UInt32 = 0, later: Int = 0
) -> Report {
  let opened = CaptureTime(seconds: 1_700_000_000 + Double(number))
  let kind: ReportKind = reportClass == .evidence ? .firstContacts : .portScan
  var report = Report(
    id: ReportID(monitor: name("hq-dmz"), kind: kind, subject: "\(number)", opened: opened),
    kind: kind, reportClass: reportClass, monitor: name("hq-dmz"), tier: .local, first: opened,
    last: opened, raised: opened, emitted: opened + .seconds(later), severity: 4, confidence: 0.5)
  report.revision = revision
  report.sources.insert(IPAddress(v4: 0xcb00_7100 | UInt32(number & 255)))
  report.ports = [22, 80]
  report.attributes = ["technique": .text("syn"), "decoys": .count(UInt64(number))]
  return report
}

/// Reports `numbers`, with the numbers as sequences.
func produced(_ numbers: ClosedRange<Int>, _ reportClass: ReportClass = .detection)
  -> [ProducedReport]
{
  numbers.map { ProducedReport(sequence: UInt64($0), report: report($0, reportClass)) }
}

func received(_ numbers: ClosedRange<Int>) -> [SequencedReport] {
  numbers.map { SequencedReport(sequence: UInt64($0), report: report($0)) }
}
