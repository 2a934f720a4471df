import Reports
import Terms

/// Which conclusion explains which: a worm explains the port scans of its hosts, a distributed
/// flood the floods on its target, and every conclusion another of its own kind about the same
/// thing.
struct Explanation: Sendable {
  /// How far apart in time two reports of one attack may lie.
  static let slack = TimeSpan.minutes(2)
  /// The same for what one scanner does: patience is his disguise.
  static let scanSlack = TimeSpan.minutes(30)
  /// Share of the smaller report's sources that the larger must name.
  static let sourceShare = 0.5

  let larger: Report
  private let facts: Facts

  init(_ larger: Report) {
    self.init(larger, Facts(larger))
  }

  init(_ larger: Report, _ facts: Facts) {
    self.larger = larger
    self.facts = facts
  }

  /// What is known of a report once and for all, as long as it does not change.
  struct Facts: Sendable {
    /// Of which families its stages are, where it is a campaign.
    let campaign: FamilySet?
    private let narrowRank: Int8
    var rank: Int { Int(narrowRank) }
    /// Whether it can explain more than what is odd.
    let isLarge: Bool

    init(_ report: Report) {
      campaign = Explanation.families(report)
      narrowRank = Int8(Explanation.rank(report, campaign))
      isLarge = Explanation.mayExplain(report, Int(narrowRank))
    }
  }

  var isLarge: Bool { facts.isLarge }

  /// Whether what leads a case may be explained, going by its rank.
  func mayCover(rank lesser: Int) -> Bool {
    facts.campaign == nil || lesser <= facts.rank
  }

  /// 0 for what a single source or tap shows; larger for what only several show together, and for
  /// what a directive follows through its stages.
  static func rank(_ report: Report) -> Int { rank(report, families(report)) }

  fileprivate static func rank(_ report: Report, _ families: FamilySet?) -> Int {
    if let families {
      // A campaign within a worm or a distributed flood is part of it; one that goes beyond it is
      // larger.
      if namesActor(report) { return isOneStep(report) ? 0 : 1 }
      let isBeyond = !families.isSubset(of: [.recon, .access, .worm, .dos])
      let (hasWorm, hasFlood) = (families.contains(.worm), families.contains(.dos))
      return (hasWorm && hasFlood) || (isBeyond && (hasWorm || hasFlood)) ? 5 : 3
    }
    switch report.kind {
    case .wormPropagation, .wormOutbreak: return 4
    case .distributedFlood: return 4
    case .distributedScan: return 2
    // What it leaves at the doors of a network looks like a scan by many.
    case .synFlood, .udpFlood: return isCarpet(report) ? 3 : 0
    case .passwordSpray, .icmpTunnel: return 1
    default: return 0
    }
  }

  /// Whether a flood went over whole networks.
  static func isCarpet(_ report: Report) -> Bool {
    report.attributes["technique"] == .text(Report.carpetTechnique)
  }

  /// The families of the stages that a campaign is made of, whether a directive followed it or it
  /// was chained without one; nil for any other report.
  fileprivate static func families(_ report: Report) -> FamilySet? {
    guard report.kind == .multiStage || report.attributes["directive"] != nil else { return nil }
    guard case .text(let stages)? = report.attributes["stages"] else { return [] }
    return FamilySet(list: stages)
  }

  /// Whether it was chained from what its steps need and give, which holds all that any directive
  /// makes of the same steps.
  static func isChained(_ report: Report) -> Bool {
    report.kind == .multiStage && report.attributes["directive"] == nil
  }

  /// Whether a campaign may yet prove to be a worm's first infection, and so waits as a scan does: a
  /// scan and an intrusion are how a worm begins.
  static func mayBeWorm(_ report: Report) -> Bool {
    guard isChained(report), let families = families(report),
      families.isSubset(of: [.recon, .access]),
      case .text(let kinds)? = report.attributes["kinds"]
    else { return false }
    return kinds.split(separator: ",").contains { isIntrusion(ReportKind(String($0))) }
  }

  /// Whether a campaign joins reports of one family only: more of the same attack, which keeps
  /// its name.
  static func staysInFamily(_ report: Report) -> Bool {
    guard let families = families(report), families.count < 2 else { return false }
    // From a host that was attacked to the next is more than the same again.
    return !isChained(report) || !report.sources.overlaps(report.targets)
  }

  /// What reports say of who was behind them.
  static let actorFields = ["actor", "path", "users", "addresses"]

  /// Whether it says who was behind reports of one family, which keep their name.
  static func namesActor(_ report: Report) -> Bool {
    isChained(report) && report.attributes["actor"] != nil && staysInFamily(report)
  }

  /// Whether that is one step of one source, however many monitors saw it.
  private static func isOneStep(_ report: Report) -> Bool {
    report.attributes["steps"] == .count(1)
  }

  /// Whether the report may turn out to be a stage of something: everything but the monitors' own
  /// health.
  static func mayBeStage(_ report: Report) -> Bool { report.kind.families != .health }

  /// Whether a larger explanation may yet come for the report.
  static func mayBePart(_ report: Report) -> Bool {
    let kind = report.kind
    return isScan(kind) || isFlood(kind) || isIntrusion(kind) || kind == .ipSpoof || isAnomaly(kind)
  }

  /// Whether the report can be the larger explanation of another.
  fileprivate static func mayExplain(_ report: Report, _ rank: Int) -> Bool {
    rank > 0 || report.kind.families == .dos || isScan(report.kind)
      || report.kind == .webAttack
  }

  /// What is odd, or fails, without a word of who did it.
  static func isAnomaly(_ kind: ReportKind) -> Bool { kind.families == .anomaly }

  private static func isScan(_ kind: ReportKind) -> Bool {
    kind == .portScan || kind == .slowScan || kind == .pingSweep
  }

  static func isRecon(_ kind: ReportKind) -> Bool { kind.families == .recon }

  /// What a worm's request to a victim looks like on its segment.
  private static func isIntrusion(_ kind: ReportKind) -> Bool {
    kind == .webAttack || kind == .overflow || kind == .signature
  }

  private static func isFlood(_ kind: ReportKind) -> Bool {
    kind.families == .dos && kind.text.hasSuffix("-flood")
  }

  /// Whether `lesser` is part of what the larger one says.
  func covers(_ lesser: Report) -> Bool {
    guard overlapsInTime(lesser) else { return false }
    if let campaign = facts.campaign { return covers(lesser, campaign: campaign) }
    if Self.namesActor(lesser), Self.isOneStep(lesser), restsOnSome(of: lesser) { return true }
    if let families = Self.families(lesser) { return coversCampaign(lesser, families) }
    let kind = lesser.kind
    if Self.isAnomaly(kind), larger.kind != kind {
      // Whatever is known of one of its hosts says more than that it is odd.
      return larger.kind.families.isDisjoint(with: [.anomaly, .exposure, .health])
        && namesHosts(of: lesser)
    }
    switch larger.kind {
    case .wormPropagation, .wormOutbreak:
      if kind.families == .worm { return sharesPorts(lesser) }
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
    case .smurf where kind == .ipSpoof || kind == .icmpFlood,
      .fraggle where kind == .ipSpoof || kind == .udpFlood,
      .amplification where kind == .ipSpoof || kind == .udpFlood:
      // What the victim gets, and what the reflectors get in the victim's name.
      return larger.targets.overlaps(lesser.sources) || larger.targets.overlaps(lesser.targets)
    case .distributedScan:
      if kind == .distributedScan { return sharesPorts(lesser) }
      return Self.isScan(kind) && namesSources(lesser) && sharesPorts(lesser)
    case .passwordSpray, .bruteForce, .loginAfterGuessing:
      // What a spray's guesses look like at one of the servers; and guessing that ends in a login is
      // one attack, whichever is told first.
      return (kind == .loginAfterGuessing || kind != larger.kind && kind == .bruteForce)
        && namesSources(lesser) && larger.targets.overlaps(lesser.targets)
    case .synFlood where kind == .distributedScan, .udpFlood where kind == .distributedScan:
      return Self.isCarpet(larger) && larger.transport == lesser.transport && sharesPorts(lesser)
        && larger.targets.overlaps(lesser.targets)
    case .icmpTunnel:
      return kind == .icmpFlood && larger.targets.overlaps(lesser.targets)
    case .slowScan, .portScan:
      // One source, told by a local tap and by the sum over taps.
      if kind == .slowScan || (kind == .portScan && larger.kind == .slowScan) {
        return namesSources(lesser)
      }
      // What comes before and after a scan: who is there, and what answers on the open ports.
      return (kind == .pingSweep || kind == .serviceProbe || kind == .osFingerprint)
        && namesParties(of: lesser)
    case .serviceProbe, .osFingerprint:
      return (kind == .serviceProbe || kind == .osFingerprint) && namesParties(of: lesser)
    case .webAttack:
      // The search for pages to try it on.
      return kind == .webScan && namesParties(of: lesser)
    default:
      // One flood of several kinds of packets.
      if larger.kind == kind, Self.isFlood(kind) {
        return larger.targets.overlaps(lesser.targets)
      }
      // Floods forge their sources.
      return larger.kind.families == .dos && kind == .ipSpoof
        && larger.targets.overlaps(lesser.targets)
    }
  }

  /// A campaign explains what it is made of, and more of the same by the same sources.
  private func covers(_ lesser: Report, campaign families: FamilySet) -> Bool {
    let own = Self.families(lesser)
    guard Self.rank(lesser, own) <= facts.rank else { return false }
    let isNamed = namesSources(lesser)
    if isNamed || larger.targets.overlaps(lesser.targets), restsOnSome(of: lesser) {
      return true
    }
    return isNamed && !(own ?? lesser.kind.families).isDisjoint(with: families)
  }

  /// Most cases rest on one or two reports: to look for those costs less than a set of all.
  private func restsOnSome(of lesser: Report) -> Bool {
    // Behind who named an actor stand also the logins of everybody at that time.
    let reports = lesser.derivedFrom.prefix(lesser.attributes["actor"] == nil ? .max : 1)
    let mine = larger.derivedFrom
    if reports.count * mine.count <= 1024 { return reports.contains { mine.contains($0) } }
    return !Set(mine).isDisjoint(with: reports)
  }

  /// A worm or a distributed flood explains the campaigns that end within it.
  private func coversCampaign(_ lesser: Report, _ families: FamilySet) -> Bool {
    switch larger.kind {
    case .wormPropagation, .wormOutbreak:
      families.isSubset(of: [.recon, .access, .worm]) && namesSources(lesser)
    case .distributedScan: families.isSubset(of: .recon) && namesSources(lesser)
    case .distributedFlood:
      families.contains(.dos) && families.isSubset(of: [.recon, .dos])
        && larger.targets.overlaps(lesser.targets)
    default: false
    }
  }

  private func overlapsInTime(_ lesser: Report) -> Bool {
    CaseGist.Span(larger).meets(CaseGist.Span(lesser))
  }

  private func namesHosts(of lesser: Report) -> Bool {
    [lesser.sources, lesser.targets].contains {
      larger.sources.overlaps($0) || larger.targets.overlaps($0)
    }
  }

  private func namesParties(of lesser: Report) -> Bool {
    larger.targets.overlaps(lesser.targets) && namesSources(lesser)
  }

  private func sharesPorts(_ lesser: Report) -> Bool {
    let (mine, others) = (larger.ports, lesser.ports)
    return mine.isEmpty || others.isEmpty || others.contains { mine.contains($0) }
  }

  private func namesSources(_ lesser: Report) -> Bool {
    let (mine, listed) = (larger.sources.listed, lesser.sources.listed)
    guard !listed.isEmpty else { return false }
    let named = listed.count { source in mine.contains { $0.contains(source) } }
    return Double(named) >= Self.sourceShare * Double(listed.count)
  }
}
