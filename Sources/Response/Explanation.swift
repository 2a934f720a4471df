import Reports
import Terms

/// Which conclusion explains which: a worm explains the port scans of its hosts, a distributed
/// flood the floods on its target, and every conclusion another of its own kind about the same
/// thing.
struct Explanation {
  /// How far apart in time two reports of one attack may lie.
  static let slack = TimeSpan.minutes(2)
  /// Share of the smaller report's sources that the larger must name.
  static let sourceShare = 0.5

  let larger: Report

  init(_ larger: Report) { self.larger = larger }

  /// 0 for what a single source or tap shows; larger for what only several show together.
  static func rank(_ kind: ReportKind) -> Int {
    switch kind {
    case .wormPropagation, .wormOutbreak: 3
    case .distributedFlood: 3
    case .distributedScan: 2
    case .passwordSpray, .icmpTunnel: 1
    case .slowScan: 0
    default: 0
    }
  }

  /// Whether a larger explanation may yet come for the kind.
  static func mayBePart(_ kind: ReportKind) -> Bool {
    isScan(kind) || isFlood(kind) || isIntrusion(kind) || kind == .ipSpoof || isAnomaly(kind)
  }

  /// Whether the kind can be the larger explanation of another.
  static func mayExplain(_ kind: ReportKind) -> Bool { rank(kind) > 0 || kind.family == "dos" }

  /// What is odd, or fails, without a word of who did it.
  static func isAnomaly(_ kind: ReportKind) -> Bool { kind.family == "anomaly" }

  private static func isScan(_ kind: ReportKind) -> Bool {
    kind == .portScan || kind == .slowScan || kind == .pingSweep
  }

  /// What a worm's request to a victim looks like on its segment.
  private static func isIntrusion(_ kind: ReportKind) -> Bool {
    kind == .webAttack || kind == .overflow || kind == .signature
  }

  private static func isFlood(_ kind: ReportKind) -> Bool {
    kind.family == "dos" && kind.text.hasSuffix("-flood")
  }

  /// Whether `lesser` is part of what the larger one says.
  func covers(_ lesser: Report) -> Bool {
    guard overlapsInTime(lesser) else { return false }
    let kind = lesser.kind
    if Self.isAnomaly(kind), larger.kind != kind {
      // Whatever is known of one of its hosts says more than that it is odd.
      return !Self.isAnomaly(larger.kind) && larger.kind.family != "exposure"
        && larger.kind.family != "health" && namesHosts(of: lesser)
    }
    switch larger.kind {
    case .wormPropagation, .wormOutbreak:
      if kind.family == "worm" { return sharesPorts(lesser) }
      if Self.isIntrusion(kind) {
        // The first request comes from outside: its victim is then one of the worm's hosts.
        return sharesPorts(lesser)
          && (namesSources(lesser) || larger.sources.overlaps(lesser.targets))
      }
      return (Self.isScan(kind) || kind == .distributedScan) && namesSources(lesser)
        && sharesPorts(lesser)
    case .distributedFlood:
      return (Self.isFlood(kind) || kind == .distributedFlood || kind == .ipSpoof)
        && larger.targets.overlaps(lesser.targets)
    case .smurf where kind == .ipSpoof, .fraggle where kind == .ipSpoof,
      .amplification where kind == .ipSpoof:
      // The victim's name, at the reflectors.
      return larger.targets.overlaps(lesser.sources) || larger.targets.overlaps(lesser.targets)
    case .smurf where kind == .icmpFlood, .fraggle where kind == .udpFlood,
      .amplification where kind == .udpFlood:
      return larger.targets.overlaps(lesser.targets)
    case .distributedScan:
      if kind == .distributedScan { return sharesPorts(lesser) }
      return Self.isScan(kind) && namesSources(lesser) && sharesPorts(lesser)
    case .passwordSpray:
      // What its guesses look like at one of the servers.
      return kind == .bruteForce && namesSources(lesser) && larger.targets.overlaps(lesser.targets)
    case .icmpTunnel:
      return kind == .icmpFlood && larger.targets.overlaps(lesser.targets)
    case .slowScan, .portScan:
      // One source, told by a local tap and by the sum over taps.
      return (kind == .slowScan || (kind == .portScan && larger.kind == .slowScan))
        && namesSources(lesser)
    default:
      // One flood of several kinds of packets.
      if larger.kind == kind, Self.isFlood(kind) {
        return larger.targets.overlaps(lesser.targets)
      }
      // Floods forge their sources.
      return larger.kind.family == "dos" && kind == .ipSpoof
        && larger.targets.overlaps(lesser.targets)
    }
  }

  private func overlapsInTime(_ lesser: Report) -> Bool {
    larger.first - Self.slack <= lesser.last && lesser.first - Self.slack <= larger.last
  }

  private func namesHosts(of lesser: Report) -> Bool {
    [lesser.sources, lesser.targets].contains {
      larger.sources.overlaps($0) || larger.targets.overlaps($0)
    }
  }

  private func sharesPorts(_ lesser: Report) -> Bool {
    guard !larger.ports.isEmpty, !lesser.ports.isEmpty else { return true }
    return !Set(larger.ports).isDisjoint(with: lesser.ports)
  }

  private func namesSources(_ lesser: Report) -> Bool {
    let listed = lesser.sources.listed
    guard !listed.isEmpty else { return false }
    let named = listed.count { source in larger.sources.listed.contains { $0.contains(source) } }
    return Double(named) >= Self.sourceShare * Double(listed.count)
  }
}
