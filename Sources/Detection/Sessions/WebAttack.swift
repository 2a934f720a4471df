import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds attacks on web applications by what requests say once every layer of encoding is removed:
/// one report per source, target and technique.
///
/// Words are weighed, not matched: a search for "select a chair" stays far below what a request
/// needs, and faint signs count only when the same source shows them again and again.
struct WebAttack: AnalysisEngine {
  static let score = EngineLimit(
    "web-attack.score", 1, .count, "Score from which one request is an attack.")
  static let faintScore = EngineLimit(
    "web-attack.faint-score", 3, .count,
    "Sum of the scores of different requests, each of them faint, from which they are an attack.")
  static let faint = EngineLimit(
    "web-attack.faint", 0.35, .count, "Score below which a request counts for nothing.")
  static let halfLife = EngineLimit(
    "web-attack.half-life", 1800, .duration, "Time after which the sum of faint scores has halved.")
  static let cases = EngineLimit(
    "web-attack.cases", 4096, .count, "Triples of source, target and technique known at once.")
  static let quiet = EngineLimit(
    "web-attack.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "web-attack.memory", 7200, .duration, "Silence after which a report is no longer revised.")
  static let limits = [score, faintScore, faint, halfLife, cases, quiet, memory]

  static let kind = ReportKind("access.web-attack")
  /// Severity of what the server refused or did not answer, and of what it answered with success.
  static let severity = 6.5
  static let successSeverity = 8.0
  /// Requests whose answer is awaited at once.
  static let pendingLimit = 1024
  /// How long an answer is awaited.
  static let answerTime = TimeSpan.seconds(120)

  struct Facts: Sendable {
    var technique = WebTechnique.traversal
    var best = 0.0
    var sum = 0.0
    var summed = CaptureTime.distantPast
    var path: [UInt8] = []
    var bestOfPath = 0.0
    var status: UInt64 = 0
    var successes: UInt64 = 0
    /// A worm's requests go everywhere: they are one report for each source.
    var targets = AddressSet()
    /// Which targets the sum has, by a bit of their digests: the same once more says nothing new.
    var seen: UInt64 = 0
  }

  private let limit: Double
  private let faintLimit: Double
  private let leastScore: Double
  private let decay: TimeSpan
  private var known: AttackCases<Facts>
  /// Suspicious requests without an answer yet: the technique.
  private var pending: BoundedTable<WebTechnique>

  init(_ context: DetectionContext) {
    let limits = context.limits
    limit = limits[Self.score]
    faintLimit = limits[Self.faintScore]
    leastScore = limits[Self.faint]
    decay = limits.span(Self.halfLife)
    known = AttackCases(
      capacity: limits.count(Self.cases), quiet: limits.span(Self.quiet),
      memory: limits.span(Self.memory), empty: Facts())
    pending = BoundedTable(capacity: Self.pendingLimit, empty: .traversal)
  }

  var nextDeadline: CaptureTime { known.nextDeadline }

  var interest: EventClasses { .session(.http, .httpResponse) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .http(let request): read(request, event, into: &sink)
    case .httpResponse(let response): read(response, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let (limit, faintLimit) = (limit, faintLimit)
    known.advance(to: now, into: &sink, digest: Self.digest) {
      Self.report($0, limit, faintLimit, at: now, from: $1)
    }
  }
}

extension WebAttack {
  private static func number(_ technique: WebTechnique) -> UInt64 {
    UInt64(WebScores.order[technique] ?? 0)
  }

  private static func subject(_ technique: WebTechnique, _ event: SessionEvent) -> IPAddress {
    technique == .codeRed ? .unspecified : event.server
  }

  private static func answerKey(_ event: SessionEvent, _ number: Int) -> TableKey {
    TableKey(
      event.client,
      detail: TableKey(
        event.server,
        detail: UInt64(event.clientPort) << 48 | UInt64(event.serverPort) << 32
          | UInt64(UInt32(truncatingIfNeeded: number))
      ).hash)
  }

  private mutating func read(
    _ request: HTTPRequest, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard let (technique, score) = WebReading(request).scores.verdict, score >= leastScore else {
      return
    }
    let slot = known.admit(
      event.client, Self.subject(technique, event), Self.number(technique),
      port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    known[slot].facts.targets.insert(event.server)
    let started = request.started > .distantPast ? request.started : event.time
    known.note(slot, event, since: started, hold: .seconds(score >= limit ? 3600 : 120))
    update(slot, technique, score, request, at: event.time)
    let place = pending.admit(
      Self.answerKey(event, request.number), asOf: event.time, until: event.time + Self.answerTime)
    if place >= 0 { pending[place] = technique }
    tell(slot, at: event.time, into: &sink)
  }

  private mutating func update(
    _ slot: Int, _ technique: WebTechnique, _ score: Double, _ request: HTTPRequest,
    at now: CaptureTime
  ) {
    var facts = known[slot].facts
    facts.technique = technique
    let halves = (now - facts.summed).seconds / max(decay.seconds, 1)
    facts.sum = halves < 60 ? facts.sum / Double(UInt64(1) << UInt64(max(0, halves))) : 0
    let digest = request.target.digest
    let bit: UInt64 = 1 << ((digest ^ digest >> 32) % 64)
    if facts.seen & bit == 0 || score >= limit { facts.sum += score }
    facts.seen |= bit
    facts.summed = now
    facts.best = max(facts.best, score)
    if score > facts.bestOfPath {
      facts.path = Array(request.target.prefix(200))
      facts.bestOfPath = score
    }
    known[slot].facts = facts
  }

  private mutating func read(
    _ response: HTTPResponse, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let place = pending.find(Self.answerKey(event, response.requestNumber))
    guard place >= 0 else { return }
    let technique = pending[place]
    pending.remove(place)
    let slot = known.find(
      event.client, Self.subject(technique, event), Self.number(technique), at: event.time)
    guard slot >= 0 else { return }
    known[slot].facts.status = UInt64(clamping: response.status)
    if (200..<300).contains(response.status) {
      known[slot].facts.successes &+= 1
      known[slot].packets.add(event.packet)
    }
    if known[slot].thread.isOpen { tell(slot, at: event.time, into: &sink) }
  }

  private mutating func tell(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let facts = known[slot].facts
    guard facts.best >= limit || facts.sum >= faintLimit else { return }
    let (limit, faintLimit) = (limit, faintLimit)
    known.tell(slot, facts: Self.digest(known[slot]), at: now, into: &sink) {
      Self.report($0, limit, faintLimit, at: now, from: $1)
    }
  }

  /// The first success is news.
  private static func digest(_ attack: AttackCase<Facts>) -> UInt64 {
    attack.facts.successes > 0 ? 1 : 0
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ limit: Double, _ faintLimit: Double, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let margin = max(facts.best / limit, facts.sum / faintLimit)
    var report = attack.report(
      kind, subject: "\(attack.source) \(attack.target) \(facts.technique.rawValue)",
      severity: facts.successes > 0 ? successSeverity : severity,
      confidence: min(0.97, 1 - 0.3 / max(margin, 0.5)), at: now, from: sink)
    report.targets = facts.targets
    report.attributes = [
      "technique": .text(facts.technique.rawValue), "path": .printable(facts.path),
      "requests": .count(attack.count),
    ]
    if facts.status > 0 {
      report.attributes["status"] = .count(facts.status)
      report.attributes["successes"] = .count(UInt64(facts.successes))
      if facts.technique.showsInAnswer {
        report.attributes["hits"] = .count(UInt64(facts.successes))
      }
    }
    report.terms = [
      Term("score of one request", facts.best, threshold: limit),
      Term("score of all requests", facts.sum, threshold: faintLimit),
      Term("requests answered with success", Double(facts.successes), unit: "requests"),
    ]
    return report
  }
}

extension WebAttack: LossCounting {
  var losses: UInt64 { known.losses &+ pending.refusedCount }
}
