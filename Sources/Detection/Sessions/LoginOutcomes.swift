import Analysis
import Flows
import Packets
import Reports
import Terms

/// Judges logins by their outcomes: who guesses at one service, also slowly or over one connection,
/// which the shape of flows does not show; who tries a little everywhere (`PasswordSprays`); who
/// guesses together (`GuessingCrowds`); and for every service the login that works after guesses of
/// the same source.
///
/// One password tried again and again is a forgotten job, and many people behind one address each
/// know their own; guessing is many passwords that fail.
struct LoginOutcomes: AnalysisEngine {
  static let score = EngineLimit(
    "login-outcomes.score", 8, .count,
    "Failed logins, faded, from which a source guesses; twice as many where they name nothing.")
  static let secrets = EngineLimit(
    "login-outcomes.secrets", 5, .count, "Least number of different credentials among them.")
  static let guesses = EngineLimit(
    "login-outcomes.guesses", 5, .count,
    "Failed logins, faded, after which one that works was guessed.")
  static let halfLife = EngineLimit(
    "login-outcomes.half-life", 900, .duration, "Time after which a failed login counts half.")
  static let slowScore = EngineLimit(
    "login-outcomes.slow-score", 12, .count,
    "Failed logins with new credentials, faded over hours, from which a source guesses slowly.")
  static let slowSecrets = EngineLimit(
    "login-outcomes.slow-secrets", 8, .count,
    "Least number of different credentials, or accounts, among them.")
  static let slowHalfLife = EngineLimit(
    "login-outcomes.slow-half-life", 43_200, .duration,
    "Time after which a failed login counts half for slow guessing.")
  static let slowSpan = EngineLimit(
    "login-outcomes.slow-span", 1200, .duration, "Least time over which slow guessing goes on.")
  static let cases = EngineLimit(
    "login-outcomes.cases", 4096, .count, "Pairs of source and service known at once.")
  static let quiet = EngineLimit(
    "login-outcomes.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "login-outcomes.memory", 43_200, .duration, "Silence after which a pair is forgotten.")
  static let limits =
    [
      score, secrets, guesses, halfLife, slowScore, slowSecrets, slowHalfLife, slowSpan, cases,
      quiet, memory,
    ] + PasswordSprays.limits + GuessingCrowds.limits

  static let entry = ReportKind("access.login-after-guessing")
  static let guessingSeverity = 7.0
  static let entrySeverity = 9.0
  /// Payload up to which an RDP server has only refused, and from which it shows a desktop, in
  /// bytes.
  static let refusedDesktop: UInt64 = 6000
  static let shownDesktop: UInt64 = 40_000

  private let rules: GuessingRules
  private let guessLimit: Double
  private let home: AddressRanges
  private var pairs: AttackCases<GuessedPair>
  private var entries: AttackCases<GuessedPair>
  private var sprays: PasswordSprays
  private var crowds: GuessingCrowds
  private var doors: GuessedDoors

  init(_ context: DetectionContext) {
    let limits = context.limits
    rules = GuessingRules(
      score: limits[Self.score], secrets: limits.count(Self.secrets),
      halfLife: limits.span(Self.halfLife), slowScore: limits[Self.slowScore],
      slowSecrets: limits.count(Self.slowSecrets), slowHalfLife: limits.span(Self.slowHalfLife),
      slowSpan: limits.span(Self.slowSpan))
    guessLimit = max(1, limits[Self.guesses])
    let known = context.home + context.prefixes
    home = known.isEmpty ? AddressRanges.privateUse : AddressRanges(known)
    let (quiet, memory) = (limits.span(Self.quiet), limits.span(Self.memory))
    let capacity = limits.count(Self.cases)
    pairs = AttackCases(capacity: capacity, quiet: quiet, memory: memory, empty: GuessedPair())
    entries = AttackCases(
      capacity: capacity / 8, quiet: quiet, memory: memory, empty: GuessedPair())
    sprays = PasswordSprays(limits, capacity: capacity / 4, quiet: quiet, memory: memory)
    crowds = GuessingCrowds(limits, capacity: capacity / 8, quiet: quiet, memory: memory)
    doors = GuessedDoors(capacity: capacity / 8)
  }

  var nextDeadline: CaptureTime {
    min(
      min(pairs.nextDeadline, entries.nextDeadline),
      min(sprays.sources.nextDeadline, crowds.services.nextDeadline))
  }

  var interest: EventClasses {
    .session(
      .ftpReply, .smtpReply, .popReply, .imapReply, .login, .ssh, .telnet, .snmp, .rdp, .closed,
      .http, .httpResponse)
  }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .ftpReply(let reply): take(LoginTrial(reply, "ftp"), event, into: &sink)
    case .smtpReply(let reply): take(LoginTrial(reply, "smtp"), event, into: &sink)
    case .popReply(let reply): take(LoginTrial(reply, "pop3"), event, into: &sink)
    case .imapReply(let reply): take(LoginTrial(reply, "imap"), event, into: &sink)
    case .login(let attempt): take(LoginTrial(attempt), event, into: &sink)
    case .ssh(let progress): take(LoginTrial(progress), event, into: &sink)
    case .telnet(let line): take(LoginTrial(line), event, into: &sink)
    case .snmp(let message): take(message, event, into: &sink)
    case .rdp(let request): note(request, event)
    case .closed(let closing): close(closing, event, into: &sink)
    case .http(let request): take(request, event)
    case .httpResponse(let response): take(response, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let (rules, guessLimit) = (rules, guessLimit)
    if pairs.nextDeadline <= now {
      pairs.advance(to: now, into: &sink) { Self.guessing($0, rules, at: now, from: $1) }
    }
    if entries.nextDeadline <= now {
      entries.advance(to: now, into: &sink) { Self.entered($0, guessLimit, at: now, from: $1) }
    }
    if sprays.sources.nextDeadline <= now { sprays.advance(to: now, into: &sink) }
    if crowds.services.nextDeadline <= now { crowds.advance(to: now, into: &sink) }
  }
}

// MARK: - Trials

extension LoginOutcomes {
  private mutating func place(_ event: SessionEvent) -> Int {
    pairs.admit(
      event.client, event.server, UInt64(event.serverPort), port: event.serverPort, at: event.time)
  }

  private mutating func take(_ request: HTTPRequest, _ event: SessionEvent) {
    guard let attempt = WebLogins.Attempt(request, port: event.clientPort) else { return }
    let slot = place(event)
    guard slot >= 0 else { return }
    pairs[slot].facts.web.add(attempt)
  }

  private mutating func take(
    _ response: HTTPResponse, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = pairs.place(event.client, event.server, UInt64(event.serverPort))
    guard slot >= 0 else { return }
    guard
      let (attempt, outcome) = pairs[slot].facts.web.judge(
        response, port: event.clientPort, at: event.time)
    else { return }
    switch outcome {
    case .none: break
    case .failed(let weight):
      var trial = LoginTrial("http", .refused)
      (trial.user, trial.secret, trial.weight) = (attempt.user, attempt.secret, weight)
      take(trial, event, password: attempt.password, into: &sink)
    case .succeeded:
      var trial = LoginTrial("http", .accepted)
      trial.user = attempt.user
      take(trial, event, into: &sink)
    }
  }

  /// Each community that was not tried before is a guess until it is answered.
  private mutating func take(
    _ message: SNMPMessage, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard !message.community.isEmpty, event.serverPort == 161 else { return }
    var trial = LoginTrial("snmp", message.operation == 2 ? .accepted : .refused)
    trial.secret = message.community.digest
    if trial.outcome == .refused {
      let slot = place(event)
      guard slot >= 0, !pairs[slot].facts.secrets.contains(trial.secret) else { return }
    }
    take(trial, event, into: &sink)
  }

  private mutating func note(_ request: RDPRequest, _ event: SessionEvent) {
    let slot = place(event)
    guard slot >= 0 else { return }
    pairs[slot].facts.cookie = request.user.isEmpty ? 0 : request.user.digest
  }

  /// Of RDP only the shape shows how a login ended.
  private mutating func close(
    _ closing: SessionClosing, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard closing.sessionProtocol == .rdp, closing.isEstablished, closing.bytesIn > 0 else {
      return
    }
    let isRefusal =
      closing.bytesIn <= Self.refusedDesktop && closing.bytesOut <= Self.refusedDesktop
    guard isRefusal || closing.bytesIn >= Self.shownDesktop else { return }
    var trial = LoginTrial("rdp", isRefusal ? .refused : .accepted)
    let slot = place(event)
    if slot >= 0 { trial.user = pairs[slot].facts.cookie }
    take(trial, event, into: &sink)
  }

  private mutating func take(
    _ trial: LoginTrial?, _ event: SessionEvent, password: UInt64 = 0, into sink: inout ReportSink
  ) {
    guard let trial else { return }
    if trial.outcome == .refused {
      fail(trial, event, password: password, into: &sink)
    } else {
      succeed(trial, event, into: &sink)
      sprays.succeed(trial, event)
      crowds.succeed(trial, event)
    }
  }

  private mutating func fail(
    _ trial: LoginTrial, _ event: SessionEvent, password: UInt64, into sink: inout ReportSink
  ) {
    let slot = place(event)
    guard slot >= 0 else { return }
    let isOutside = !home.contains(event.client)
    pairs[slot].facts.isOutside = isOutside
    pairs[slot].facts.fail(trial, event, rules)
    let failures = Int(min(pairs[slot].facts.failures, 60))
    pairs.note(slot, event, hold: .minutes(10 * failures))
    var spray = trial
    if password != 0 { spray.secret = password }
    if trial.weight >= 1, trial.service != "snmp" {
      sprays.fail(
        spray, event, isOutside: isOutside, isKnown: pairs[slot].facts.successes > 0, into: &sink)
      crowds.fail(
        spray, event, isOutside: isOutside, isTold: pairs[slot].thread.isOpen, into: &sink)
    }
    let lasting = event.time - pairs[slot].first
    guard
      pairs[slot].thread.isOpen
        || pairs[slot].facts.verdict(lasting: lasting, rules) != .none
          && !sprays.isOpen(event.client, at: event.time)
    else { return }
    let rules = rules
    pairs.tell(slot, at: event.time, into: &sink) {
      Self.guessing($0, rules, at: event.time, from: $1)
    }
  }

  private mutating func succeed(
    _ trial: LoginTrial, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = place(event)
    guard slot >= 0 else { return }
    pairs[slot].facts.successes &+= 1
    pairs[slot].facts.score.fade(to: event.time, span: rules.halfLife)
    pairs[slot].facts.slow.fade(to: event.time, span: rules.slowHalfLife)
    let guessed = pairs[slot]
    pairs[slot].facts.score = FadingScore()
    pairs[slot].facts.slow = FadingScore()
    let isGuessed = guessed.facts.service == trial.service && wasGuessed(guessed)
    var facts = guessed.facts
    if isGuessed || sprays.isOpen(event.client, at: event.time) {
      if !home.contains(event.client) { doors.open(event, facts) }
    } else {
      guard facts.successes == 1, !home.contains(event.client),
        let neighbour = doors.guesses(before: event)
      else { return }
      facts = neighbour
    }
    let place = entries.admit(
      event.client, event.server, UInt64(event.serverPort), port: event.serverPort,
      at: event.time)
    guard place >= 0 else { return }
    if !entries[place].thread.isOpen {
      entries[place].facts = facts
      entries[place].facts.service = trial.service
      entries[place].first = min(guessed.first, event.time)
      entries[place].packets = guessed.packets
    }
    if entries[place].facts.account.isEmpty { entries[place].facts.account = trial.account }
    entries.note(place, event)
    let guessLimit = guessLimit
    entries.tell(place, at: event.time, into: &sink) {
      Self.entered($0, guessLimit, at: event.time, from: $1)
    }
  }

  private func wasGuessed(_ pair: AttackCase<GuessedPair>) -> Bool {
    let facts = pair.facts
    if facts.score.value < guessLimit {
      // Over hours: what was told as guessing, or would have been.
      return pair.thread.isOpen && facts.slow.value >= guessLimit
    }
    return !["http", "snmp"].contains(facts.service) || facts.secrets.count >= rules.secrets
  }
}

// MARK: - Reports

extension LoginOutcomes {
  private static func guessing(
    _ attack: AttackCase<GuessedPair>, _ rules: GuessingRules, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let lasted = attack.last - attack.first
    let margin = max(facts.score.value / rules.score, facts.slow.value / rules.slowScore)
    var report = attack.report(
      .bruteForce, subject: "\(attack.source) \(attack.target):\(attack.port) \(facts.service)",
      severity: guessingSeverity, confidence: min(0.95, 1 - 0.35 / max(margin, 0.5)), at: now,
      from: sink)
    if facts.service == "snmp" { report.transport = .udp }
    report.attributes = [
      "service": .text(facts.service), "attempts": .count(facts.failures),
      "failures": .count(facts.failures), "duration": .duration(lasted),
    ]
    report.terms = [
      Term("failed logins, faded", facts.score.value, threshold: rules.score, unit: "logins"),
      Term(
        "the same over hours", facts.slow.value, threshold: rules.slowScore, unit: "logins"),
      Term(
        "different credentials", Double(facts.secrets.count), threshold: Double(rules.secrets)),
      Term("different accounts", Double(facts.users.count), unit: "accounts"),
    ]
    return report
  }

  private static func entered(
    _ attack: AttackCase<GuessedPair>, _ guessLimit: Double, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    var report = attack.report(
      entry, subject: "\(attack.source) \(attack.target):\(attack.port) entry",
      severity: entrySeverity,
      confidence: min(0.95, 1 - 0.3 * guessLimit / max(facts.score.value, facts.slow.value, 1)),
      at: now, from: sink)
    report.attributes = [
      "service": .text(facts.service), "attempts": .count(facts.failures),
      "duration": .duration(attack.last - attack.first),
    ]
    if !facts.account.isEmpty {
      report.attributes["account"] = .printable(facts.account, limit: 64)
    }
    report.terms = [
      Term("failed logins, faded", facts.score.value, threshold: guessLimit, unit: "logins"),
      Term("logins that worked", Double(attack.count), threshold: 1, unit: "logins"),
    ]
    return report
  }
}

extension LoginOutcomes: LossCounting {
  var losses: UInt64 {
    pairs.losses &+ entries.losses &+ sprays.sources.losses &+ crowds.services.losses
      &+ doors.losses
  }
}
