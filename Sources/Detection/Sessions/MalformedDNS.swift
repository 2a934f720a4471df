import Analysis
import Flows
import Reports
import Terms

/// Finds DNS messages made to break a parser: compression that points in circles, labels and names
/// longer than RFC 1035 allows, counts that contradict the bytes, oversized questions.
///
/// What only looks cut short may have been: it weighs little. A server that repeats a bad question
/// in its refusal attacks nobody. Who sends such messages needs no answer and may forge their sources:
/// where ever others send them to one host, that is one attack.
struct MalformedDNS: AnalysisEngine {
  static let score = EngineLimit(
    "malformed-dns.score", 4, .count,
    "Score of malformed messages between two hosts: 2 for what no sound sender makes, 1 or less "
      + "for what may have been damaged.")
  static let messages = EngineLimit(
    "malformed-dns.messages", 2, .count, "Least number of malformed messages.")
  static let crowd = EngineLimit(
    "malformed-dns.crowd", 6, .count,
    "Sources that send one host what no sound sender makes, from which on they are one attack.")
  static let halfLife = EngineLimit(
    "malformed-dns.half-life", 3600, .duration, "Time after which an idle score has halved.")
  static let pairs = EngineLimit(
    "malformed-dns.pairs", 2048, .count,
    "Pairs of hosts with malformed messages, and hosts that are sent such, held at once.")
  static let quiet = EngineLimit(
    "malformed-dns.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "malformed-dns.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [score, messages, crowd, halfLife, pairs, quiet, spacing]

  /// Bytes of a question beyond which it is oversized: RFC 1035 allows 512, with EDNS (RFC 6891)
  /// questions stay small too.
  static let questionSize = 512
  /// Silence after which further messages are another attack.
  private static let memory = TimeSpan.hours(1)
  /// Questions in one message beyond which their number alone is odd.
  static let questionLimit: UInt16 = 1

  /// What one source sent one host, or all sources that host.
  struct Sending: Sendable {
    var sources = AddressSet()
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
  private let crowdLimit: Int
  private let decay: TimeSpan
  private let quietSpan: TimeSpan
  private var sendings: BoundedTable<Sending>
  private var passed = PassedQuestions()
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = max(limits[Self.score], 0.5)
    messageLimit = UInt64(max(limits.count(Self.messages), 1))
    crowdLimit = max(limits.count(Self.crowd), 2)
    decay = limits.span(Self.halfLife)
    quietSpan = limits.span(Self.quiet)
    sendings = BoundedTable(
      capacity: limits.count(Self.pairs),
      empty: Sending(thread: ReportThread(spacing: limits.span(Self.spacing))))
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
    if isAnswer, sendings.find(key(target, source)) >= 0 { return }
    let now = event.time
    if !isAnswer, passed.isPassedOn(message, turn, at: now) { return }
    // What may have been damaged on its way makes no crowd: whole networks send it.
    if weight >= Self.certain {
      add(message, of: source, to: target, crowdKey(target), weight, event, into: &sink)
    }
    add(message, of: source, to: target, key(source, target), weight, event, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in sendings.slots
    where sendings[slot].thread.isStale(count: sendings[slot].messages, facts: sendings[slot].kinds)
    {
      let due = sendings[slot].thread.lastDue(after: sendings[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

extension MalformedDNS {
  private func key(_ source: IPAddress, _ target: IPAddress) -> TableKey {
    TableKey(source, detail: TableKey(target).hash)
  }

  /// The detail of a crowd's key; that of a pair's is a hash.
  private static let crowdMark: UInt64 = 1

  private func crowdKey(_ target: IPAddress) -> TableKey {
    TableKey(target, detail: Self.crowdMark)
  }

  private func isCrowd(_ slot: Int) -> Bool { sendings.key(slot).detail == Self.crowdMark }

  /// Adds a message to what `key` names, and judges that.
  private mutating func add(
    _ message: DNSMessage, of source: IPAddress, to target: IPAddress, _ key: TableKey,
    _ weight: Double, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let now = event.time
    let known = sendings.find(key)
    if known >= 0, now - sendings[known].last > Self.memory { sendings.remove(known) }
    let slot = sendings.admit(key, asOf: now, until: now + .minutes(1))
    guard slot >= 0 else { return }
    if sendings[slot].messages == 0 { sendings[slot].first = now }
    sendings[slot].sources.insert(source)
    sendings[slot].target = target
    sendings[slot].last = now
    sendings[slot].messages &+= 1
    sendings[slot].score.add(weight, at: now, span: decay)
    sendings[slot].longest = max(sendings[slot].longest, UInt64(max(0, message.size)))
    sendings[slot].kinds |= 1 << UInt64(message.malformation.rawValue)
    sendings[slot].transport = event.transport
    sendings[slot].isServerVictim = !message.isResponse
    sendings[slot].packets.add(event.packet)
    judge(slot, at: now, into: &sink)
  }

  /// Whether the header could be that of DNS: other protocols on the port are no attack on it.
  private static func isPlausible(_ message: DNSMessage) -> Bool {
    guard message.opcode <= 6, message.flags & 0x0040 == 0 else { return false }
    // A question has no answers; a flood of random bytes nearly always claims some.
    return message.isResponse || message.answerCount <= 16 && message.questionCount > 0
  }

  /// The weight of what no sound sender makes.
  private static let certain = 2.0

  private static func weight(_ message: DNSMessage) -> Double {
    switch message.malformation {
    case .compressionLoop, .badName, .impossibleCounts: return certain
    case .badRecord: return 1
    case .trailingBytes where !message.isResponse && message.size > questionSize: return certain
    case .truncated where !message.isResponse && message.questionCount > questionLimit: return 1
    case .truncated, .truncatedHeader, .trailingBytes: return message.isResponse ? 0 : 0.25
    case .none: return 0
    }
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if sendings[slot].thread.isOpen {
      let (count, facts) = (sendings[slot].messages, sendings[slot].kinds)
      if sendings[slot].thread.isDue(count: count, facts: facts, at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
    } else if isTold(slot) {
      emit(slot, at: now, into: &sink)
    } else {
      sendings.keep(slot, until: now + .minutes(10))
    }
  }

  private func isTold(_ slot: Int) -> Bool {
    if isCrowd(slot) { return sendings[slot].sources.count >= crowdLimit }
    let crowd = sendings.find(crowdKey(sendings[slot].target))
    return sendings[slot].score.value >= scoreLimit && sendings[slot].messages >= messageLimit
      && !(crowd >= 0 && sendings[crowd].thread.isOpen)
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sending = sendings[slot]
    let isCrowd = isCrowd(slot)
    let who = isCrowd ? "many" : "\(sendings.key(slot).address)"
    let margin = sending.score.value / scoreLimit
    var report = sink.opening(
      .overflow, subject: "dns \(who) \(sending.target)", first: sending.first, last: sending.last,
      at: now, severity: 7, confidence: min(0.95, 1 - 0.5 / (1 + max(0, margin - 0.5))))
    report.sources = sending.sources
    report.targets.insert(sending.target)
    report.ports = sending.isServerVictim ? [DNSTurn.port] : []
    report.transport = sending.transport
    report.attributes = [
      "service": .text("dns"), "length": .bytes(sending.longest),
      "technique": .text(Self.names(sending.kinds)),
    ]
    report.evidence = [sink.evidence(sending.packets.indices)]
    report.terms = [
      Term("score of malformed messages", sending.score.value, threshold: scoreLimit),
      Term(
        "malformed messages", Double(sending.messages), threshold: Double(messageLimit),
        unit: "messages"),
    ]
    if isCrowd {
      report.terms.append(
        Term(
          "sources of such messages", Double(sending.sources.count), threshold: Double(crowdLimit),
          unit: "sources"))
    }
    sendings[slot].thread.emit(
      report, count: sending.messages, facts: sending.kinds, at: now, into: &sink)
    sendings.keep(slot, until: now + Self.memory)
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
  var losses: UInt64 { sendings.refusedCount }
}
