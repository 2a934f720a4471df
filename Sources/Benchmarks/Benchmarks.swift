import Glibc

/// `beryl-bench`: what the machine in front of you makes of the figures in the README.
@main struct Benchmarks {
  private static let usage = """
    Usage: beryl-bench [hot] [--mix FILE] [--rules FILE]
                                            packets from capture file to reports, layer by layer
           beryl-bench engines [FILE]       what each detector costs, on a capture or that of `hot`
           beryl-bench links                reports over TLS from store to store
           beryl-bench correlation [FOLDER [ROW]]
                                            reports of a domain's children to its incidents
           beryl-bench floor [FOLDER [SEEDS [PANEL]]]
                                            the weakest attacks that the tree finds, and a tap
           beryl-bench flood [FOLDER [REPORTS]]
                                            one hostile child, and what its siblings notice
           beryl-bench tree [FOLDER]        reports of 100 x 100 simulated monitors, locals to top
           beryl-bench capture FILE         reading and decoding one capture file
           beryl-bench fuzz [--inputs N] [--seed N] [TARGET…]
                                            hostile inputs for everything that reads bytes
    """

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      guard try run(arguments) else {
        complain(usage)
        exit(2)
      }
    } catch {
      complain("beryl-bench: \(error)")
      exit(1)
    }
  }

  private static func complain(_ text: String) {
    let line = Array((text + "\n").utf8)
    _ = write(2, line, line.count)
  }

  /// false when the arguments mean nothing.
  private static func run(_ arguments: [String]) throws -> Bool {
    switch (arguments.first, arguments.count) {
    case ("child", 3):
      guard let hotCase = HotCase(rawValue: arguments[1]) else { return false }
      try ChildProcess.main(hotCase, path: arguments[2])
    case ("capture", 2):
      let rows = try CaptureBenchmark.run(path: arguments[1])
      print(MeasurementTable(title: arguments[1], rows: rows).text)
    case ("fuzz", _): return try FuzzCommand.run(Array(arguments.dropFirst()))
    case ("engines", 1): try EngineBenchmark.run(path: nil)
    case ("engines", 2): try EngineBenchmark.run(path: arguments[1])
    case ("links", 1): try LinkBenchmark.run()
    case ("flood", 1...3):
      let count = arguments.count > 2 ? UInt64(arguments[2]) : nil
      try FloodBenchmark.run(
        schema: arguments.count > 1 ? arguments[1] : "topology", count: count)
    case ("floor", 1...4):
      let seeds = arguments.count > 2 ? Int(arguments[2]) : 20
      guard let seeds, seeds > 0 else { return false }
      try FloorBenchmark.run(
        topology: arguments.count > 1 ? arguments[1] : "topology", seeds: seeds,
        panel: arguments.count > 3 ? arguments[3] : nil)
    case ("correlation", 1): try CorrelationBenchmark.run(topology: "topology")
    case ("correlation", 2...3):
      let row = arguments.count > 2 ? Int(arguments[2]) : nil
      try CorrelationBenchmark.run(topology: arguments[1], only: row)
    case ("tree", 1): try TreeBenchmark.run(topology: "topology")
    case ("tree", 2): try TreeBenchmark.run(topology: arguments[1])
    default: return try runHot(arguments.first == "hot" ? arguments.dropFirst() : arguments[...])
    }
    return true
  }

  private static func runHot(_ arguments: ArraySlice<String>) throws -> Bool {
    var files: [String: String] = [:]
    var rest = arguments
    while let option = rest.popFirst() {
      guard option == "--mix" || option == "--rules", let file = rest.popFirst() else {
        return false
      }
      files[option] = file
    }
    try HotBenchmark.run(mix: files["--mix"], rules: files["--rules"])
    return true
  }
}
