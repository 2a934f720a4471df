import Glibc

/// Detection floors: how weak an attack may be and still be found, by the whole tree and by its best
/// single tap. One line per point, tab-separated, for `scripts/floor`.
enum FloorBenchmark {
  private struct Point {
    var panel: String
    var x: Double
    var attack: FloorStory.Attack
    /// How many of the sixteen segments have a tap.
    var watched = FloorNetwork.segments
  }

  private static let columns = [
    "panel", "x", "runs", "tree", "best-tap", "widest-tap", "named", "other-incidents",
    "tree-kinds", "tap-kinds", "other-kinds",
  ]

  /// `seeds` runs per point, of one panel or of all.
  static func run(topology: String, seeds: Int, panel: String? = nil) throws {
    let tree = try FloorTree(topology: topology)
    print(columns.joined(separator: "\t"))
    for point in points() where panel == nil || point.panel == panel {
      var found = (tree: 0, best: 0, widest: 0)
      var named = 0.0
      var others = 0
      var kinds = [[String: Int]](repeating: [:], count: 3)
      for seed in 1...max(1, seeds) {
        let story = FloorStory(point.attack, seed: UInt64(seed))
        let verdict = tree.run(story, watched: watched(point, seed))
        found.tree += verdict.byTree ? 1 : 0
        found.best += verdict.byBestTap ? 1 : 0
        found.widest += verdict.byWidestTap ? 1 : 0
        named += verdict.named
        others += verdict.others
        for (index, list) in [verdict.treeKinds, verdict.tapKinds, verdict.otherKinds].enumerated()
        {
          for kind in list { kinds[index][kind, default: 0] += 1 }
        }
      }
      let row = [
        point.panel, text(point.x), "\(seeds)", share(found.tree, seeds), share(found.best, seeds),
        share(found.widest, seeds), text(named / Double(max(1, seeds))), "\(others)",
      ]
      let told = kinds.map { counts in
        counts.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value)" }.joined(separator: ",")
      }
      print((row + told).joined(separator: "\t"))
      fflush(nil)
    }
  }

  private static func points() -> [Point] {
    var points = [Point(panel: "everyday", x: 0, attack: .none)]
    for probes in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32] {
      points.append(
        Point(
          panel: "probes", x: Double(probes),
          attack: .distributedScan(sources: 8, probes: probes)))
    }
    for sources in [2, 4, 6, 8, 10, 12, 16, 24] {
      points.append(
        Point(
          panel: "sources", x: Double(sources),
          attack: .distributedScan(sources: sources, probes: 2)))
    }
    for rate in [2, 4, 6, 8, 12, 24] as [Double] {
      points.append(Point(panel: "slow", x: rate, attack: .slowScan(perHour: rate)))
    }
    for rate in [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4] {
      points.append(Point(panel: "flood", x: rate, attack: .flood(perIngress: rate)))
    }
    for probes in [1, 2, 3, 4, 5, 6, 8, 12, 16, 24] {
      points.append(
        Point(panel: "worm", x: Double(probes), attack: .worm(probes: probes)))
    }
    let fixed: [(String, FloorStory.Attack)] = [
      ("share-scan", .distributedScan(sources: 24, probes: 6)),
      ("share-flood", .flood(perIngress: 3.2)), ("share-worm", .worm(probes: 6)),
    ]
    for (panel, attack) in fixed {
      for count in [1, 2, 4, 6, 8, 12, 16] {
        points.append(
          Point(panel: panel, x: Double(count) / 16, attack: attack, watched: count))
      }
    }
    return points
  }

  /// The segments with a tap, drawn anew for each seed. In the flood's own panel the victim's
  /// segment is dark: a tap there sees the sum by itself and is shown apart.
  private static func watched(_ point: Point, _ seed: Int) -> [Int] {
    var segments = Array(0..<FloorNetwork.segments)
    if point.panel == "flood" { return Array(segments.dropFirst()) }
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15
    for index in segments.indices.reversed() {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      segments.swapAt(index, Int(state >> 33) % (index + 1))
    }
    return segments.prefix(point.watched).sorted()
  }

  private static func share(_ count: Int, _ runs: Int) -> String {
    text(Double(count) / Double(max(1, runs)))
  }

  private static func text(_ value: Double) -> String {
    let rounded = (value * 10_000).rounded() / 10_000
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}
