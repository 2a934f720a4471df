import Links
import Reports
import Terms

/// Reports as they come over a link.
final class ReportTarget: FuzzTarget {
  private var sound: UInt64 = 0

  init() {
    var seeds: [[UInt8]] = []
    if let monitor = MonitorName("m") {
      let subject = ReportID(
        monitor: monitor, kind: .portScan, subject: "s", opened: CaptureTime(seconds: 1))
      var report = Report(
        id: subject, kind: .portScan, reportClass: .detection, monitor: monitor, tier: .local,
        first: CaptureTime(seconds: 1), last: CaptureTime(seconds: 2),
        raised: CaptureTime(seconds: 2), emitted: CaptureTime(seconds: 2), severity: 5,
        confidence: 0.5)
      report.sources.insert(IPAddress(v4: 0x0a00_0001))
      report.targets.insert(IPAddress(high: 1, low: 2))
      report.ports = [22, 80]
      report.attributes = ["shape": .text("vertical"), "ports": .count(7), "mac": .mac(.unknown)]
      report.evidence = [Evidence(monitor: monitor, capture: "c", packets: [1, 5, 900])]
      report.terms = [Term("ports", 7, threshold: 5, unit: "ports")]
      report.derivedFrom = [subject]
      seeds = [ReportCoding.encode(report)]
    }
    super.init("reports", seeds: seeds)
  }

  override func consume(_ input: UnsafeRawBufferPointer) {
    guard let report = try? ReportCoding.decode(input) else { return }
    sound &+= 1
    // What was taken is kept and sent on.
    _ = ReportCoding.encode(report)
  }

  override var understood: UInt64 { sound }
}

/// Messages of a link between two monitors.
final class LinkTarget: FuzzTarget {
  private var sound: UInt64 = 0

  init() {
    super.init(
      "links", seeds: (0..<12).map { field in [UInt8(field << 3 | 2), 4, 8, 1, 16, 2] } + [[]])
  }

  override func consume(_ input: UnsafeRawBufferPointer) {
    if (try? LinkCoding.decode(input)) != nil { sound &+= 1 }
  }

  override var understood: UInt64 { sound }
}
