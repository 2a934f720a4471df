import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds sources that work out what services are there, and in which version: they read greetings
/// and hang up, wait for one in vain and then ask barely, or try language after language at one port
/// (nmap -sV, amap, banner grabbers).
///
/// A health check does one of these, over and over, where it is expected; what counts is different
/// services met in different such ways, each once.
struct ServiceProbe: AnalysisEngine {
  static let score = EngineLimit(
    "service-probe.score", 3, .ratio,
    "Weight of one source's probes that is reported: a greeting read counts 1, a bare request 1, one after a vain wait 2, each further language at a port 1.5."
  )
  static let ways = EngineLimit(
    "service-probe.ways", 2, .count, "Different ways of probing that must be among them.")
  static let wait = EngineLimit(
    "service-probe.wait", 4, .duration, "Silence before the first request that is a vain wait.")
  static let rounds = EngineLimit(
    "service-probe.rounds", 3, .count,
    "Times that a port is met in one way from which on that is a health check.")
  static let sources = EngineLimit(
    "service-probe.sources", 2048, .count, "Sources remembered at once.")
  static let services = EngineLimit(
    "service-probe.services", 8192, .count, "Services met by sources that are remembered at once.")
  static let memory = EngineLimit(
    "service-probe.memory", 1800, .duration, "Silence after which a source is forgotten.")
  static let quiet = EngineLimit(
    "service-probe.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "service-probe.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [score, ways, wait, rounds, sources, services, memory, quiet, spacing]

  /// How a service is met.
  enum Way: UInt8, CaseIterable {
    case greeting, bareRequest, languages, named

    var text: String {
      switch self {
      case .greeting: "greetings"
      case .bareRequest: "bare requests"
      case .languages: "languages"
      case .named: "a scanner's request"
      }
    }
  }

  /// What one source did at one port.
  struct Meeting: Sendable {
    /// Languages spoken, by `Language`.
    var languages: UInt32 = 0
    var counts = SIMD4<UInt8>(repeating: 0)
    /// Weight that it adds to its source's, by way.
    var weights = SIMD4<Double>(repeating: 0)
    var last = CaptureTime.distantPast
  }

  struct Detail: Sendable {
    var weights = SIMD4<Double>(repeating: 0)
    var ports: [UInt16] = []
    var service = ""

    var ways: Int { (0..<4).count { weights[$0] > 0.5 } }
    var weight: Double { weights.sum() }
  }

  /// Ports named in a report.
  private static let portLimit = 32

  private let scoreLimit: Double
  private let wayLimit: Int
  private let waitSpan: TimeSpan
  private let roundLimit: UInt8
  private let memorySpan: TimeSpan
  private var meetings: BoundedTable<Meeting>
  private var seen: SightingTable<Detail>

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = limits[Self.score]
    wayLimit = max(limits.count(Self.ways), 1)
    waitSpan = limits.span(Self.wait)
    roundLimit = UInt8(min(max(limits.count(Self.rounds), 2), 200))
    memorySpan = limits.span(Self.memory)
    meetings = BoundedTable(capacity: limits.count(Self.services), empty: Meeting())
    seen = SightingTable(
      capacity: limits.count(Self.sources), empty: Detail(), halfLife: memorySpan,
      memory: memorySpan, quiet: limits.span(Self.quiet), spacing: limits.span(Self.spacing))
  }

  var nextDeadline: CaptureTime { seen.nextDeadline }

  var interest: EventClasses {
    .session(.http, .tls, .ssh, .dns, .smb, .rdp, .smtp, .ftp, .pop, .imap, .payload, .closed)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard event.transport == .tcp else { return }
    if case .closed(let closing) = event.what {
      guard closing.isEstablished, closing.bytesOut == 0, closing.bytesIn > 0 else { return }
      meet(.greeting, weight: 1, event, into: &sink)
      return
    }
    guard event.isFromClient, let language = ProbeLanguage(event) else { return }
    if case .http(let request) = event.what, request.number == 0 {
      ask(request, event, into: &sink)
    }
    speak(language, event, into: &sink)
  }
}

// MARK: - Counting

extension ServiceProbe {
  /// A request that says nothing but what it wants.
  private mutating func ask(
    _ request: HTTPRequest, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    if request.target.mentions("/nice%20ports") {
      meet(.named, weight: 3, event, into: &sink)
    }
    guard request.host.isEmpty, request.userAgent.isEmpty, request.referer.isEmpty,
      request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS"
    else { return }
    let waited = request.started - event.opened >= waitSpan
    meet(.bareRequest, weight: waited ? 2 : 1, event, into: &sink)
  }

  /// Notes the language; each after the first weighs.
  private mutating func speak(
    _ language: ProbeLanguage, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = meeting(event)
    guard slot >= 0, meetings[slot].languages & language.bit == 0 else { return }
    let isFirst = meetings[slot].languages == 0
    meetings[slot].languages |= language.bit
    guard !isFirst else { return }
    let count = meetings[slot].languages.nonzeroBitCount
    meet(.languages, weight: 1.5 * Double(count - 1), event, into: &sink)
  }

  private mutating func meeting(_ event: SessionEvent) -> Int {
    let key = TableKey(
      event.client, detail: TableKey(event.server, detail: UInt64(event.serverPort)).hash)
    let slot = meetings.admit(key, asOf: event.time, until: event.time + .seconds(10))
    guard slot >= 0 else { return -1 }
    if event.time - meetings[slot].last > memorySpan { meetings[slot] = Meeting() }
    meetings[slot].last = event.time
    return slot
  }

  /// Brings one way of meeting a service to its source's account: once, and not at all when it goes
  /// on as a health check does.
  private mutating func meet(
    _ way: Way, weight: Double, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = meeting(event)
    guard slot >= 0 else { return }
    let place = Int(way.rawValue)
    if meetings[slot].counts[place] < .max { meetings[slot].counts[place] += 1 }
    let isCheck = way != .languages && meetings[slot].counts[place] >= roundLimit
    let known = meetings[slot].weights[place]
    let worth = isCheck ? 0 : max(known, weight)
    meetings[slot].weights[place] = worth
    meetings.keep(slot, until: event.time + .minutes(5))
    guard worth != known else { return }

    let source = seen.note(
      TableKey(event.client), count: worth > known ? 1 : 0, packet: event.packet, at: event.time)
    guard source >= 0 else { return }
    seen[source].detail.weights[place] = max(
      0, seen[source].detail.weights[place] + worth - known)
    seen[source].targets.insert(event.server)
    if seen[source].detail.ports.count < Self.portLimit,
      !seen[source].detail.ports.contains(event.serverPort)
    {
      seen[source].detail.ports.append(event.serverPort)
    }
    let detail = seen[source].detail
    let isTold =
      detail.weight >= scoreLimit && detail.ways >= wayLimit
      || detail.weight >= 2 * scoreLimit
        && detail.weights[Int(Way.languages.rawValue)] >= scoreLimit
    if seen.isDue(source, isTold: isTold, at: event.time) {
      emit(source, at: event.time, into: &sink)
    }
  }
}

// MARK: - Judging

extension ServiceProbe {
  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let detail = sighting.detail
    let source = seen.key(slot).address
    let ways = Way.allCases.filter { detail.weights[Int($0.rawValue)] > 0.5 }
    var report = sink.opening(
      .serviceProbe, subject: "services \(source)", first: sighting.first, last: sighting.last,
      at: now, severity: 4,
      confidence: min(0.95, 1 - 0.4 * scoreLimit / max(detail.weight, scoreLimit)))
    report.sources.insert(source)
    report.targets = sighting.targets
    report.ports = detail.ports.sorted()
    report.transport = .tcp
    report.attributes = [
      "probes": .count(sighting.count),
      "technique": .text(ways.map(\.text).joined(separator: ", ")),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms =
      [Term("weight of probes", detail.weight, threshold: scoreLimit)]
      + ways.map { Term($0.text, detail.weights[Int($0.rawValue)]) }
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension ServiceProbe: LossCounting {
  var losses: UInt64 { meetings.refusedCount &+ seen.losses }
}
