import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds requests for so many pieces of one page at once that the server drowns in putting them
/// together (CVE-2011-3192, "Apache killer"; `slowhttptest -R`).
///
/// Readers of documents and download managers ask for a few dozen ranges at most; current servers
/// refuse more than 200 (Apache's `MaxRanges`).
struct RangeRequests: AnalysisEngine {
  static let ranges = EngineLimit(
    "range-requests.ranges", 200, .count, "Ranges of one request from which it is hostile.")
  static let requests = EngineLimit(
    "range-requests.requests", 3, .count, "Such requests to one server that are reported.")
  static let halfLife = EngineLimit(
    "range-requests.half-life", 300, .duration, "Time after which an idle count has halved.")
  static let servers = EngineLimit(
    "range-requests.servers", 512, .count, "Servers so asked remembered at once.")
  static let memory = EngineLimit(
    "range-requests.memory", 3600, .duration, "Silence after which a new attack begins.")
  static let quiet = EngineLimit(
    "range-requests.quiet", 30, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "range-requests.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [ranges, requests, halfLife, servers, memory, quiet, spacing]

  private let rangeLimit: Int
  private let requestLimit: Double
  /// The most ranges that one request asked for, by server.
  private var seen: SightingTable<Int>

  init(_ context: DetectionContext) {
    let limits = context.limits
    rangeLimit = max(limits.count(Self.ranges), 2)
    requestLimit = max(limits[Self.requests], 1)
    seen = SightingTable(
      capacity: limits.count(Self.servers), empty: 0, halfLife: limits.span(Self.halfLife),
      memory: limits.span(Self.memory), quiet: limits.span(Self.quiet),
      spacing: limits.span(Self.spacing))
  }

  var interest: EventClasses { .session(.http) }
  var nextDeadline: CaptureTime { seen.nextDeadline }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    // A range takes three bytes at least.
    guard case .http(let request) = event.what, request.headLength >= 3 * rangeLimit else { return }
    let ranges = Self.ranges(request.head)
    guard ranges >= rangeLimit else { return }
    let slot = seen.note(
      TableKey(event.server, detail: UInt64(event.serverPort)), count: 1, packet: event.packet,
      at: event.time)
    guard slot >= 0 else { return }
    seen[slot].sources.insert(event.client)
    seen[slot].detail = max(seen[slot].detail, ranges)
    // A count that has faded a little is still the whole number that it was.
    if seen.isDue(slot, isTold: seen[slot].score >= requestLimit - 0.5, at: event.time) {
      emit(slot, at: event.time, into: &sink)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    for slot in seen.ended(at: now) { emit(slot, at: now, into: &sink) }
  }

  /// How many ranges the head asks for, as far as it was kept (RFC 9110, 14.2).
  static func ranges(_ head: [UInt8]) -> Int {
    for line in head.split(separator: 0x0a)
    where line.begins("range:") || line.begins("request-range:") {
      return 1 + line.count { $0 == 0x2c }
    }
    return 0
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let sighting = seen[slot]
    let server = seen.key(slot)
    let port = UInt16(truncatingIfNeeded: server.detail)
    var report = sink.opening(
      .slowHTTP, subject: "\(server.address):\(port) ranges", first: sighting.first,
      last: sighting.last, at: now, severity: 7,
      confidence: min(0.97, 1 - 0.3 * requestLimit / max(sighting.score, requestLimit)))
    report.sources = sighting.sources
    report.targets.insert(server.address)
    report.ports = [port]
    report.transport = .tcp
    report.attributes = [
      "technique": .text("many-ranges"), "connections": .count(sighting.count),
      "sources": .count(UInt64(sighting.sources.count)),
      "duration": .duration(sighting.last - sighting.first),
    ]
    report.evidence = [sink.evidence(sighting.packets.indices)]
    report.terms = [
      Term("such requests", sighting.score, threshold: requestLimit, unit: "requests"),
      Term("ranges of one", Double(sighting.detail), threshold: Double(rangeLimit), unit: "ranges"),
    ]
    seen.emit(report, slot, at: now, into: &sink)
  }
}

extension RangeRequests: LossCounting {
  var losses: UInt64 { seen.losses }
}
