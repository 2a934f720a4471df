import Hierarchy
import Reports
import Terms

/// One scenario over several topologies: what each finds, when, at what cost, and what each still
/// finds with any one monitor down.
public struct Comparison: Codable, Hashable, Sendable {
  public struct Row: Codable, Hashable, Sendable {
    /// The topology's file name, without its folder and ending.
    public var topology: String
    public var monitors: Int
    /// Attacks found, of `attacks`; whatever tier or monitor says so.
    public var found: Int
    /// Expectations that hold as they are written, tiers included, forbidden reports too.
    public var held: Int
    /// The earliest incident that tells an attack: tier, monitor, seconds after the first packet.
    public var firstTier: String?
    public var firstMonitor: String?
    public var firstAfter: Double?
    /// Seconds after the first packet until a monitor without parents tells the last of the attacks
    /// that it tells.
    public var topAfter: Double?
    /// Incidents of the monitors without parents.
    public var topIncidents: Int
    /// Reports and bytes over all links, and over those that end at monitors without parents.
    public var reports: UInt64
    public var bytes: UInt64
    public var topReports: UInt64
    public var topBytes: UInt64
    /// Of the whole tree in one process.
    public var peakBytes: UInt64?
    /// Attacks still found with each monitor down.
    public var without: [String: Int]
    public var links: [LinkResult]

    /// The monitors whose loss costs most, and what is then still found; nil when none was tried.
    public var weakest: (found: Int, monitors: [String])? {
      guard let least = without.values.min() else { return nil }
      return (least, without.filter { $0.value == least }.map(\.key).sorted())
    }
  }

  public var scenario: String
  /// The attacks that are looked for, in words.
  public var attacks: [String]
  public var expectations: Int
  public var rows: [Row] = []

  private let looked: Looked

  /// Conditions kept out of the coded form.
  private struct Looked: Hashable, Sendable {
    var attacks: [Expectation] = []
  }

  private enum CodingKeys: String, CodingKey { case scenario, attacks, expectations, rows }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    scenario = try values.decode(String.self, forKey: .scenario)
    attacks = try values.decode([String].self, forKey: .attacks)
    expectations = try values.decode(Int.self, forKey: .expectations)
    rows = try values.decode([Row].self, forKey: .rows)
    looked = Looked()
  }

  /// The attacks are what the scenario expects, wherever in the tree it is said.
  public init(_ scenario: Scenario) {
    self.scenario = scenario.name
    var attacks: [Expectation] = []
    for expectation in scenario.expectations where expectation.mode == .expect {
      var attack = expectation
      attack.tier = nil
      attack.monitor = nil
      attack.within = nil
      attack.mostCount = nil
      if !attacks.contains(attack) { attacks.append(attack) }
    }
    looked = Looked(attacks: attacks)
    self.attacks = attacks.map(\.description)
    expectations = scenario.expectations.count
  }

  /// How many of the attacks a result tells.
  public func found(_ result: ReplayResult) -> Int {
    looked.attacks.count {
      $0.evaluate(result.incidents + result.detections, start: result.timing.first).held
    }
  }

  public mutating func add(
    _ result: ReplayResult, topology: Topology, name: String, without: [String: Int]
  ) {
    let start = result.timing.first
    let roots = Set(topology.roots.map(\.name.text))
    let telling = result.incidents.filter { row in
      looked.attacks.contains { $0.misses(of: row, start: start).isEmpty }
    }
    let first = telling.min { ($0.raised, $0.tierRank) < ($1.raised, $1.tierRank) }
    let top = telling.filter { roots.contains($0.monitor) && $0.tier == topTier(result, roots) }
    let upper = result.links.filter { roots.contains($0.parent) }
    rows.append(
      Row(
        topology: name, monitors: topology.monitors.count, found: found(result),
        held: result.expectations.count { $0.held }, firstTier: first?.tier,
        firstMonitor: first?.monitor, firstAfter: first.map { $0.raised - start },
        topAfter: top.map { $0.raised - start }.max(),
        topIncidents: result.incidents.count {
          roots.contains($0.monitor) && $0.tier == topTier(result, roots)
        },
        reports: result.links.reduce(0) { $0 + $1.reports },
        bytes: result.links.reduce(0) { $0 + $1.bytes },
        topReports: upper.reduce(0) { $0 + $1.reports },
        topBytes: upper.reduce(0) { $0 + $1.bytes }, peakBytes: result.timing.peakBytes,
        without: without, links: result.links))
  }

  /// The highest tier that any monitor without parents speaks for.
  private func topTier(_ result: ReplayResult, _ roots: Set<String>) -> String? {
    result.incidents.filter { roots.contains($0.monitor) }.max { $0.tierRank < $1.tierRank }?.tier
  }
}

extension Comparison: CustomStringConvertible {
  public var description: String {
    var table = TextTable([
      ("topology", .left), ("monitors", .right), ("found", .right), ("first verdict", .left),
      ("at the top", .right), ("incidents", .right), ("reports", .right), ("bytes", .right),
      ("to the top", .right), ("bytes", .right), ("peak memory", .right),
      ("found without any one", .left),
    ])
    for row in rows { table.append(cells(row)) }
    var lines = ["\(scenario): \(Figures.counted(attacks.count, "attack")) looked for"]
    lines += attacks.map { "  \($0)" } + [""] + table.lines
    return lines.joined(separator: "\n") + "\n"
  }

  private func cells(_ row: Row) -> [String] {
    let first = row.firstAfter.map {
      "\(Figures.offset($0)) \(row.firstTier ?? "") \(row.firstMonitor ?? "")"
    }
    return [
      row.topology, "\(row.monitors)", "\(row.found) of \(attacks.count)", first ?? "-",
      row.topAfter.map { Figures.offset($0) } ?? "-", "\(row.topIncidents)",
      Figures.grouped(row.reports), Figures.grouped(row.bytes), Figures.grouped(row.topReports),
      Figures.grouped(row.topBytes),
      row.peakBytes.map { "\(Figures.grouped($0 >> 20)) MiB" } ?? "-", weakest(row),
    ]
  }

  private func weakest(_ row: Row) -> String {
    guard let (found, monitors) = row.weakest else { return "not tried" }
    guard found < row.found else { return "\(found), whichever is down" }
    let named = monitors.prefix(3).joined(separator: ", ")
    return "\(found) without \(named)" + (monitors.count > 3 ? ", …" : "")
  }
}
