import Analysis
import Flows
import Reports
import Terms

/// Finds one source that tries a few passwords at many accounts, or a login or two at each of many
/// servers: each account and each server sees next to nothing.
///
/// A front end or a NAT whose users err sees most of them come in; whoever comes in is forgiven.
struct PasswordSprays: Sendable {
  static let accounts = EngineLimit(
    "login-outcomes.spray-accounts", 8, .count,
    "Different accounts refused to one source from which it sprays passwords.")
  static let targets = EngineLimit(
    "login-outcomes.spray-targets", 6, .count,
    "Servers that refuse one outside source from which it sprays passwords; an inside one twice.")
  static let limits = [accounts, targets]

  static let severity = 7.0
  /// Tries for each account, and connections to each server, that still are a spray.
  static let triesPerAccount = 3.0
  static let triesPerTarget = 3.0

  /// Connections to each server from which an inside source needs no more servers than an outside
  /// one.
  static let stubbornTries = 2.0

  struct Facts: Sendable {
    var service = ""
    var users = FewDigests()
    var secrets = FewDigests()
    var servers = FewDigests()
    var targets = AddressSet()
    var ports: Set<UInt16> = []
    var attempts: UInt64 = 0
    var connections: UInt64 = 0
    var successes: UInt64 = 0
    var known = FewDigests()
    var isOutside = false
  }

  private let accountLimit: Int
  private let targetLimit: Int
  private(set) var sources: AttackCases<Facts>

  init(_ limits: LimitTable, capacity: Int, quiet: TimeSpan, memory: TimeSpan) {
    accountLimit = max(3, limits.count(Self.accounts))
    targetLimit = max(3, limits.count(Self.targets))
    sources = AttackCases(capacity: capacity, quiet: quiet, memory: memory, empty: Facts())
  }

  /// Whether a spray of the source is open, so that each of its pairs need not be told.
  func isOpen(_ source: IPAddress, at now: CaptureTime) -> Bool {
    let slot = sources.find(source, .unspecified, at: now)
    return slot >= 0 && sources[slot].thread.isOpen
  }

  mutating func fail(
    _ trial: LoginTrial, _ event: SessionEvent, isOutside: Bool, isKnown: Bool,
    into sink: inout ReportSink
  ) {
    // Where it came in before it belongs, whatever happens now.
    guard !isKnown else { return }
    let slot = sources.admit(event.client, .unspecified, port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    var facts = sources[slot].facts
    facts.service = trial.service
    facts.isOutside = isOutside
    facts.attempts &+= 1
    let connection = TableKey(event.server, detail: UInt64(event.clientPort)).hash
    if facts.known.insert(connection) { facts.connections &+= 1 }
    if trial.user != 0 { _ = facts.users.insert(trial.user) }
    if trial.secret != 0 { _ = facts.secrets.insert(trial.secret) }
    _ = facts.servers.insert(TableKey(event.server).hash)
    facts.targets.insert(event.server)
    if facts.ports.count < Report.Limit.ports { facts.ports.insert(event.serverPort) }
    sources[slot].facts = facts
    sources.note(slot, event, hold: .minutes(5 * Int(min(facts.attempts, 60))))
    let lasting = sources[slot].last - sources[slot].first
    guard sources[slot].thread.isOpen || isSpray(facts) || isHasty(facts, lasting) else { return }
    let limits = (accountLimit, isOutside ? targetLimit : targetLimit * 2)
    sources.tell(slot, facts: UInt64(facts.servers.count / 8), at: event.time, into: &sink) {
      Self.report($0, limits, at: event.time, from: $1)
    }
  }

  /// An account that comes in is no guess.
  mutating func succeed(_ trial: LoginTrial, _ event: SessionEvent) {
    let slot = sources.find(event.client, .unspecified, at: event.time)
    guard slot >= 0 else { return }
    sources[slot].facts.successes &+= 1
    if trial.user != 0 { sources[slot].facts.users.remove(trial.user) }
    sources[slot].facts.servers.remove(TableKey(event.server).hash)
  }

  private func isSpray(_ facts: Facts) -> Bool {
    let accounts = Double(facts.users.count)
    let isWide = facts.users.count >= (facts.isOutside ? accountLimit : accountLimit * 3 / 2)
    if isWide, Double(facts.attempts) <= Self.triesPerAccount * accounts,
      Double(facts.successes) <= accounts / 3,
      facts.secrets.count == 0 || facts.users.count >= 3 * facts.secrets.count
    {
      return true
    }
    let servers = Double(facts.servers.count)
    // Who was refused tries no second time by itself: a job goes on to the next server.
    let isStubborn = Double(facts.connections) >= Self.stubbornTries * servers
    let least = facts.isOutside || isStubborn ? targetLimit : targetLimit * 2
    return facts.servers.count >= least
      && Double(facts.connections) <= Self.triesPerTarget * servers
      && Double(facts.successes) <= servers / 3
  }

  /// Whether a source goes round few servers, again and again and in haste, and comes in nowhere:
  /// what tries each of many servers once may be a job without its key.
  private func isHasty(_ facts: Facts, _ lasting: TimeSpan) -> Bool {
    facts.servers.count > 1 && facts.successes == 0
      && facts.connections >= GuessedPair.hastyConnections
      && Double(facts.connections) >= Self.triesPerTarget * Double(facts.servers.count)
      && lasting.seconds <= GuessedPair.hastyPace.seconds * Double(facts.connections)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let (accounts, targets) = (accountLimit, targetLimit)
    sources.advance(
      to: now, into: &sink, digest: { UInt64($0.facts.servers.count / 8) },
      {
        Self.report($0, (accounts, $0.facts.isOutside ? targets : targets * 2), at: now, from: $1)
      })
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ limits: (accounts: Int, targets: Int), at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let margin = max(
      Double(facts.users.count) / Double(limits.accounts),
      Double(facts.servers.count) / Double(limits.targets))
    var report = attack.report(
      .passwordSpray, subject: "\(attack.source) spray", severity: severity,
      confidence: min(0.95, 1 - 0.35 / max(margin, 0.6)), at: now, from: sink)
    report.targets = facts.targets
    report.ports = facts.ports.sorted()
    report.attributes = [
      "service": .text(facts.service), "attempts": .count(facts.attempts),
      "duration": .duration(attack.last - attack.first),
      "accounts": .count(UInt64(facts.users.count)),
      "targets": .count(UInt64(facts.targets.count)),
    ]
    report.terms = [
      Term(
        "accounts refused", Double(facts.users.count), threshold: Double(limits.accounts),
        unit: "accounts"),
      Term(
        "servers that refused", Double(facts.servers.count), threshold: Double(limits.targets),
        unit: "servers"),
      Term("different passwords", Double(facts.secrets.count)),
      Term("logins that worked", Double(facts.successes), unit: "logins"),
    ]
    return report
  }
}
