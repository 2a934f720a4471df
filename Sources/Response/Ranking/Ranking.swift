import Hierarchy
import Reports
import Terms

/// Assesses an incident: for each host at stake, how relevant the attack is to it and what it is
/// worth; the incident has the highest rank of these.
struct Ranking {
  /// Attacks of one incident that are held against its hosts: the leading one's, then those of one
  /// of each other kind.
  static let claimLimit = 16
  /// Families whose sources are hosts of the site that somebody has taken.
  private static let takenFamilies: FamilySet = [.worm, .campaign, .lateral, .exfil, .c2]

  private let fields: CaseFields
  private var site: SiteKnowledge { fields.site }
  private var schema: Schema? { fields.schema }

  init(_ fields: CaseFields) { self.fields = fields }

  /// - Parameters:
  ///   - report: the incident as it stands.
  ///   - reading: what came of it, as far as its conclusions say.
  ///   - before: its class in the revision before.
  ///   - conclusions: what it is made of; asked for once a host is known.
  func assess(
    _ report: Report, _ reading: OutcomeReading, before: RankClass?,
    _ conclusions: () -> [Report]
  ) -> Assessment {
    // Made for the first host of which anything is known.
    var claims: [Claim]?
    var hasStranger = false
    var best = Assessment(
      value: UInt8(Asset.standardValue), interest: site.interest(in: report),
      outcome: reading.outcome, confidence: report.confidence,
      riskValue: UInt8(clamping: site.riskValue(of: report)))
    var bestRank: UInt8?
    eachStake(of: report) { address in
      var one = best
      one.host = address
      if let facts = site.hosts[address] {
        let known = claims ?? self.claims(report, conclusions())
        claims = known
        one.value = UInt8(clamping: facts.value)
        (one.relevance, one.grounds) = relevance(of: known, to: facts, at: address, reading.outcome)
      } else {
        // Hosts of which nothing is known are all alike.
        if hasStranger { return true }
        hasStranger = true
        one.value = UInt8(clamping: Asset.standardValue)
        (one.relevance, one.grounds) = (Assessment.neutral, [])
      }
      let rank = one.rank
      if let bestRank, (bestRank, best.value) >= (rank, one.value) { return true }
      (best, bestRank) = (one, rank)
      return !site.hosts.isEmpty
    }
    if !reading.grounds.isEmpty {
      best.grounds = Array((best.grounds + reading.grounds).prefix(Assessment.groundLimit))
    }
    best.rankClass = RankClass(bestRank ?? best.rank, before: before)
    return best
  }

  private func claims(_ report: Report, _ conclusions: [Report]) -> [Claim] {
    var claims = Claim.list(report, schema?.kinds[report.kind])
    var kinds: Set<ReportKind> = [report.kind]
    for conclusion in conclusions where claims.count < Self.claimLimit {
      guard kinds.insert(conclusion.kind).inserted else { continue }
      claims += Claim.list(conclusion, schema?.kinds[conclusion.kind])
    }
    return Array(claims.prefix(Self.claimLimit))
  }

  /// Shows the site's own hosts among the targets, and among the sources of what is done from hosts
  /// that were taken; where no target is the site's, those among the sources. Until `body` has had
  /// enough.
  private func eachStake(of report: Report, _ body: (IPAddress) -> Bool) {
    var hasTarget = false
    for target in report.targets.listed where target.isHost && site.holds(target.base) {
      hasTarget = true
      guard body(target.base) else { return }
    }
    guard !hasTarget || Self.takenFamilies.isSuperset(of: report.kind.families) else { return }
    for source in report.sources.listed where source.isHost && site.holds(source.base) {
      guard !report.targets.listed.contains(source) else { continue }
      guard body(source.base) else { return }
    }
  }

  /// That of the attack which concerns the host most.
  private func relevance(
    of claims: [Claim], to facts: HostFacts, at address: IPAddress, _ outcome: Assessment.Outcome
  ) -> (UInt8, [Term]) {
    var best: Relevance?
    for claim in claims where claim.report.targets.covers(address) {
      let relevance = Relevance(claim, to: facts, at: address)
      // Nothing known is no opinion.
      guard !relevance.grounds.isEmpty else { continue }
      if let best, best.score >= relevance.score { continue }
      best = relevance
    }
    guard let best else { return (Assessment.neutral, []) }
    guard outcome == .succeeded, best.score < Assessment.neutral else {
      return (best.score, best.grounds)
    }
    // What happened outranks what was known before.
    let reason = Term(
      "it succeeded: what is known of \(address) is not all", 1, unit: "times the odds")
    return (Assessment.neutral, best.grounds + [reason])
  }
}
