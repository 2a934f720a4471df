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
    let rows = runs.map(Measurement.init(of:))
    print(MeasurementTable(title: title, rows: rows).text)
    print(speedUp(of: rows) + "\n")
  }

  /// What several workers gain on the clock: of interest only where nothing else runs.
  private static func speedUp(of rows: [Measurement]) -> String {
    func seconds(_ hotCase: HotCase) -> Double {
      rows.first { $0.name == hotCase.rawValue }?.wallSeconds ?? 0
    }
    let (one, two) = (seconds(.detectors), seconds(.workers))
    let ratio = Double(Int(one / max(two, 1e-9) * 100)) / 100
    return "on the clock: \(Int(one * 1000)) ms with one thread, \(Int(two * 1000)) ms with two"
      + " workers and the reader, \(ratio) times as fast"
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
