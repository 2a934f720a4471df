import Hierarchy
import Monitoring
import Replay
import Reports
import Terms
import Tiers

/// CPU time per report of whole trees in one process: what a report costs must not depend on how
/// many monitors there are.
enum TreeBenchmark {
  /// Domains, and locals of each.
  private static let shapes = [(10, 10), (100, 100)]
  /// So many runs of the small tree as the large one has reports.
  private static let smallRounds = 3

  /// `topology` is the folder with `schema.yaml` and `directives`.
  static func run(topology folder: String) throws {
    var rows: [Measurement] = []
    var notes: [String] = []
    for (domains, locals) in shapes {
      let topology = try TreeTopology(domains: domains, locals: locals).parsed(folder: folder)
      var runs: [Measurement] = []
      for round in 0..<(domains == shapes[0].0 ? smallRounds : 1) {
        let (run, shares) = try measure(topology, "\(domains) x \(locals)")
        runs.append(run)
        if round == 0 { notes.append("\(domains) x \(locals): \(shares)") }
      }
      rows.append(Measurement(of: runs))
    }
    let title = "Simulated trees, domains x locals, in one process; first row"
    print(MeasurementTable(title: title, rows: rows).text)
    print(notes.joined(separator: "\n") + "\n")
  }

  private static func measure(
    _ topology: Topology, _ name: String
  ) throws -> (Measurement, shares: String) {
    var sources: [MonitorName: () throws -> any LocalSource] = [:]
    for monitor in topology.monitors where monitor.tier == .local {
      sources[monitor.name] = { BusySegment(monitor.name, topology) }
    }
    let tree = SimulatedTree(topology: topology, sources: sources)
    let before = Measurement.processCPUSeconds()
    try tree.run()
    let seconds = Measurement.processCPUSeconds() - before
    func sent(_ tier: Tier) -> Int {
      topology.monitors.filter { $0.tier == tier }.reduce(0) {
        $0 + tree.produced(by: $1.name).count { $0.sequence != nil }
      }
    }
    let (locals, domains) = (sent(.local), sent(.domain))
    let incidents = topology.roots.reduce(0) {
      $0 + Set(tree.produced(by: $1.name).map(\.report.id)).count
    }
    var measurement = Measurement(
      name: name, items: locals, unit: "report", cpuSeconds: seconds)
    measurement.peakKiB = Int((ProcessMemory.peak ?? 0) / 1024)
    let share = Double(domains * 1000 / max(1, locals)) / 1000
    return (
      measurement,
      "\(locals) reports of locals, \(domains) reach the top (\(share) each), "
        + "\(incidents) incidents there"
    )
  }
}
