import Analysis
import Flows
import Packets
import Reports
import Terms

/// Judges logins by their outcomes: guessing at HTTP (Basic and forms), which the shape of flows
/// does not show, and for every service the login that works after guesses of the same source.
///
/// One password tried again and again is a forgotten job, and many people behind one address each
/// know their own; guessing is many passwords that fail.
struct LoginOutcomes: AnalysisEngine {
  static let score = EngineLimit(
    "login-outcomes.score", 8, .count,
    "Failed logins, faded, from which a source guesses HTTP passwords.")
  static let secrets = EngineLimit(
    "login-outcomes.secrets", 5, .count, "Least number of different credentials among them.")
  static let guesses = EngineLimit(
    "login-outcomes.guesses", 5, .count,
    "Failed logins, faded, after which one that works was guessed.")
  static let halfLife = EngineLimit(
    "login-outcomes.half-life", 900, .duration, "Time after which a failed login counts half.")
  static let cases = EngineLimit(
    "login-outcomes.cases", 4096, .count, "Pairs of source and service known at once.")
  static let quiet = EngineLimit(
    "login-outcomes.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "login-outcomes.memory", 7200, .duration, "Silence after which a pair is forgotten.")
  static let limits = [score, secrets, guesses, halfLife, cases, quiet, memory]

  static let entry = ReportKind("access.login-after-guessing")
  static let guessingSeverity = 7.0
  static let entrySeverity = 9.0
  /// Credentials told apart for one pair.
  static let secretLimit = 32

  struct Facts: Sendable {
    var service = ""
    var score = 0.0
    var scored = CaptureTime.distantPast
    var failures: UInt64 = 0
    var secrets: [UInt64] = []
    var web = WebLogins()
    /// Of the login that worked.
    var account: [UInt8] = []
  }

  private let scoreLimit: Double
  private let secretLimit: Int
  private let guessLimit: Double
  private let decay: TimeSpan
  private var pairs: AttackCases<Facts>
  private var entries: AttackCases<Facts>

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = limits[Self.score]
    secretLimit = limits.count(Self.secrets)
    guessLimit = max(1, limits[Self.guesses])
    decay = limits.span(Self.halfLife)
    let (quiet, memory) = (limits.span(Self.quiet), limits.span(Self.memory))
    pairs = AttackCases(
      capacity: limits.count(Self.cases), quiet: quiet, memory: memory, empty: Facts())
    entries = AttackCases(
      capacity: limits.count(Self.cases) / 8, quiet: quiet, memory: memory, empty: Facts())
  }

  var nextDeadline: CaptureTime { min(pairs.nextDeadline, entries.nextDeadline) }

  var interest: EventClasses {
    .session(
      .ftpReply, .smtpReply, .popReply, .imapReply, .ssh, .telnet, .http, .httpResponse)
  }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .ftpReply(let reply): take(reply, "ftp", event, into: &sink)
    case .smtpReply(let reply): take(reply, "smtp", event, into: &sink)
    case .popReply(let reply): take(reply, "pop3", event, into: &sink)
    case .imapReply(let reply): take(reply, "imap", event, into: &sink)
    case .ssh(let progress):
      if progress.stage == .loginFailed { fail("ssh", event, into: &sink) }
      if progress.stage == .loginSucceeded { succeed("ssh", event, into: &sink) }
    case .telnet(let line):
      if line.role == .failure { fail("telnet", event, into: &sink) }
      if line.role == .success { succeed("telnet", event, into: &sink) }
    case .http(let request): take(request, event)
    case .httpResponse(let response): take(response, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let (scoreLimit, secretLimit, guessLimit) = (scoreLimit, secretLimit, guessLimit)
    if pairs.nextDeadline <= now {
      pairs.advance(to: now, into: &sink) {
        Self.guessing($0, scoreLimit, secretLimit, at: now, from: $1)
      }
    }
    if entries.nextDeadline <= now {
      entries.advance(to: now, into: &sink) { Self.entered($0, guessLimit, at: now, from: $1) }
    }
  }
}

// MARK: - Outcomes

extension LoginOutcomes {
  private mutating func take(
    _ reply: ServerReply, _ service: String, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard reply.endsLogin else { return }
    switch reply.outcome {
    case .negative: fail(service, event, into: &sink)
    case .positive: succeed(service, event, account: reply.user, into: &sink)
    case .intermediate: break
    }
  }

  private mutating func take(_ request: HTTPRequest, _ event: SessionEvent) {
    guard let attempt = WebLogins.Attempt(request, port: event.clientPort) else { return }
    let slot = pairs.admit(
      event.client, event.server, UInt64(event.serverPort), port: event.serverPort,
      at: event.time)
    guard slot >= 0 else { return }
    pairs[slot].facts.web.add(attempt)
  }

  private mutating func take(
    _ response: HTTPResponse, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = pairs.place(event.client, event.server, UInt64(event.serverPort))
    guard slot >= 0 else { return }
    let (secret, outcome) = pairs[slot].facts.web.judge(
      response, port: event.clientPort, at: event.time)
    switch outcome {
    case .none: break
    case .failed(let weight): fail("http", event, secret: secret, weight: weight, into: &sink)
    case .succeeded: succeed("http", event, into: &sink)
    }
  }

  private mutating func fade(_ slot: Int, to now: CaptureTime) {
    let seconds = max(0, (now - pairs[slot].facts.scored).seconds)
    let halves = seconds / max(decay.seconds, 0.001)
    let whole = UInt64(min(halves, 60))
    let rest = min(1, halves - Double(whole))
    pairs[slot].facts.score *= (1 - rest / 2) / Double(UInt64(1) << whole)
    pairs[slot].facts.scored = now
  }

  private mutating func fail(
    _ service: String, _ event: SessionEvent, secret: UInt64 = 0, weight: Double = 1,
    into sink: inout ReportSink
  ) {
    let slot = pairs.admit(
      event.client, event.server, UInt64(event.serverPort), port: event.serverPort,
      at: event.time)
    guard slot >= 0 else { return }
    fade(slot, to: event.time)
    pairs[slot].facts.service = service
    pairs[slot].facts.score += weight
    pairs[slot].facts.failures &+= 1
    if secret != 0, pairs[slot].facts.secrets.count < Self.secretLimit,
      !pairs[slot].facts.secrets.contains(secret)
    {
      pairs[slot].facts.secrets.append(secret)
    }
    let hold = TimeSpan.seconds(Int(min(pairs[slot].facts.failures, 60)) * 60)
    pairs.note(slot, event, hold: hold)
    let facts = pairs[slot].facts
    guard service == "http" else { return }
    guard
      pairs[slot].thread.isOpen
        || facts.score >= scoreLimit && facts.secrets.count >= secretLimit
    else { return }
    let (scoreLimit, secretLimit) = (scoreLimit, secretLimit)
    pairs.tell(slot, at: event.time, into: &sink) {
      Self.guessing($0, scoreLimit, secretLimit, at: event.time, from: $1)
    }
  }

  private mutating func succeed(
    _ service: String, _ event: SessionEvent, account: [UInt8] = [], into sink: inout ReportSink
  ) {
    let slot = pairs.find(
      event.client, event.server, UInt64(event.serverPort), at: event.time)
    guard slot >= 0, pairs[slot].facts.service == service else { return }
    fade(slot, to: event.time)
    let guessed = pairs[slot]
    pairs[slot].facts.score = 0
    guard guessed.facts.score >= guessLimit else { return }
    if service == "http", guessed.facts.secrets.count < secretLimit { return }
    let place = entries.admit(
      event.client, event.server, UInt64(event.serverPort), port: event.serverPort,
      at: event.time)
    guard place >= 0 else { return }
    if !entries[place].thread.isOpen {
      entries[place].facts = guessed.facts
      entries[place].first = guessed.first
      entries[place].packets = guessed.packets
    }
    if entries[place].facts.account.isEmpty { entries[place].facts.account = account }
    entries.note(place, event)
    let guessLimit = guessLimit
    entries.tell(place, at: event.time, into: &sink) {
      Self.entered($0, guessLimit, at: event.time, from: $1)
    }
  }
}

// MARK: - Reports

extension LoginOutcomes {
  private static func guessing(
    _ attack: AttackCase<Facts>, _ scoreLimit: Double, _ secretLimit: Int, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    var report = attack.report(
      .bruteForce, subject: "\(attack.source) \(attack.target):\(attack.port) http",
      severity: guessingSeverity,
      confidence: min(0.95, 1 - 0.35 * scoreLimit / max(facts.score, scoreLimit / 2)), at: now,
      from: sink)
    let lasted = attack.last - attack.first
    report.attributes = [
      "service": .text("http"), "attempts": .count(facts.failures),
      "failures": .count(facts.failures), "duration": .duration(lasted),
    ]
    report.terms = [
      Term("failed logins, faded", facts.score, threshold: scoreLimit, unit: "logins"),
      Term(
        "different credentials", Double(facts.secrets.count), threshold: Double(secretLimit)),
    ]
    return report
  }

  private static func entered(
    _ attack: AttackCase<Facts>, _ guessLimit: Double, at now: CaptureTime, from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    var report = attack.report(
      entry, subject: "\(attack.source) \(attack.target):\(attack.port) entry",
      severity: entrySeverity,
      confidence: min(0.95, 1 - 0.3 * guessLimit / max(facts.score, 1)), at: now, from: sink)
    report.attributes = [
      "service": .text(facts.service), "attempts": .count(facts.failures),
      "duration": .duration(attack.last - attack.first),
    ]
    if !facts.account.isEmpty {
      report.attributes["account"] = .printable(facts.account, limit: 64)
    }
    report.terms = [
      Term("failed logins, faded", facts.score, threshold: guessLimit, unit: "logins"),
      Term("logins that worked", Double(attack.count), threshold: 1, unit: "logins"),
    ]
    return report
  }
}

extension LoginOutcomes: LossCounting {
  var losses: UInt64 { pairs.losses &+ entries.losses }
}
