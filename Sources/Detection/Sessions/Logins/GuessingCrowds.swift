import Analysis
import Flows
import Reports
import Terms

/// Finds many sources that guess at one service together, each with so few tries that none stands
/// out, held against how many sources the service refuses otherwise.
///
/// People err as well, but they come in soon after, each with an account of their own: who comes in
/// is forgiven, and a crowd counts only where accounts are shared among its sources or several are
/// tried by each; where no account is seen, only outside sources count.
///
/// Who shares out the servers as well leaves too few sources at each: the same is asked of all
/// servers of one port together, where sources must try again too.
struct GuessingCrowds: Sendable {
  static let sources = EngineLimit(
    "login-outcomes.crowd", 8, .count,
    "Sources refused by one service, and never let in, from which they guess together.")
  static let factor = EngineLimit(
    "login-outcomes.crowd-factor", 4, .count,
    "Times the service's usual number of refused sources that a crowd must have.")
  static let stubbornSources = EngineLimit(
    "login-outcomes.crowd-stubborn", 5, .count,
    "The same where each was refused three times or more, without an account seen or with several.")
  static let epoch = EngineLimit(
    "login-outcomes.crowd-epoch", 21_600, .duration,
    "Time over which refused sources are counted, and by which their usual number is learnt.")
  static let limits = [sources, factor, stubbornSources, epoch]

  /// Refusals per source from which fewer sources are a crowd: people err once or twice.
  static let stubbornTries = 3.0

  /// The same from which sources guess together at several servers.
  static let wideTries = 2.0

  static let severity = 7.0
  /// Refusals per source up to which it does not stand out by itself.
  static let triesPerSource = 8.0

  struct Facts: Sendable {
    var service = ""
    var members = FewDigests()
    var addresses = AddressSet()
    var targets = AddressSet()
    var users = FewDigests()
    /// Accounts that a second source tried too.
    var shared = FewDigests()
    /// Each account's first source.
    var owners: [UInt64: UInt64] = [:]
    var failures: UInt64 = 0
    var began = CaptureTime.distantPast
    /// Usual number of refused sources in an epoch, learnt.
    var usual = 0.0
  }

  /// How many sources are a crowd.
  private struct Least: Sendable {
    var sources: Int
    var stubborn: Int
    var factor: Double

    func limit(_ facts: Facts) -> Double {
      let isStubborn =
        (facts.users.count == 0 || facts.users.count >= 2 * facts.members.count)
        && Double(facts.failures) >= GuessingCrowds.stubbornTries * Double(facts.members.count)
      return max(Double(isStubborn ? stubborn : sources), factor * facts.usual)
    }
  }

  private let least: Least
  private let epochSpan: TimeSpan
  private(set) var services: AttackCases<Facts>

  init(_ limits: LimitTable, capacity: Int, quiet: TimeSpan, memory: TimeSpan) {
    let sources = max(3, limits.count(Self.sources))
    least = Least(
      sources: sources, stubborn: min(max(3, limits.count(Self.stubbornSources)), sources),
      factor: limits[Self.factor])
    epochSpan = limits.span(Self.epoch)
    services = AttackCases(capacity: capacity, quiet: quiet, memory: memory, empty: Facts())
  }

  mutating func fail(
    _ trial: LoginTrial, _ event: SessionEvent, isOutside: Bool, isTold: Bool,
    into sink: inout ReportSink
  ) {
    guard !isTold, isOutside || trial.user != 0 else { return }
    let wide = services.find(
      .unspecified, .unspecified, UInt64(event.serverPort), at: event.time)
    let isWide = wide >= 0 && services[wide].thread.isOpen
    let isTold = fail(trial, at: event.server, mayOpen: !isWide, event, into: &sink)
    _ = fail(trial, at: .unspecified, mayOpen: !isTold, event, into: &sink)
  }

  /// - Parameter server: one, or unspecified for all of them.
  /// - Returns: whether a crowd is told of there.
  private mutating func fail(
    _ trial: LoginTrial, at server: IPAddress, mayOpen: Bool, _ event: SessionEvent,
    into sink: inout ReportSink
  ) -> Bool {
    let slot = services.admit(
      .unspecified, server, UInt64(event.serverPort), port: event.serverPort, at: event.time)
    guard slot >= 0 else { return false }
    renew(slot, at: event.time)
    let source = TableKey(event.client).hash
    services[slot].facts.service = trial.service
    services[slot].facts.failures &+= 1
    if services[slot].facts.members.insert(source) {
      services[slot].facts.addresses.insert(event.client)
    }
    services[slot].facts.targets.insert(event.server)
    if trial.user != 0 { noteUser(slot, trial.user, source) }
    services.note(
      slot, event, hold: .minutes(10 * services[slot].facts.members.count))
    guard
      services[slot].thread.isOpen
        || mayOpen && isCrowd(services[slot].facts, isWide: server == .unspecified)
    else { return false }
    let limit = least.limit(services[slot].facts)
    services.tell(
      slot, facts: UInt64(services[slot].facts.members.count / 8), at: event.time, into: &sink
    ) {
      Self.report($0, limit, at: event.time, from: $1)
    }
    return true
  }

  private mutating func noteUser(_ slot: Int, _ user: UInt64, _ source: UInt64) {
    if services[slot].facts.users.insert(user) {
      if services[slot].facts.owners.count < FewDigests.limit {
        services[slot].facts.owners[user] = source
      }
    } else if let owner = services[slot].facts.owners[user], owner != source {
      _ = services[slot].facts.shared.insert(user)
    }
  }

  mutating func succeed(_ trial: LoginTrial, _ event: SessionEvent) {
    succeed(trial, at: event.server, event)
    succeed(trial, at: .unspecified, event)
  }

  private mutating func succeed(
    _ trial: LoginTrial, at server: IPAddress, _ event: SessionEvent
  ) {
    let slot = services.find(.unspecified, server, UInt64(event.serverPort), at: event.time)
    guard slot >= 0, !services[slot].thread.isOpen else { return }
    services[slot].facts.members.remove(TableKey(event.client).hash)
    services[slot].facts.users.remove(trial.user)
    services[slot].facts.shared.remove(trial.user)
    services[slot].facts.owners[trial.user] = nil
  }

  /// What an epoch brought without a crowd is what the service is used to.
  private mutating func renew(_ slot: Int, at now: CaptureTime) {
    let facts = services[slot].facts
    guard now - facts.began > epochSpan, !services[slot].thread.isOpen else { return }
    var fresh = Facts()
    let count = Double(facts.members.count)
    fresh.usual =
      facts.began == .distantPast ? 0 : facts.usual == 0 ? count : 0.7 * facts.usual + 0.3 * count
    fresh.began = now
    services[slot].facts = fresh
    services[slot].first = now
    services[slot].packets = PacketSample()
  }

  private func isCrowd(_ facts: Facts, isWide: Bool) -> Bool {
    if isWide {
      guard facts.targets.count > 1,
        Double(facts.failures) >= Self.wideTries * Double(facts.members.count)
      else { return false }
    }
    let members = Double(facts.members.count)
    guard members >= least.limit(facts),
      Double(facts.failures) <= Self.triesPerSource * members
    else { return false }
    guard facts.users.count > 0 else { return true }
    // One account from many places, or many accounts from each.
    return 2 * facts.users.count <= facts.members.count
      || 3 * facts.shared.count >= facts.users.count || facts.users.count >= 2 * facts.members.count
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let least = least
    services.advance(
      to: now, into: &sink, digest: { UInt64($0.facts.members.count / 8) },
      { Self.report($0, least.limit($0.facts), at: now, from: $1) })
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ limit: Double, at now: CaptureTime, from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let members = Double(facts.members.count)
    var report = attack.report(
      .bruteForce, subject: "\(attack.target):\(attack.port) crowd", severity: severity,
      confidence: min(0.95, 1 - 0.35 * limit / max(members, 1)), at: now, from: sink)
    report.sources = facts.addresses
    report.targets = facts.targets
    report.attributes = [
      "service": .text(facts.service), "attempts": .count(facts.failures),
      "failures": .count(facts.failures), "duration": .duration(attack.last - attack.first),
    ]
    report.terms = [
      Term("sources refused and never let in", members, threshold: limit, unit: "sources"),
      Term("usual number of them", facts.usual, unit: "sources"),
      Term(
        "refusals per source", Double(facts.failures) / max(members, 1),
        threshold: triesPerSource),
    ]
    return report
  }
}
