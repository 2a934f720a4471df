import Glibc

/// CPU time from capture file to reports, layer by layer, against libpcap merely counting.
enum HotBenchmark {
  /// Interleaved runs of every case.
  private static let rounds = 3

  /// Measures generated packets of minimum size and, where given, the capture at `mix` and the
  /// signatures of `rules`.
  static func run(mix: String?, rules: String?) throws {
    let path = "/tmp/beryl-bench-\(getpid()).pcap"
    defer { unlink(path) }
    let cache = "/tmp/beryl-bench-\(getpid())-rules"
    defer { if rules != nil { removeFolder(cache) } }
    if let rules {
      try RuleRun.measure(file: rules, cache: cache)
    } else {
      print("Signatures are not measured: no --rules FILE\n")
    }
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
    let cases = HotCase.allCases.filter { $0 != .signatures || RuleRun.isAnnounced }
    var runs = [[Measurement]](repeating: [], count: cases.count)
    for _ in 0..<rounds {
      for (index, hotCase) in cases.enumerated() {
        runs[index].append(try ChildProcess.measure(hotCase, path: path))
      }
    }
    print(MeasurementTable(title: title, rows: runs.map(Measurement.init(of:))).text + "\n")
  }

  private static func removeFolder(_ path: String) {
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { unlink("\(path)/\(name)") }
    }
    closedir(folder)
    rmdir(path)
  }
}
