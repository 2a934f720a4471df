import Analysis
import Flows
import Reports
import Terms

/// Finds conversations in which somebody says two things at once: TCP segments that contradict
/// earlier ones for the same place (Ptacek and Newsham, "Insertion, Evasion, and Denial of Service",
/// 1998, 5.4).
///
/// Which of the two a target believes depends on its system, so that a monitor can read only one
/// with certainty: that there are two is what can be reported whatever the target. Segments with
/// checksums, sequence numbers or VLANs that no target takes never get here. Damage is rare and
/// changes few bytes; text replaced by other text is no damage.
struct StreamEvasion: AnalysisEngine {
  static let score = EngineLimit(
    "evasion.score", 2, .count,
    "Weight of contradicting segments of one host to another from which they are reported: 2 for "
      + "text in the place of text, 2 for another time to live, 0.1 for others.")
  static let bytes = EngineLimit(
    "evasion.bytes", 2, .count, "Differing bytes from which a segment contradicts.")
  static let cases = EngineLimit(
    "evasion.cases", 1024, .count, "Triples of source, target and service known at once.")
  static let quiet = EngineLimit(
    "evasion.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "evasion.memory", 3600, .duration, "Silence after which a report is no longer revised.")
  static let limits = [score, bytes, cases, quiet, memory]

  static let kind = ReportKind("access.evasion")
  static let severity = 5.0
  /// Times to live that differ by more come from another place, or were chosen.
  private static let timeToLiveSlack = 1

  struct Facts: Sendable {
    var weight = 0.0
    var before: [UInt8] = []
    var after: [UInt8] = []
    var hasOtherTimeToLive = false
  }

  private let scoreLimit: Double
  private let byteLimit: Int
  private var known: AttackCases<Facts>

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = max(limits[Self.score], 0.1)
    byteLimit = max(limits.count(Self.bytes), 1)
    known = AttackCases(
      capacity: limits.count(Self.cases), quiet: limits.span(Self.quiet),
      memory: limits.span(Self.memory), empty: Facts())
  }

  var interest: EventClasses { .session(.overlap) }
  var nextDeadline: CaptureTime { known.nextDeadline }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .overlap(let overlap) = event.what else { return }
    let differing = zip(overlap.before, overlap.after).count { $0 != $1 }
    guard differing >= byteLimit else { return }
    let isForth = overlap.isFromClient
    let (source, target) = isForth ? (event.client, event.server) : (event.server, event.client)
    let slot = known.admit(
      source, target, UInt64(event.serverPort), port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    known.note(slot, event, hold: .minutes(10))
    let distance = abs(Int(overlap.timeToLive) - Int(overlap.firstTimeToLive))
    let isFar = isForth && distance > Self.timeToLiveSlack
    let isText = Self.isText(overlap.before) && Self.isText(overlap.after)
    // Binary segments that contradict each other come of programs that write captures by themselves
    // and of connections that the capture took for one: many prove little.
    known[slot].facts.weight += isText || isFar ? (isText ? 2 : 0) + (isFar ? 2 : 0) : 0.1
    if known[slot].facts.before.isEmpty {
      known[slot].facts.before = overlap.before
      known[slot].facts.after = overlap.after
    }
    if isFar { known[slot].facts.hasOtherTimeToLive = true }
    guard known[slot].facts.weight >= scoreLimit else { return }
    let scoreLimit = scoreLimit
    known.tell(slot, at: event.time, into: &sink) {
      Self.report($0, scoreLimit, at: event.time, from: $1)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let scoreLimit = scoreLimit
    known.advance(to: now, into: &sink) { Self.report($0, scoreLimit, at: now, from: $1) }
  }

  private static func isText(_ bytes: [UInt8]) -> Bool {
    bytes.allSatisfy { $0 >= 0x20 && $0 < 0x7f || $0 >= 9 && $0 <= 13 }
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ scoreLimit: Double, at now: CaptureTime, from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    var report = attack.report(
      kind, subject: "\(attack.source) \(attack.target):\(attack.port)", severity: severity,
      confidence: min(0.95, 1 - 0.4 * scoreLimit / max(facts.weight, scoreLimit)), at: now,
      from: sink)
    report.attributes = [
      "technique": .text(facts.hasOtherTimeToLive ? "overlap, low time to live" : "overlap"),
      "segments": .count(attack.count), "before": .printable(facts.before),
      "after": .printable(facts.after),
    ]
    report.terms = [
      Term("contradicting segments", facts.weight, threshold: scoreLimit),
      Term("segments", Double(attack.count)),
    ]
    return report
  }
}

extension StreamEvasion: LossCounting {
  var losses: UInt64 { known.losses }
}
