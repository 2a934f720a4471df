import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds searches for paths that exist: one client asks one server for path after path that is not
/// there. How fast makes no difference.
///
/// A sequential test after Jung et al. ("Fast Portscan Detection Using Sequential Hypothesis
/// Testing", IEEE S&P 2004), with distinct paths in the place of hosts: each that fails speaks for
/// a search, each that is there against; the sum never falls below zero, so that an honest past
/// hides nothing. A crawler follows links, and most of those lead somewhere.
///
/// To no link leads where keys and passwords lie by mistake (`SecretPath`): who asks for them, be it
/// once, and whatever is answered, searches.
struct WebScan: AnalysisEngine {
  static let failures = EngineLimit(
    "web-scan.failures", 15, .count, "Least number of distinct paths that failed.")
  static let score = EngineLimit(
    "web-scan.score", 20, .count,
    "Logarithm of the odds from which a client searches; each path that fails adds 1.4.")
  static let agentFailures = EngineLimit(
    "web-scan.agent-failures", 5, .count,
    "The same number for a client that calls itself a scanner; the score shrinks in proportion.")
  static let cases = EngineLimit(
    "web-scan.cases", 4096, .count, "Pairs of client and server known at once.")
  static let quiet = EngineLimit(
    "web-scan.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "web-scan.memory", 7200, .duration, "Silence after which a pair is forgotten.")
  static let limits = [failures, score, agentFailures, cases, quiet, memory]

  static let kind = ReportKind("recon.web-scan")
  static let severity = 5.0

  /// ln(0.8 / 0.2): of distinct paths, four fifths fail in a search, one fifth for somebody who
  /// follows links.
  static let step = 1.386
  /// Requests that come from a page (with a Referer) fail when that page is broken.
  static let linkedShare = 0.3
  /// Paths remembered of one pair, as bits of a set that is cleared when half full.
  static let pathBits = 2048

  struct Facts: Sendable {
    var score = 0.0
    var responses: UInt64 = 0
    var failures: UInt64 = 0
    var isLinked = false
    var agent: [UInt8] = []
    var isScanner = false
    /// Different paths asked for that nobody shows.
    var secrets: UInt64 = 0
    /// Paths that were answered already.
    var paths: [UInt64] = []
    var pathCount = 0
    /// Where the last redirection led: who sends everybody to one place says "not found" so.
    var location: UInt64 = 0
    var packets = PacketSample()
  }

  private let failureLimit: UInt64
  private let scoreLimit: Double
  private let agentLimit: UInt64
  private var known: AttackCases<Facts>

  init(_ context: DetectionContext) {
    let limits = context.limits
    failureLimit = UInt64(max(1, limits.count(Self.failures)))
    scoreLimit = limits[Self.score]
    agentLimit = UInt64(max(1, limits.count(Self.agentFailures)))
    known = AttackCases(
      capacity: limits.count(Self.cases), quiet: limits.span(Self.quiet),
      memory: limits.span(Self.memory), empty: Facts())
  }

  var nextDeadline: CaptureTime { known.nextDeadline }

  var interest: EventClasses { .session(.http, .httpResponse) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .http(let request): note(request, event)
    case .httpResponse(let response): judge(response, event, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let limits = (failureLimit, scoreLimit, agentLimit)
    known.advance(to: now, into: &sink) { Self.report($0, limits, at: now, from: $1) }
  }
}

extension WebScan {
  /// Names that tools for searching give themselves, unless told otherwise: weight, no proof.
  private static let scanners: [StaticString] = [
    "nikto", "dirb", "gobuster", "feroxbuster", "ffuf", "fuzz faster", "wfuzz", "sqlmap", "nmap",
    "nessus", "openvas", "acunetix", "w3af", "zgrab", "nuclei", "wpscan", "whatweb", "arachni",
    "masscan", "dirsearch", "skipfish",
  ]

  private mutating func note(_ request: HTTPRequest, _ event: SessionEvent) {
    let slot = known.find(event.client, event.server, at: event.time)
    guard slot >= 0 else { return }
    known[slot].facts.isLinked = !request.referer.isEmpty
    guard known[slot].facts.agent.isEmpty, !request.userAgent.isEmpty else { return }
    let agent = Array(request.userAgent.prefix(128))
    known[slot].facts.agent = agent
    known[slot].facts.isScanner = Self.scanners.contains { agent.mentions($0) }
  }

  /// Whether the path is new; the set is forgotten when it is half full.
  private mutating func isNew(_ path: ArraySlice<UInt8>, at slot: Int) -> Bool {
    if known[slot].facts.paths.isEmpty || known[slot].facts.pathCount > Self.pathBits / 4 {
      known[slot].facts.paths = Array(repeating: 0, count: Self.pathBits / 64)
      known[slot].facts.pathCount = 0
    }
    let hash = path.digest
    let bit = Int((hash ^ hash >> 29) % UInt64(Self.pathBits))
    let mask: UInt64 = 1 << UInt64(bit % 64)
    guard known[slot].facts.paths[bit / 64] & mask == 0 else { return false }
    known[slot].facts.paths[bit / 64] |= mask
    known[slot].facts.pathCount += 1
    return true
  }

  private mutating func judge(
    _ response: HTTPResponse, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard !response.requestTarget.isEmpty, response.status >= 200 else { return }
    let slot = known.admit(event.client, event.server, port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    known[slot].facts.responses &+= 1
    let target = response.requestTarget
    let end = target.firstIndex(of: 0x3f) ?? target.count
    guard isNew(target[..<end], at: slot) else { return }
    if SecretPath.isNamed(by: target[..<end]) {
      known[slot].facts.secrets &+= 1
      known[slot].facts.failures &+= 1
      known[slot].facts.score += Self.step
      known.note(slot, event, hold: .minutes(10))
      tell(slot, at: event.time, into: &sink)
      return
    }
    let share = failureShare(response, at: slot)
    guard share > 0 else {
      known[slot].facts.score = max(0, known[slot].facts.score - Self.step)
      known[slot].last = event.time
      return
    }
    known[slot].facts.score +=
      Self.step * share * (known[slot].facts.isLinked ? Self.linkedShare : 1)
    known[slot].facts.failures &+= 1
    known.note(slot, event, hold: .seconds(Int(min(known[slot].facts.failures, 60)) * 30))
    tell(slot, at: event.time, into: &sink)
  }

  /// How far the answer says that nothing is there, 0–1.
  private mutating func failureShare(_ response: HTTPResponse, at slot: Int) -> Double {
    switch response.status {
    case 404, 410, 403, 405, 501: return 1
    case 400, 414, 500, 503: return 0.5
    case 301, 302, 303, 307:
      let location = response.location.digest
      defer { known[slot].facts.location = location }
      return location == known[slot].facts.location ? 0.6 : 0
    default: return 0
    }
  }

  private mutating func tell(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let facts = known[slot].facts
    let limits = (failureLimit, scoreLimit, agentLimit)
    let least = facts.isScanner ? agentLimit : failureLimit
    guard
      known[slot].thread.isOpen || facts.secrets > 0
        || facts.failures >= least
          && facts.score >= scoreLimit * Double(least) / Double(failureLimit)
    else { return }
    known.tell(slot, at: now, into: &sink) { Self.report($0, limits, at: now, from: $1) }
  }

  /// One secret is asked for by whoever tries them all, seldom by mistake.
  private static func confidence(_ facts: Facts, _ scoreLimit: Double) -> Double {
    let search = 1 - 0.35 * scoreLimit / max(facts.score, 1)
    let secret = facts.secrets > 0 ? 0.9 - 0.2 / Double(facts.secrets) : 0
    return min(0.95, max(search, secret))
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ limits: (UInt64, Double, UInt64), at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let least = facts.isScanner ? limits.2 : limits.0
    let scoreLimit = limits.1 * Double(least) / Double(max(limits.0, 1))
    var report = attack.report(
      kind, subject: "\(attack.source) \(attack.target)", severity: severity,
      confidence: confidence(facts, scoreLimit), at: now, from: sink)
    report.attributes = [
      "requests": .count(facts.responses), "failures": .count(facts.failures),
      "agent": .printable(facts.agent, limit: 128),
    ]
    report.terms = [
      Term("odds of a search (log)", facts.score, threshold: scoreLimit),
      Term("distinct paths not there", Double(facts.failures), threshold: Double(least)),
      Term("paths that nobody shows", Double(facts.secrets), threshold: 1),
    ]
    return report
  }
}

extension WebScan: LossCounting {
  var losses: UInt64 { known.losses }
}
