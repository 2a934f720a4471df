/// CPU time of reading and decoding one capture file, against libpcap's loop, in one process.
enum CaptureBenchmark {
  private static let rounds = 5

  /// Measures `pcap_next_ex`, the reader, and the reader with the decoder on the file at `path`;
  /// names any fault.
  static func run(path: String) throws -> [Measurement] {
    let cases: [HotCase] = [.libpcap, .reader, .decode]
    var runs = [[Measurement]](repeating: [], count: cases.count)
    for _ in 0..<rounds {
      for (index, hotCase) in cases.enumerated() {
        runs[index].append(
          try Measurement.taking(hotCase.rawValue) { try hotCase.run(path: path) })
      }
    }
    return runs.map(Measurement.init(of:))
  }
}
