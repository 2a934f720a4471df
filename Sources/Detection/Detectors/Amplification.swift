import Analysis
import Flows
import Reports
import Terms

/// Finds reflected floods: large answers of UDP services to a host that never asked, seen at the
/// reflector (many questions in one client's name whose answers are many times larger) or at the
/// victim (answers without questions).
///
/// What tells it from a busy resolver is the ratio of bytes, kept up over many questions: ordinary
/// DNS answers are two to five times their questions (Rossow, "Amplification Hell", NDSS 2014).
struct Amplification: FlowReader {
  static let queries = EngineLimit(
    "amplification.queries", 50, .count,
    "Questions in one outside client's name to a service before their answers are weighed.")
  static let factor = EngineLimit(
    "amplification.factor", 8, .count, "Times that answers must be larger than questions.")
  static let answers = EngineLimit(
    "amplification.answers", 100, .count,
    "Answers to one host that nobody asked for that are reported.")
  static let size = EngineLimit(
    "amplification.size", 400, .count, "Least mean size of such answers, in bytes on the wire.")
  static let inside = EngineLimit(
    "amplification.inside", 10, .count,
    "Times the questions that it takes when the client is one of the site's own.")
  static let halfLife = EngineLimit(
    "amplification.half-life", 300, .duration, "Time after which idle counts have halved.")
  static let clients = EngineLimit(
    "amplification.clients", 4096, .count, "Clients and victims remembered at once.")
  static let memory = EngineLimit(
    "amplification.memory", 3600, .duration, "Silence after which a new attack begins.")
  static let quiet = EngineLimit(
    "amplification.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "amplification.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [
    queries, factor, answers, size, inside, halfLife, clients, memory, quiet, spacing,
  ]

  /// Least mean size of answers of other services than DNS from afar, in bytes on the wire: SSDP's
  /// and the character generator's are of 200 to 400.
  static let shortAnswer = 150.0

  /// Fading sums of one client and service.
  struct Detail: Sendable {
    var queries = 0.0
    var bytesOut = 0.0
    var bytesIn = 0.0
    /// Answers without a question, and their bytes.
    var unasked = 0.0
    var unaskedBytes = 0.0
    /// Whole counts.
    var queryCount: UInt64 = 0
    var answerCount: UInt64 = 0
    var byteCount: UInt64 = 0
    var newest = IPAddress.unspecified

    fileprivate mutating func fade(_ share: Double) {
      queries *= share
      bytesOut *= share
      bytesIn *= share
      unasked *= share
      unaskedBytes *= share
    }

    fileprivate mutating func exchange(_ event: UnsafePointer<FlowEvent>) {
      queries += Double(event.pointee.packetsOut)
      bytesOut += Double(event.pointee.bytesOut)
      bytesIn += Double(event.pointee.bytesIn)
      queryCount &+= UInt64(event.pointee.packetsOut)
      answerCount &+= UInt64(event.pointee.packetsIn)
      byteCount &+= event.pointee.bytesIn
    }
  }

  private let own: [IPPrefix]
  private let home: [IPPrefix]
  private let queryLimit: Double
  private let factorLimit: Double
  private let answerLimit: Double
  private let sizeLimit: Double
  private let insideFactor: Double
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    own = context.prefixes
    home = context.home.isEmpty ? context.prefixes : context.home
    queryLimit = max(limits[Self.queries], 1)
    factorLimit = max(limits[Self.factor], 1)
    answerLimit = max(limits[Self.answers], 1)
    sizeLimit = limits[Self.size]
    insideFactor = max(limits[Self.inside], 1)
    seen = SightingTable(
      capacity: limits.count(Self.clients), empty: Detail(), halfLife: limits.span(Self.halfLife),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses { .flow(.opened, .progress, .closed, over: .udp) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == .udp, event.pointee.isOfFlow,
      event.pointee.packetsOut > 0 || event.pointee.packetsIn > 0
    else { return }
    if ReflectorService.holds(event.pointee.sourcePort), isUnasked(event) {
      flood(event, into: &sink)
    } else if ReflectorService.holds(event.pointee.targetPort) {
      exchange(event, into: &sink)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }
}

// MARK: - Counting

extension Amplification {
  /// Whether the flow is answers alone; one from a service's port to the same port counts only when
  /// it is too large for questions.
  @inline(__always) private func isUnasked(_ event: UnsafePointer<FlowEvent>) -> Bool {
    guard event.pointee.packetsIn == 0, !event.pointee.isEstablished,
      !event.pointee.target.isMulticast,
      !event.pointee.target.isLimitedBroadcast, !event.pointee.targetMAC.isGroup
    else { return false }
    return !ReflectorService.holds(event.pointee.targetPort)
      || Double(event.pointee.bytesOut) >= sizeLimit * Double(event.pointee.packetsOut)
  }

  private func key(_ host: IPAddress, _ port: UInt16) -> TableKey {
    TableKey(host, detail: UInt64(port))
  }

  private mutating func note(
    _ event: UnsafePointer<FlowEvent>, _ key: TableKey, _ server: IPAddress
  ) -> Int {
    let known = seen.find(key)
    let before = known < 0 ? event.pointee.time : seen[known].last
    let packets = UInt64(event.pointee.packetsOut) + UInt64(event.pointee.packetsIn)
    let slot = seen.note(key, count: packets, packet: event.pointee.packet, at: event.pointee.time)
    guard slot >= 0 else { return -1 }
    let fading = seen.fading(from: before, to: event.pointee.time)
    if fading < 1 { seen[slot].detail.fade(fading) }
    if seen[slot].detail.newest != server {
      seen[slot].detail.newest = server
      // An ordinary client asks many servers; they are named only when answers are large.
      let detail = seen[slot].detail
      if detail.unasked > 0 || detail.bytesIn >= factorLimit / 2 * detail.bytesOut {
        seen[slot].sources.insert(server)
      }
    }
    return slot
  }

  /// A question in the client's name, and what came back.
  private mutating func exchange(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard !event.pointee.target.isMulticast, !event.pointee.target.isLimitedBroadcast else {
      return
    }
    let slot = note(
      event, key(event.pointee.source, event.pointee.targetPort), event.pointee.target)
    guard slot >= 0 else { return }
    seen[slot].detail.exchange(event)
    judge(slot, at: event.pointee.time, into: &sink)
  }

  /// Answers without a question.
  private mutating func flood(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let slot = note(
      event, key(event.pointee.target, event.pointee.sourcePort), event.pointee.source)
    guard slot >= 0 else { return }
    seen[slot].detail.unasked += Double(event.pointee.packetsOut)
    seen[slot].detail.unaskedBytes += Double(event.pointee.bytesOut)
    seen[slot].detail.answerCount &+= UInt64(event.pointee.packetsOut)
    seen[slot].detail.byteCount &+= event.pointee.bytesOut
    judge(slot, at: event.pointee.time, into: &sink)
  }
}

// MARK: - Judging

extension Amplification {
  private func isReflected(_ detail: Detail, _ client: IPAddress, _ port: UInt16) -> Bool {
    // Only name servers have large answers to honest questions from outside.
    let factor = port == ReflectorService.dns.rawValue ? factorLimit : factorLimit / 2
    guard detail.queries >= queryLimit, detail.bytesIn >= factor * detail.bytesOut else {
      return false
    }
    return detail.queries >= queryLimit * insideFactor || !home.contains { $0.contains(client) }
  }

  private func isFlooded(_ detail: Detail, _ port: UInt16) -> Bool {
    // Small services answer shortly; neighbours may do so because a group was asked, which stays
    // within its segment.
    let isHome = home.contains { $0.contains(detail.newest) }
    let isNear =
      isHome
      ? own.contains { $0.contains(detail.newest) }
      : AddressRanges.privateUse.contains(detail.newest)
    let isShort = port != ReflectorService.dns.rawValue && !isNear
    let size = isShort ? min(sizeLimit, Self.shortAnswer) : sizeLimit
    return detail.unasked >= answerLimit && detail.unaskedBytes >= size * detail.unasked
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    // Asked for each event: looks at the case where it stands.
    guard seen[slot].detail.queries >= queryLimit || seen[slot].detail.unasked >= answerLimit
    else { return }
    let detail = seen[slot].detail
    let port = UInt16(truncatingIfNeeded: seen.key(slot).detail)
    let isTold = isReflected(detail, seen.key(slot).address, port) || isFlooded(detail, port)
    if seen.isDue(slot, isTold: isTold, at: now) { emit(slot, at: now, into: &sink) }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let detail = sighting.detail
    let victim = seen.key(slot).address
    let port = UInt16(truncatingIfNeeded: seen.key(slot).detail)
    let ratio = detail.bytesIn / max(detail.bytesOut, 1)
    let margin = max(
      detail.queries / queryLimit * min(ratio / factorLimit, 1), detail.unasked / answerLimit)
    var report = sink.opening(
      .amplification, subject: "\(victim):\(port)", first: sighting.first, last: sighting.last,
      at: now, severity: 7, confidence: min(0.97, 1 - 0.4 / max(margin, 1)))
    report.sources = sighting.sources
    if sighting.sources.isEmpty { report.sources.insert(detail.newest) }
    report.targets.insert(victim)
    report.ports = [port]
    report.transport = .udp
    report.attributes = [
      "service": .text(ReflectorService.text(port)), "factor": .ratio(ratio),
      "queries": .count(detail.queryCount), "answers": .count(detail.answerCount),
      "bytes": .bytes(detail.byteCount), "reflectors": .count(UInt64(report.sources.count)),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term("questions", detail.queries, threshold: queryLimit, unit: "packets"),
      Term("answer bytes per question byte", ratio, threshold: factorLimit),
      Term("answers nobody asked for", detail.unasked, threshold: answerLimit, unit: "packets"),
      Term(
        "their mean size", detail.unaskedBytes / max(detail.unasked, 1), threshold: sizeLimit,
        unit: "bytes"),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension Amplification: LossCounting {
  var losses: UInt64 { seen.losses }
}
