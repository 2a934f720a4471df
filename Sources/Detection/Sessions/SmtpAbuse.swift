import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds abuse of mail servers: addresses tried one by one (VRFY, EXPN, RCPT), and commands that no
/// mailer sends: DEBUG and WIZ, programs in the place of mailboxes, code for known faults, relaying
/// for strangers, envelopes that do not wait for the greeting.
struct SmtpAbuse: AnalysisEngine {
  static let probes = EngineLimit(
    "smtp-abuse.probes", 5, .count, "VRFY and EXPN commands of a source that search for addresses.")
  static let refusals = EngineLimit(
    "smtp-abuse.refusals", 8, .count,
    "Refused recipients, less the accepted ones, that search for addresses.")
  static let score = EngineLimit(
    "smtp-abuse.score", 1, .count, "Weight of commands from which they are an attack.")
  static let cases = EngineLimit(
    "smtp-abuse.cases", 4096, .count, "Pairs of source and server known at once.")
  static let quiet = EngineLimit(
    "smtp-abuse.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "smtp-abuse.memory", 7200, .duration, "Silence after which a pair is forgotten.")
  static let limits = [probes, refusals, score, cases, quiet, memory]

  static let enumeration = ReportKind("recon.smtp-enumeration")
  static let attack = ReportKind("access.smtp-attack")
  static let enumerationSeverity = 5.0
  static let attackSeverity = 6.5

  struct Facts: Sendable {
    // Searching for addresses.
    var verifications: UInt64 = 0
    var refusals = 0.0
    var attempts: UInt64 = 0
    var failures: UInt64 = 0
    var command = ""
    /// Recipients named since the first refusal: a stale list's bounces are ever the same few.
    var recipients = FewDigests()
    // Attacks.
    var technique = SmtpTrick.debug
    var best = 0.0
    var score = 0.0
    var line: [UInt8] = []
  }

  private let probeLimit: UInt64
  private let refusalLimit: Double
  private let scoreLimit: Double
  private var searches: AttackCases<Facts>
  private var attacks: AttackCases<Facts>

  init(_ context: DetectionContext) {
    let limits = context.limits
    probeLimit = UInt64(max(1, limits.count(Self.probes)))
    refusalLimit = max(1, limits[Self.refusals])
    scoreLimit = limits[Self.score]
    let (quiet, memory) = (limits.span(Self.quiet), limits.span(Self.memory))
    searches = AttackCases(
      capacity: limits.count(Self.cases), quiet: quiet, memory: memory, empty: Facts())
    attacks = AttackCases(
      capacity: limits.count(Self.cases), quiet: quiet, memory: memory, empty: Facts())
  }

  var nextDeadline: CaptureTime { min(searches.nextDeadline, attacks.nextDeadline) }

  var interest: EventClasses { .session(.smtp, .smtpReply) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .smtp(let command):
      if command.verb == "VRFY" || command.verb == "EXPN" { verify(command, event, into: &sink) }
      if command.verb == "RCPT" { name(command, event) }
      if let (trick, weight) = SmtpTrick.read(command) {
        note(trick, weight, command, event, into: &sink)
      }
    case .smtpReply(let reply): read(reply, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let (probeLimit, refusalLimit, scoreLimit) = (probeLimit, refusalLimit, scoreLimit)
    if searches.nextDeadline <= now {
      searches.advance(to: now, into: &sink) {
        Self.search($0, probeLimit, refusalLimit, at: now, from: $1)
      }
    }
    if attacks.nextDeadline <= now {
      attacks.advance(to: now, into: &sink) { Self.attack($0, scoreLimit, at: now, from: $1) }
    }
  }
}

// MARK: - Searching for addresses

extension SmtpAbuse {
  private mutating func verify(
    _ command: ClientCommand, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = searches.admit(event.client, event.server, port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    searches[slot].facts.verifications &+= 1
    searches[slot].facts.attempts &+= 1
    searches[slot].facts.command = command.verb
    searches.note(slot, event, hold: .minutes(10))
    tellSearch(slot, at: event.time, into: &sink)
  }

  private mutating func name(_ command: ClientCommand, _ event: SessionEvent) {
    let slot = searches.find(event.client, event.server, at: event.time)
    if slot >= 0 { _ = searches[slot].facts.recipients.insert(command.argument.digest) }
  }

  private mutating func read(
    _ reply: ServerReply, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    if reply.isForeseen { note(.earlyTalker, SmtpTrick.earlyWeight, nil, event, into: &sink) }
    switch reply.verb {
    case "VRFY", "EXPN":
      let slot = searches.find(event.client, event.server, at: event.time)
      guard slot >= 0, reply.outcome == .negative else { return }
      searches[slot].facts.failures &+= 1
      searches.note(slot, event, hold: .minutes(10))
      tellSearch(slot, at: event.time, into: &sink)
    case "RCPT":
      if reply.outcome == .negative, Self.isRelayRefusal(reply) {
        note(.relay, SmtpTrick.relayWeight, nil, event, into: &sink)
      } else {
        recipient(reply, event, into: &sink)
      }
    default: break
    }
  }

  /// A recipient that is refused as unknown speaks for a search, one that is accepted against.
  private mutating func recipient(
    _ reply: ServerReply, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let isRefused = reply.code >= 500 && reply.code <= 559
    guard isRefused || reply.outcome == .positive else { return }
    let known = searches.find(event.client, event.server, at: event.time)
    guard isRefused else {
      if known >= 0 { searches[known].facts.refusals = max(0, searches[known].facts.refusals - 1) }
      return
    }
    let slot =
      known >= 0
      ? known
      : searches.admit(event.client, event.server, port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    searches[slot].facts.refusals += 1
    searches[slot].facts.attempts &+= 1
    searches[slot].facts.failures &+= 1
    if searches[slot].facts.command.isEmpty { searches[slot].facts.command = "RCPT" }
    searches.note(slot, event, hold: .minutes(10))
    tellSearch(slot, at: event.time, into: &sink)
  }

  /// "Relay access denied", "relaying denied", "we do not relay", or code 551 (RFC 5321, 3.4).
  private static func isRelayRefusal(_ reply: ServerReply) -> Bool {
    reply.code == 551 || reply.text.mentions("relay")
  }

  private mutating func tellSearch(
    _ slot: Int, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let facts = searches[slot].facts
    guard
      searches[slot].thread.isOpen || facts.verifications >= probeLimit
        || facts.refusals >= refusalLimit
          && Double(facts.recipients.count) >= refusalLimit - 1
    else { return }
    let (probeLimit, refusalLimit) = (probeLimit, refusalLimit)
    searches.tell(slot, at: now, into: &sink) {
      Self.search($0, probeLimit, refusalLimit, at: now, from: $1)
    }
  }

  private static func search(
    _ attack: AttackCase<Facts>, _ probeLimit: UInt64, _ refusalLimit: Double, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let margin = max(
      Double(facts.verifications) / Double(probeLimit), facts.refusals / refusalLimit)
    var report = attack.report(
      enumeration, subject: "\(attack.source) \(attack.target)", severity: enumerationSeverity,
      confidence: min(0.95, 1 - 0.35 / max(margin, 0.5)), at: now, from: sink)
    report.attributes = [
      "command": .text(facts.command), "attempts": .count(facts.attempts),
      "failures": .count(facts.failures),
    ]
    report.terms = [
      Term(
        "VRFY and EXPN", Double(facts.verifications), threshold: Double(probeLimit),
        unit: "commands"),
      Term("refused recipients", facts.refusals, threshold: refusalLimit, unit: "recipients"),
    ]
    return report
  }
}

// MARK: - Attacks

extension SmtpAbuse {
  private mutating func note(
    _ trick: SmtpTrick, _ weight: Double, _ command: ClientCommand?, _ event: SessionEvent,
    into sink: inout ReportSink
  ) {
    let slot = attacks.admit(event.client, event.server, port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    attacks[slot].facts.score += weight
    if weight > attacks[slot].facts.best {
      attacks[slot].facts.best = weight
      attacks[slot].facts.technique = trick
      if let command {
        attacks[slot].facts.line = Array(command.verb.utf8) + [0x20] + command.argument.prefix(160)
      }
    }
    attacks.note(slot, event, hold: .minutes(10))
    guard attacks[slot].facts.score >= scoreLimit else { return }
    let scoreLimit = scoreLimit
    attacks.tell(slot, at: event.time, into: &sink) {
      Self.attack($0, scoreLimit, at: event.time, from: $1)
    }
  }

  private static func attack(
    _ attack: AttackCase<Facts>, _ scoreLimit: Double, at now: CaptureTime, from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    var report = attack.report(
      Self.attack, subject: "\(attack.source) \(attack.target) attack", severity: attackSeverity,
      confidence: min(0.95, 1 - 0.3 * scoreLimit / max(facts.score, 0.5)), at: now, from: sink)
    report.attributes = [
      "technique": .text(facts.technique.rawValue), "attempts": .count(attack.count),
    ]
    // What a reply gave away has no command of its own.
    if !facts.line.isEmpty { report.attributes["command"] = .printable(facts.line) }
    report.terms = [
      Term("weight of commands", facts.score, threshold: scoreLimit),
      Term("weight of the worst", facts.best),
    ]
    return report
  }
}

extension SmtpAbuse: LossCounting {
  var losses: UInt64 { searches.losses &+ attacks.losses }
}
