import Glibc

/// What one benchmark took.
struct Measurement {
  let name: String
  /// Packets, reports: whatever `unit` says.
  let items: Int
  let unit: String
  /// User and system time of the whole process while it ran.
  let cpuSeconds: Double
  /// Middle one of several runs; that of the best run where there was one.
  var medianCPUSeconds: Double
  /// Time on the clock while it ran; 0 where it was not measured.
  var wallSeconds = 0.0
  /// Most memory the process ever held, in KiB; 0 where it was not measured.
  var peakKiB = 0

  init(name: String, items: Int, unit: String, cpuSeconds: Double) {
    self.name = name
    self.items = items
    self.unit = unit
    self.cpuSeconds = cpuSeconds
    medianCPUSeconds = cpuSeconds
  }

  /// The best of several runs of one thing, with the middle one beside it: other work on the
  /// machine only ever adds. `runs` must not be empty.
  init(of runs: [Measurement]) {
    let sorted = runs.sorted { $0.cpuSeconds < $1.cpuSeconds }
    self = sorted[0]
    medianCPUSeconds = sorted[sorted.count / 2].cpuSeconds
    peakKiB = runs.map(\.peakKiB).max() ?? 0
    wallSeconds = runs.map(\.wallSeconds).min() ?? 0
  }

  /// CPU time per item.
  var nanosecondsPerItem: Double { cpuSeconds * 1e9 / Double(max(items, 1)) }

  /// Runs `body`, which returns its number of items.
  static func taking(
    _ name: String, unit: String = "packet", _ body: () throws -> Int
  ) rethrows -> Measurement {
    let (before, start) = (processCPUSeconds(), clockSeconds())
    let items = try body()
    var measurement = Measurement(
      name: name, items: items, unit: unit, cpuSeconds: processCPUSeconds() - before)
    measurement.wallSeconds = clockSeconds() - start
    return measurement
  }

  private static func clockSeconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
  }

  /// User and system time of this process so far.
  static func processCPUSeconds() -> Double { Double(clock()) / Double(CLOCKS_PER_SEC) }
}
