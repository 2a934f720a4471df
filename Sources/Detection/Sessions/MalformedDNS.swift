import Analysis
import Flows
import Reports
import Terms

/// Finds DNS messages made to break a parser: compression that points in circles, labels and names
/// longer than RFC 1035 allows, counts that contradict the bytes, oversized questions.
///
/// What only looks cut short may have been: it weighs little. A server that repeats a bad question
/// in its refusal attacks nobody.
struct MalformedDNS: AnalysisEngine {
  static let score = EngineLimit(
    "malformed-dns.score", 4, .count,
    "Score of malformed messages between two hosts: 2 for what no sound sender makes, 1 or less "
      + "for what may have been damaged.")
  static let messages = EngineLimit(
    "malformed-dns.messages", 2, .count, "Least number of malformed messages.")
  static let halfLife = EngineLimit(
    "malformed-dns.half-life", 3600, .duration, "Time after which an idle score has halved.")
  static let pairs = EngineLimit(
    "malformed-dns.pairs", 2048, .count, "Pairs of hosts with malformed messages held at once.")
  static let quiet = EngineLimit(
    "malformed-dns.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "malformed-dns.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [score, messages, halfLife, pairs, quiet, spacing]

  /// Bytes of a question beyond which it is oversized: RFC 1035 allows 512, with EDNS (RFC 6891)
  /// questions stay small too.
  static let questionSize = 512
  /// Questions in one message beyond which their number alone is odd.
  static let questionLimit: UInt16 = 1

  struct Pair: Sendable {
    var target = IPAddress.unspecified
    var score = FadingScore()
    var messages: UInt64 = 0
    var longest: UInt64 = 0
    /// One bit for each `DNSMessage.Malformation`.
    var kinds: UInt64 = 0
    var transport = TransportProtocol.udp
    var isServerVictim = true
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  private let scoreLimit: Double
  private let messageLimit: UInt64
  private let decay: TimeSpan
  private let quietSpan: TimeSpan
  private var pairs: BoundedTable<Pair>
  private var passed = PassedQuestions()
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = max(limits[Self.score], 0.5)
    messageLimit = UInt64(max(limits.count(Self.messages), 1))
    decay = limits.span(Self.halfLife)
    quietSpan = limits.span(Self.quiet)
    pairs = BoundedTable(
      capacity: limits.count(Self.pairs),
      empty: Pair(thread: ReportThread(spacing: limits.span(Self.spacing))))
  }

  var interest: EventClasses { .session(.dns) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dns(let message) = event.what else { return }
    let turn = DNSTurn(event, message)
    guard turn.isUnicast, Self.isPlausible(message) else { return }
    let weight = Self.weight(message)
    guard weight > 0 else { return }
    let isAnswer = message.isResponse
    // A refusal repeats the question, however bad it was.
    if isAnswer, message.responseCode != 0 || message.answerCount == 0 { return }
    let (source, target) =
      isAnswer ? (turn.answerer, turn.asker) : (turn.asker, turn.answerer)
    if isAnswer, pairs.find(key(target, source)) >= 0 { return }
    let now = event.time
    if !isAnswer, passed.isPassedOn(message, turn, at: now) { return }
    let slot = pairs.admit(key(source, target), asOf: now, until: now + .minutes(1))
    guard slot >= 0 else { return }
    if pairs[slot].messages == 0 { pairs[slot].first = now }
    pairs[slot].target = target
    pairs[slot].last = now
    pairs[slot].messages &+= 1
    pairs[slot].score.add(weight, at: now, span: decay)
    pairs[slot].longest = max(pairs[slot].longest, UInt64(max(0, message.size)))
    pairs[slot].kinds |= 1 << UInt64(message.malformation.rawValue)
    pairs[slot].transport = event.transport
    pairs[slot].isServerVictim = !isAnswer
    pairs[slot].packets.add(event.packet)
    judge(slot, at: now, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in pairs.slots
    where pairs[slot].thread.isStale(count: pairs[slot].messages, facts: pairs[slot].kinds) {
      let due = pairs[slot].thread.lastDue(after: pairs[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

extension MalformedDNS {
  private func key(_ source: IPAddress, _ target: IPAddress) -> TableKey {
    TableKey(source, detail: TableKey(target).hash)
  }

  /// Whether the header could be that of DNS: other protocols on the port are no attack on it.
  private static func isPlausible(_ message: DNSMessage) -> Bool {
    guard message.opcode <= 6, message.flags & 0x0040 == 0 else { return false }
    // A question has no answers; a flood of random bytes nearly always claims some.
    return message.isResponse || message.answerCount <= 16 && message.questionCount > 0
  }

  private static func weight(_ message: DNSMessage) -> Double {
    switch message.malformation {
    case .compressionLoop, .badName, .impossibleCounts: return 2
    case .badRecord: return 1
    case .trailingBytes where !message.isResponse && message.size > questionSize: return 2
    case .truncated where !message.isResponse && message.questionCount > questionLimit: return 1
    case .truncated, .truncatedHeader, .trailingBytes: return message.isResponse ? 0 : 0.25
    case .none: return 0
    }
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if pairs[slot].thread.isOpen {
      let (count, facts) = (pairs[slot].messages, pairs[slot].kinds)
      if pairs[slot].thread.isDue(count: count, facts: facts, at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
    } else if pairs[slot].score.value >= scoreLimit, pairs[slot].messages >= messageLimit {
      emit(slot, at: now, into: &sink)
    } else {
      pairs.keep(slot, until: now + .minutes(10))
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let pair = pairs[slot]
    let source = pairs.key(slot).address
    let margin = pair.score.value / scoreLimit
    var report = sink.opening(
      .overflow, subject: "dns \(source) \(pair.target)", first: pair.first, last: pair.last,
      at: now, severity: 7, confidence: min(0.95, 1 - 0.5 / (1 + max(0, margin - 0.5))))
    report.sources.insert(source)
    report.targets.insert(pair.target)
    report.ports = pair.isServerVictim ? [DNSTurn.port] : []
    report.transport = pair.transport
    report.attributes = [
      "service": .text("dns"), "length": .bytes(pair.longest),
      "technique": .text(Self.names(pair.kinds)),
    ]
    report.evidence = [sink.evidence(pair.packets.indices)]
    report.terms = [
      Term("score of malformed messages", pair.score.value, threshold: scoreLimit),
      Term(
        "malformed messages", Double(pair.messages), threshold: Double(messageLimit),
        unit: "messages"),
    ]
    pairs[slot].thread.emit(report, count: pair.messages, facts: pair.kinds, at: now, into: &sink)
    pairs.keep(slot, until: now + .hours(1))
  }

  /// The kinds of malformation seen, joined by commas.
  private static func names(_ kinds: UInt64) -> String {
    DNSMessage.Malformation.allCases
      .filter { $0 != .none && kinds >> UInt64($0.rawValue) & 1 == 1 }
      .map {
        switch $0 {
        case .none: ""
        case .truncatedHeader, .truncated: "truncated"
        case .compressionLoop: "compression-loop"
        case .badName: "overlong-name"
        case .badRecord: "bad-record"
        case .trailingBytes: "oversized"
        case .impossibleCounts: "impossible-counts"
        }
      }
      .joined(separator: ",")
  }
}

extension MalformedDNS: LossCounting {
  var losses: UInt64 { pairs.refusedCount }
}
