import Glibc

/// CPU time from capture file to reports, layer by layer, against libpcap merely counting.
enum HotBenchmark {
  /// Interleaved runs of every case.
  private static let rounds = 3

  /// Measures generated packets of minimum size and, where given, the capture at `mix`.
  static func run(mix: String?) throws {
    let path = "/tmp/beryl-bench-\(getpid()).pcap"
    defer { unlink(path) }
    if let mix {
      try PlainCapture.copy(mix, to: path)
      try measure("Mix \(mix)", path: path)
    }
    guard MinimumPackets.write(to: path) else {
      throw ChildProcess.Fault.failed("cannot write \(path)")
    }
    try measure("Minimum-size packets, 54 % of them spoofed SYNs", path: path)
  }

  private static func measure(_ title: String, path: String) throws {
    var runs = [[Measurement]](repeating: [], count: HotCase.allCases.count)
    for _ in 0..<rounds {
      for (index, hotCase) in HotCase.allCases.enumerated() {
        runs[index].append(try ChildProcess.measure(hotCase, path: path))
      }
    }
    print(MeasurementTable(title: title, rows: runs.map(Measurement.init(of:))).text + "\n")
  }
}
