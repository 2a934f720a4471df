import Analysis
import Flows
import Reports
import Terms

/// Finds password guessing by the shape of sessions alone: one source opens many short sessions
/// with one login service, each with little more than a refused login in it, in parallel or one
/// after the other.
///
/// The same source's use of the service (more data, an FTP data connection) weighs against, as do
/// pauses: a job that logs in once a minute never gets there.
struct BruteForce: FlowReader {
  static let score = EngineLimit(
    "brute-force.score", 7, .count,
    "Guessing score of a source: 0.3 per session, 1.5 if at once after another, 2 if beside one."
  )
  static let sessions = EngineLimit(
    "brute-force.sessions", 5, .count, "Least number of short sessions.")
  static let halfLife = EngineLimit(
    "brute-force.half-life", 300, .duration, "Time after which an idle score has halved.")
  static let payload = EngineLimit(
    "brute-force.payload", 6000, .count, "Payload bytes each way up to which a session is short.")
  static let duration = EngineLimit(
    "brute-force.duration", 900, .duration, "Length up to which a session is short.")
  static let pairs = EngineLimit(
    "brute-force.pairs", 8192, .count, "Pairs of source and service remembered at once.")
  static let quiet = EngineLimit(
    "brute-force.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "brute-force.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [score, sessions, halfLife, payload, duration, pairs, quiet, spacing]

  /// Least payload from the source of a session in which a login can have been tried, in bytes.
  static let leastPayload: UInt64 = 20

  /// Score of a short session by itself; what it gains by overlapping another, or by following one
  /// at once.
  static let aloneScore = 0.3
  static let overlapScore = 1.7
  static let sequenceScore = 1.2

  struct Pair: Sendable {
    var target = IPAddress.unspecified
    var score = 0.0
    var scored = CaptureTime.distantPast
    var sessions: UInt64 = 0
    var uses: UInt64 = 0
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    /// The last sessions: begin, end, and whether each got the credit for company.
    var begins = SIMD8<Int64>()
    var ends = SIMD8<Int64>()
    var credited: UInt8 = 0
    var cursor = 0
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  private let scoreLimit: Double
  private let sessionLimit: UInt64
  private let decay: TimeSpan
  private let payloadLimit: UInt64
  private let durationSpan: TimeSpan
  private let quietSpan: TimeSpan
  private var pairs: BoundedTable<Pair>
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = limits[Self.score]
    sessionLimit = UInt64(max(limits.count(Self.sessions), 1))
    decay = limits.span(Self.halfLife)
    payloadLimit = UInt64(limits.count(Self.payload))
    durationSpan = limits.span(Self.duration)
    quietSpan = limits.span(Self.quiet)
    pairs = BoundedTable(
      capacity: limits.count(Self.pairs),
      empty: Pair(thread: ReportThread(spacing: limits.span(Self.spacing))))
  }

  var interest: EventClasses { .flow(.established, .closed, over: .tcp) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == .tcp else { return }
    if event.pointee.kind == .closed {
      guard event.pointee.isEstablished, let service = LoginService(port: event.pointee.targetPort)
      else { return }
      close(event, service, into: &sink)
    } else if event.pointee.kind == .established, event.pointee.targetPort >= 1024 {
      transfer(event)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in pairs.slots where pairs[slot].thread.isStale(count: pairs[slot].sessions) {
      let due = pairs[slot].thread.lastDue(after: pairs[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

// MARK: - Scoring

extension BruteForce {
  private func key(_ source: IPAddress, _ target: IPAddress, _ port: UInt16) -> TableKey {
    TableKey(
      source,
      detail: ContactMemory.hash(source, target, port: port, transport: .tcp) << 16 | UInt64(port))
  }

  private mutating func close(
    _ event: UnsafePointer<FlowEvent>, _ service: LoginService, into sink: inout ReportSink
  ) {
    guard event.pointee.payloadOut >= Self.leastPayload, event.pointee.ending != .evicted,
      event.pointee.ending != .captureEnded
    else { return }
    let key = key(event.pointee.source, event.pointee.target, event.pointee.targetPort)
    let isShort =
      event.pointee.payloadOut <= payloadLimit && event.pointee.payloadIn <= payloadLimit
      && event.pointee.time - event.pointee.opened <= durationSpan
    let known = pairs.find(key)
    guard isShort else {
      if known >= 0 { use(known) }
      return
    }
    let slot =
      known >= 0 ? known : pairs.admit(key, asOf: event.pointee.time, until: event.pointee.time)
    guard slot >= 0 else { return }
    fade(slot, to: event.pointee.time)
    if pairs[slot].sessions == 0 { pairs[slot].first = event.pointee.opened }
    pairs[slot].target = event.pointee.target
    pairs[slot].first = min(pairs[slot].first, event.pointee.opened)
    pairs[slot].last = event.pointee.time
    pairs[slot].sessions &+= 1
    pairs[slot].packets.add(event.pointee.firstPacket)
    pairs[slot].score +=
      service.weight(payloadOut: event.pointee.payloadOut, payloadIn: event.pointee.payloadIn)
      * (Self.aloneScore + company(event, at: slot))
    pairs.keep(slot, until: event.pointee.time + .seconds(Int(min(pairs[slot].sessions, 60)) * 10))
    judge(slot, at: event.pointee.time, into: &sink)
  }

  private mutating func use(_ slot: Int) {
    pairs[slot].uses &+= 1
    pairs[slot].score = max(0, pairs[slot].score - 2)
  }

  /// An FTP data connection: the login went well.
  private mutating func transfer(_ event: UnsafePointer<FlowEvent>) {
    let slot = pairs.find(
      key(event.pointee.source, event.pointee.target, LoginService.ftp.rawValue))
    if slot >= 0 { use(slot) }
  }

  private mutating func fade(_ slot: Int, to now: CaptureTime) {
    let halves = (now - pairs[slot].scored).seconds / decay.seconds
    pairs[slot].score = halves < 60 ? pairs[slot].score * Self.power(halves) : 0
    pairs[slot].scored = now
  }

  /// 2^-x for x ≥ 0, piecewise linear between whole powers.
  private static func power(_ x: Double) -> Double {
    let whole = Int(max(0, x))
    let base = 1 / Double(UInt64(1) << UInt64(min(whole, 62)))
    return base * (1 - (max(0, x) - Double(whole)) / 2)
  }

  /// The credit for overlapping one of the last eight sessions, and for each of those that had none
  /// yet; less where this session only followed one at once, as guesses one by one do and a job
  /// once a minute does not.
  private mutating func company(_ event: UnsafePointer<FlowEvent>, at slot: Int) -> Double {
    let begin = event.pointee.opened.nanoseconds
    let end = event.pointee.time.nanoseconds
    var credit = 0.0
    var hasCompany = false
    var follows = false
    for index in 0..<min(8, Int(min(pairs[slot].sessions &- 1, 8))) {
      let (otherBegin, otherEnd) = (pairs[slot].begins[index], pairs[slot].ends[index])
      if begin <= otherEnd, otherBegin <= end {
        hasCompany = true
        if pairs[slot].credited >> UInt8(index) & 1 == 0 {
          pairs[slot].credited |= 1 << UInt8(index)
          credit += Self.overlapScore
        }
      } else if begin > otherEnd, begin &- otherEnd <= max(0, otherEnd &- otherBegin) {
        follows = true
      }
    }
    let place = pairs[slot].cursor
    pairs[slot].begins[place] = begin
    pairs[slot].ends[place] = end
    pairs[slot].credited &= ~(1 << UInt8(place))
    if hasCompany { pairs[slot].credited |= 1 << UInt8(place) }
    pairs[slot].cursor = (place + 1) % 8
    return credit + (hasCompany ? Self.overlapScore : follows ? Self.sequenceScore : 0)
  }
}

// MARK: - Judging

extension BruteForce {
  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if pairs[slot].thread.isOpen {
      if pairs[slot].thread.isDue(count: pairs[slot].sessions, at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
    } else if pairs[slot].score >= scoreLimit, pairs[slot].sessions >= sessionLimit {
      emit(slot, at: now, into: &sink)
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let fresh = report(slot, at: now, from: sink)
    let count = pairs[slot].sessions
    pairs[slot].thread.emit(fresh, count: count, at: now, into: &sink)
    pairs.keep(slot, until: now + .minutes(30))
  }

  private func report(_ slot: Int, at now: CaptureTime, from sink: ReportSink) -> Report {
    let pair = pairs[slot]
    let source = pairs.key(slot).address
    let port = UInt16(truncatingIfNeeded: pairs.key(slot).detail)
    let margin = pair.score / scoreLimit
    var report = sink.opening(
      .bruteForce, subject: "\(source) \(pair.target):\(port)", first: pair.first, last: pair.last,
      at: now, severity: 7, confidence: min(0.95, 1 - 0.5 / (1 + max(0, margin - 0.5))))
    report.sources.insert(source)
    report.targets.insert(pair.target)
    report.ports = [port]
    report.transport = .tcp
    report.attributes = [
      "service": .text(LoginService(port: port)?.text ?? "\(port)"),
      "attempts": .count(pair.sessions),
      "duration": .duration(pair.last - pair.first),
    ]
    report.evidence = [sink.evidence(pair.packets.indices)]
    report.terms = [
      Term("guessing score", pair.score, threshold: scoreLimit),
      Term(
        "short sessions", Double(pair.sessions), threshold: Double(sessionLimit), unit: "sessions"),
      Term("sessions of real use", Double(pair.uses), unit: "sessions"),
    ]
    return report
  }
}

extension BruteForce: LossCounting {
  var losses: UInt64 { pairs.refusedCount }
}
