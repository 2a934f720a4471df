import Archive
import Dispatch
import Glibc
import Links
import Monitoring
import Reports
import Terms

/// CPU time per report from a child's store over mutual TLS into its parent's store and back as
/// an acknowledgement, child and parent together.
enum LinkBenchmark {
  private static let reportCount = 200_000
  private static let rounds = 3

  /// What makes reports durable at the two ends.
  struct Stores: Sendable {
    var produced: @Sendable ([SequencedReport]) throws -> Void
    var received: @Sendable ([SequencedReport], _ through: UInt64) throws -> Void
    var acknowledged: @Sendable (_ through: UInt64) throws -> Void

    /// The link alone.
    static let none = Stores(
      produced: { _ in }, received: { _, _ in }, acknowledged: { _ in })

    /// SQLite at both ends.
    init(child: ReportArchive, parent: ReportArchive, name: MonitorName) {
      produced = { reports in
        try child.appendProduced(
          reports.map { ProducedReport(sequence: $0.sequence, report: $0.report) }, lane: .live)
      }
      received = { reports, through in
        try parent.appendReceived(
          reports, from: name, lane: .live, through: through, watermark: .distantPast)
      }
      acknowledged = { try child.acknowledge(lane: .live, through: $0) }
    }

    init(
      produced: @escaping @Sendable ([SequencedReport]) throws -> Void,
      received: @escaping @Sendable ([SequencedReport], UInt64) throws -> Void,
      acknowledged: @escaping @Sendable (UInt64) throws -> Void
    ) {
      self.produced = produced
      self.received = received
      self.acknowledged = acknowledged
    }
  }

  enum Fault: Error, CustomStringConvertible {
    case failed(String)

    var description: String {
      switch self {
      case .failed(let reason): reason
      }
    }
  }

  static func run() throws {
    guard let child = MonitorName("child"), let parent = MonitorName("parent") else { return }
    let folder = "/tmp/beryl-bench-\(getpid())-links"
    try PKI.issue(
      [child, parent].map { PKI.Subject(name: $0, tier: .domain, hosts: ["127.0.0.1"]) },
      into: folder)
    defer { remove(folder) }
    let reports = BenchmarkReports(monitor: child)
    var alone: [Measurement] = []
    var durable: [Measurement] = []
    for round in 0..<rounds {
      alone.append(try measure("link alone", .none, reports, folder))
      let stores = Stores(
        child: try ReportArchive("\(folder)/child-\(round).sqlite"),
        parent: try ReportArchive("\(folder)/parent-\(round).sqlite"), name: child)
      durable.append(try measure("SQLite at both ends", stores, reports, folder))
    }
    let bytes = ReportCoding.encode(reports[1].report).count
    let rows = [Measurement(of: alone), Measurement(of: durable)]
    print(
      MeasurementTable(
        title: "Reports of \(bytes) bytes over mutual TLS, child and parent together", rows: rows
      ).text)
  }

  private static func measure(
    _ name: String, _ stores: Stores, _ reports: BenchmarkReports, _ folder: String
  ) throws -> Measurement {
    let run = LinkRun(total: reportCount, stores: stores, reports: reports)
    let finished = DispatchSemaphore(value: 0)
    let result = LinkRun.Box()
    Task.detached {
      do {
        result.set(.success(try await run.measure(pki: folder)))
      } catch {
        result.set(.failure(error))
      }
      finished.signal()
    }
    finished.wait()
    return Measurement(
      name: name, items: reportCount, unit: "report", cpuSeconds: try result.get())
  }

  /// Removes the folder and the files in it.
  private static func remove(_ folder: String) {
    if let directory = opendir(folder) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        unlink("\(folder)/\(name)")
      }
      closedir(directory)
    }
    rmdir(folder)
  }
}

/// Port scan reports of the usual size, each with an id of its own.
struct BenchmarkReports: Sendable {
  private let template: Report

  init(monitor: MonitorName) {
    let start = CaptureTime(nanoseconds: 1_700_000_000_000_000_000)
    var report = Report(
      id: ReportID(high: 0, low: 0), kind: .portScan, reportClass: .detection, monitor: monitor,
      tier: .local, first: start, last: start, raised: start, emitted: start, severity: 5,
      confidence: 0.9)
    report.sources = AddressSet([IPAddress(v4: 0xcb00_7107)])
    report.targets = AddressSet([IPAddress(v4: 0x0a0a_010a), IPAddress(v4: 0x0a0a_010b)])
    report.ports = [22, 80, 443, 8080]
    report.transport = .tcp
    report.attributes = [
      "technique": .text("syn"), "shape": .text("vertical"), "probes": .count(120),
    ]
    report.evidence = [
      Evidence(monitor: monitor, capture: "link.pcap", packets: [100, 2000, 30_000, 400_000])
    ]
    report.terms = [Term("failures", 120, threshold: 15, unit: "ports")]
    report.coverage.segments = ["hq-dmz"]
    template = report
  }

  /// The kinds and fields in use.
  var schema: Schema {
    Schema(
      attackVersion: "17.1",
      kinds: [
        .portScan: KindDefinition(
          reportClass: .detection, severity: 5,
          fields: ["technique": .text, "shape": .text, "probes": .count])
      ])
  }

  subscript(sequence: UInt64) -> SequencedReport {
    var report = template
    report.id = ReportID(high: sequence &* 0x9e37_79b9_7f4a_7c15, low: sequence)
    report.emitted = template.emitted + TimeSpan(nanoseconds: Int64(sequence))
    report.last = report.emitted
    return SequencedReport(sequence: sequence, report: report)
  }
}
