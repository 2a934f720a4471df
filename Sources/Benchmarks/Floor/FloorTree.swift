import Analysis
import Correlation
import Detection
import Hierarchy
import Monitoring
import Packets
import Reports
import Response
import Terms

/// The shipping engines of a whole tree over one story: taps, four domains, one enterprise.
struct FloorTree {
  /// What a run came to.
  struct Verdict {
    /// Whether the tree's top, or one of its domains, named the attack.
    var byTree = false
    /// Whether any one tap of the tree did by itself, with its own engines.
    var byBestTap = false
    /// Whether a tap that sees more did: at the perimeter, or for a flood at its victim.
    var byWidestTap = false
    /// Share of the attackers that the tree names.
    var named = 0.0
    /// Incidents of the tree that concern something else.
    var others = 0
    /// As what the tree and the best tap found it, and what else the tree told.
    var treeKinds: Set<String> = []
    var tapKinds: Set<String> = []
    var otherKinds: Set<String> = []
  }

  private let schema: Schema
  private let directives: [Directive]

  /// Thresholds are those that ship; tables are small because the network is.
  private static let limits = LimitTable(overrides: [
    "flows.capacity": 8192, "first-contacts.contacts": 4096, "port-scan.contacts": 8192,
    "port-scan.sources": 2048,
  ])

  /// `topology` is the folder with `schema.yaml` and `directives`.
  init(topology: String) throws {
    schema = try Schema.load(path: topology + "/schema.yaml")
    directives = try Directive.load(path: topology + "/directives", schema: schema)
  }

  /// - Parameter watched: the segments with a tap that reports to the tree.
  func run(_ story: FloorStory, watched: [Int]) -> Verdict {
    var verdict = Verdict()
    var ofDomain: [Int: [Report]] = [:]
    for tap in watched {
      let reports = self.reports(of: story, tap: tap)
      let kinds = reports.filter { isFound($0, story) }.map(\.kind.text)
      verdict.tapKinds.formUnion(kinds)
      ofDomain[tap / FloorNetwork.perDomain, default: []] += reports
    }
    verdict.byWidestTap = self.reports(of: story, tap: Self.widest(story)).contains {
      isFound($0, story)
    }
    verdict.byBestTap = !verdict.tapKinds.isEmpty
    var upward: [Report] = []
    for (domain, reports) in ofDomain.sorted(by: { $0.key < $1.key }) {
      upward += correlate(reports, "d\(domain + 1)", .domain)
    }
    let top = correlate(upward, "top", .enterprise)
    let incidents = Self.newest(upward + top).filter {
      $0.reportClass == .incident && $0.partOf == nil
    }
    let found = incidents.filter { isFound($0, story) }
    verdict.byTree = !found.isEmpty
    let named = story.attackers.count { attacker in found.contains { $0.sources.covers(attacker) } }
    verdict.named = Double(named) / Double(max(1, story.attackers.count))
    verdict.treeKinds = Set(found.map(\.kind.text))
    let others = Self.newest(top).filter {
      $0.reportClass == .incident && $0.severity > Report.informationalSeverity
        && !isFound($0, story)
    }
    verdict.others = others.count
    verdict.otherKinds = Set(others.map(\.kind.text))
    return verdict
  }

  /// The tap with the widest view of the attack, whether it belongs to the tree or not.
  private static func widest(_ story: FloorStory) -> Int {
    if case .flood = story.attack { return 0 }
    return FloorNetwork.perimeter
  }

  // MARK: Taps

  private func reports(of story: FloorStory, tap: Int) -> [Report] {
    guard let name = MonitorName(FloorNetwork.name(tap)) else { return [] }
    let context = DetectionContext(
      limits: Self.limits, segment: name.text,
      prefixes: tap == FloorNetwork.perimeter ? [] : [FloorNetwork.prefix(tap)],
      home: (0..<FloorNetwork.segments).map(FloorNetwork.prefix))
    var pipeline = DetectionPipeline(
      sink: ReportSink(monitor: name, tier: .local, capture: name.text), context: context)
    for frame in story.traffic.frames[tap] {
      frame.bytes.withUnsafeBytes { bytes in
        pipeline.take(
          bytes, linkType: .ethernet, wireLength: UInt32(bytes.count), time: frame.time)
      }
    }
    pipeline.finish()
    return pipeline.drainReports().map { report in
      var report = report
      if report.coverage.segments.isEmpty { report.coverage.segments = [name.text] }
      return report
    }
  }

  // MARK: Correlation

  private func correlate(_ reports: [Report], _ text: String, _ tier: Tier) -> [Report] {
    guard let name = MonitorName(text), let child = MonitorName("child") else { return [] }
    var segments = Dictionary(
      uniqueKeysWithValues: (0..<FloorNetwork.segments).map {
        (FloorNetwork.name($0), [FloorNetwork.prefix($0)])
      })
    segments["internet"] = []
    let context = CorrelationContext(
      monitor: name, tier: tier, schema: schema,
      home: (0..<FloorNetwork.segments).map(FloorNetwork.prefix), segments: segments,
      directives: directives)
    var lane = CorrelationLane(
      name: .live, monitor: name, tier: tier, expecting: [child],
      engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(monitor: name, tier: tier))
    for report in reports { lane.receive(report) }
    lane.setWatermark(.distantFuture, of: child)
    return lane.process()
  }

  private static func newest(_ reports: [Report]) -> [Report] {
    var newest: [ReportID: Report] = [:]
    for report in reports {
      if let known = newest[report.id], known.revision > report.revision { continue }
      newest[report.id] = report
    }
    return newest.values.sorted { $0.id < $1.id }
  }

  // MARK: Found

  /// Whether the report is of the attack's family and names one of its sources, or its victim.
  /// The same for the tree and for a single tap.
  private func isFound(_ report: Report, _ story: FloorStory) -> Bool {
    guard report.reportClass != .evidence, report.severity > Report.informationalSeverity else {
      return false
    }
    let family = report.kind.family
    switch story.attack {
    case .none: return false
    case .flood: return family == "dos" && report.targets.covers(FloorStory.victim)
    case .slowScan where report.sources.count > 3:
      // A scan of many that he is one of says nothing of him.
      return false
    default:
      let isOfFamily = family == "recon" || family == "worm" || family == "campaign"
      return isOfFamily && story.attackers.contains { report.sources.covers($0) }
    }
  }
}
