import Analysis
import Flows
import Glibc
import Reports
import Terms

/// Finds a service that used to answer and stops, while those who know it keep asking: EMERALD's
/// availability of a service (Porras & Valdes 1998, "service availability").
///
/// Each failed request of a client that the service has answered before is a trial of Wald's
/// sequential test ("Sequential Analysis", 1947) between the service's own usual share of failures
/// and 90 %; an answer to anybody ends the test. A service counts as down after failures of several
/// clients over some seconds: only a refusal by the host itself shows that one client's way there
/// is not to blame. Nobody asking is no failure, and nor is what a stranger meets who tries doors.
struct ServiceHealth: FlowReader {
  static let answers = EngineLimit(
    "service-down.answers", 16, .count, "Answered requests that make a service's history.")
  static let span = EngineLimit(
    "service-down.history", 20, .duration, "Event time over which they must spread.")
  static let failures = EngineLimit(
    "service-down.failures", 4, .count, "Least number of failed requests.")
  static let lasting = EngineLimit(
    "service-down.lasting", 5, .duration,
    "Event time for which requests must have failed: a service that restarts is not down.")
  static let clients = EngineLimit(
    "service-down.clients", 2, .count,
    "Clients that must have failed, where the host itself does not refuse.")
  static let doubt = EngineLimit(
    "service-down.doubt", 0.000_01, .ratio,
    "Chance of failures like these while the service is as always (Wald's α).")
  static let services = EngineLimit(
    "service-down.services", 2048, .count, "Services watched at once; about 350 bytes each.")
  static let memory = EngineLimit(
    "service-down.memory", 86_400, .duration, "How long a service that nobody asks is remembered.")
  static let quiet = EngineLimit(
    "service-down.quiet", 600, .duration, "Silence of all clients after which a report is over.")
  static let limits = [
    answers, span, failures, lasting, clients, doubt, services, memory, quiet,
  ]

  /// Share of requests that fail while a service is down.
  private static let downShare = 0.9
  /// Requests after which an answer, or a failure, of the past counts half.
  private static let historyRequests = 200.0
  /// The service is up again after this many answers in a row.
  private static let recovery = 2
  /// Clients remembered as having been answered.
  private static let knownClients = 8

  struct Service: Sendable {
    /// Answers and failures of the past, fading with each request.
    var answered = 0.0
    var failed = 0.0
    /// Answered requests in all, and when the first and the newest of them began.
    var answers: UInt64 = 0
    var firstAnswer = CaptureTime.distantPast
    var lastAnswer = CaptureTime.distantPast
    /// Hashes of clients that were answered, in turn; 0 is free.
    var known = SIMD8<UInt64>()
    var cursor = 0
    /// Logarithm of Wald's ratio.
    var evidence = 0.0
    /// Failures since the last answer, how many of them the host itself refused, whose they were
    /// (a bit for each known client), and when the first and the last happened.
    var failures: UInt64 = 0
    var refusals: UInt64 = 0
    var failing: UInt8 = 0
    var since = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    /// Answers in a row while a report is open.
    var recovering = 0
    var packets = PacketSample()
    var sources = AddressSet()
    var thread = ReportThread(spacing: .seconds(10))
  }

  private let inside: AddressRanges
  private let answerLimit: UInt64
  private let historySpan: TimeSpan
  private let failureLimit: UInt64
  private let lastingSpan: TimeSpan
  private let clientLimit: Int
  private let evidenceLimit: Double
  private let memorySpan: TimeSpan
  private let quietSpan: TimeSpan
  private var table: BoundedTable<Service>
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    let known = context.home + context.prefixes
    inside = known.isEmpty ? AddressRanges.privateUse : AddressRanges(known)
    answerLimit = UInt64(limits.count(Self.answers))
    historySpan = limits.span(Self.span)
    failureLimit = UInt64(max(limits.count(Self.failures), 1))
    lastingSpan = limits.span(Self.lasting)
    clientLimit = max(limits.count(Self.clients), 1)
    evidenceLimit = -log(min(max(limits[Self.doubt], 1e-30), 0.5))
    memorySpan = limits.span(Self.memory)
    quietSpan = limits.span(Self.quiet)
    table = BoundedTable(capacity: limits.count(Self.services), empty: Service())
  }

  var interest: EventClasses { .flow(.established, .refused, .unanswered, .closed) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    switch event.pointee.kind {
    case .established:
      // A datagram flow ends a minute after its answer.
      if event.pointee.transport == .udp { answer(event, into: &sink) }
    case .closed:
      guard event.pointee.isEstablished, event.pointee.transport == .tcp,
        event.pointee.ending != .captureEnded,
        event.pointee.ending != .evicted
      else { return }
      if event.pointee.payloadIn > 0 {
        answer(event, into: &sink)
      } else if event.pointee.payloadOut > 0 {
        fail(event, isRefusal: false, into: &sink)
      }
    case .refused: fail(event, isRefusal: event.pointee.totalPacketsIn > 0, into: &sink)
    case .unanswered: fail(event, isRefusal: false, into: &sink)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    for slot in table.slots where table[slot].thread.isOpen {
      let due = max(table[slot].last, table[slot].thread.emitted) + quietSpan
      if due <= now {
        conclude(slot, until: nil, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, due)
      }
    }
  }
}

// MARK: - Requests

extension ServiceHealth {
  @inline(__always) private func key(_ event: UnsafePointer<FlowEvent>) -> TableKey? {
    guard event.pointee.transport == .tcp || event.pointee.transport == .udp,
      event.pointee.targetPort < Usage.dynamicPorts, inside.contains(event.pointee.target)
    else { return nil }
    return UsageProfiles.key(
      event.pointee.target, event.pointee.targetPort, event.pointee.transport)
  }

  private mutating func answer(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.payloadOut > 0, let key = key(event) else { return }
    let slot = table.admit(key, asOf: event.pointee.time, until: event.pointee.time + .minutes(5))
    guard slot >= 0 else { return }
    if table[slot].answers == 0 { table[slot].firstAnswer = event.pointee.opened }
    table[slot].answers &+= 1
    table[slot].lastAnswer = max(table[slot].lastAnswer, event.pointee.opened)
    remember(TableKey(event.pointee.source).hash | 1, at: slot)
    if hasHistory(slot) { table.keep(slot, until: event.pointee.time + memorySpan) }
    count(slot, answered: 1, failed: 0)
    // A request from before the failures is no sign that the service is back.
    guard table[slot].failures > 0, event.pointee.opened > table[slot].since else { return }
    guard table[slot].thread.isOpen else { return clear(slot) }
    table[slot].recovering += 1
    if table[slot].recovering >= Self.recovery {
      conclude(slot, until: event.pointee.opened, at: event.pointee.time, into: &sink)
    }
  }

  private mutating func fail(
    _ event: UnsafePointer<FlowEvent>, isRefusal: Bool, into sink: inout ReportSink
  ) {
    guard let key = key(event) else { return }
    let slot = table.find(key)
    guard slot >= 0, hasHistory(slot) else { return }
    let client = TableKey(event.pointee.source).hash | 1
    guard let place = (0..<Self.knownClients).first(where: { table[slot].known[$0] == client })
    else { return }
    // A request that began before the newest one that was answered says nothing new.
    guard event.pointee.opened > table[slot].lastAnswer else { return }
    if table[slot].failures == 0 { table[slot].since = event.pointee.opened }
    table[slot].failures &+= 1
    table[slot].refusals &+= isRefusal ? 1 : 0
    table[slot].failing |= 1 << UInt8(place)
    table[slot].last = event.pointee.time
    table[slot].recovering = 0
    table[slot].packets.add(event.pointee.firstPacket)
    table[slot].sources.insert(event.pointee.source)
    table[slot].evidence += log(Self.downShare / usualFailures(slot))
    table.keep(slot, until: event.pointee.time + memorySpan)
    if table[slot].thread.isOpen {
      if table[slot].thread.isDue(count: table[slot].failures, at: event.pointee.time) {
        emit(slot, until: nil, at: event.pointee.time, into: &sink)
      }
    } else if isDown(slot) {
      emit(slot, until: nil, at: event.pointee.time, into: &sink)
    }
    if table[slot].evidence < evidenceLimit { count(slot, answered: 0, failed: 1) }
  }

  private func isDown(_ slot: Int) -> Bool {
    let service = table[slot]
    guard service.evidence >= evidenceLimit, service.failures >= failureLimit,
      service.last - service.since >= lastingSpan
    else { return false }
    // Most must be refusals, or several clients must see the same.
    return service.refusals * 2 > service.failures
      || service.failing.nonzeroBitCount >= clientLimit
  }

  private func hasHistory(_ slot: Int) -> Bool {
    table[slot].answers >= answerLimit
      && table[slot].lastAnswer - table[slot].firstAnswer >= historySpan
  }

  /// The service's share of failures while it is up, never below 2 %.
  private func usualFailures(_ slot: Int) -> Double {
    let service = table[slot]
    return min(0.8, max(0.02, service.failed / max(service.answered + service.failed, 1)))
  }

  private mutating func count(_ slot: Int, answered: Double, failed: Double) {
    let fading = 1 - 0.693 / Self.historyRequests
    table[slot].answered = table[slot].answered * fading + answered
    table[slot].failed = table[slot].failed * fading + failed
  }

  private mutating func remember(_ client: UInt64, at slot: Int) {
    for place in 0..<Self.knownClients where table[slot].known[place] == client { return }
    table[slot].known[table[slot].cursor & (Self.knownClients - 1)] = client
    table[slot].cursor &+= 1
  }

  private mutating func clear(_ slot: Int) {
    table[slot].evidence = 0
    table[slot].failures = 0
    table[slot].refusals = 0
    table[slot].failing = 0
    table[slot].recovering = 0
    table[slot].packets = PacketSample()
    table[slot].sources = AddressSet()
  }
}

// MARK: - Reports

extension ServiceHealth {
  private mutating func conclude(
    _ slot: Int, until end: CaptureTime?, at now: CaptureTime, into sink: inout ReportSink
  ) {
    emit(slot, until: end, at: now, into: &sink)
    clear(slot)
    table[slot].thread = ReportThread(spacing: .seconds(10))
  }

  private mutating func emit(
    _ slot: Int, until end: CaptureTime?, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let service = table[slot]
    let key = table.key(slot)
    let port = UInt16(truncatingIfNeeded: key.detail)
    let transport = TransportProtocol(number: UInt8(truncatingIfNeeded: key.detail >> 16))
    var report = sink.opening(
      .serviceDown, subject: "\(key.address) \(transport)/\(port)", first: service.since,
      last: service.last, at: now, severity: 5,
      confidence: min(0.95, 0.6 + 0.1 * Double(service.failing.nonzeroBitCount)))
    report.targets.insert(key.address)
    report.ports = [port]
    report.transport = transport
    report.attributes = [
      "service": .text("\(transport)/\(port)"), "failures": .count(service.failures),
      "since": .time(service.since),
    ]
    if let end { report.attributes["until"] = .time(end) }
    report.evidence = [sink.evidence(service.packets.indices)]
    report.terms = [
      Term("evidence of failures", service.evidence, threshold: evidenceLimit),
      Term("usual share of failures", usualFailures(slot)),
      Term("failed requests", Double(service.failures), threshold: Double(failureLimit)),
      Term("refused by the host", Double(service.refusals), unit: "requests"),
      Term("clients", Double(service.failing.nonzeroBitCount), threshold: Double(clientLimit)),
      Term("answered before", Double(service.answers), threshold: Double(answerLimit)),
    ]
    table[slot].thread.emit(report, count: service.failures, at: now, into: &sink)
    nextDeadline = min(nextDeadline, now + quietSpan)
  }
}

extension ServiceHealth: LossCounting {
  var losses: UInt64 { table.refusedCount }
}
