import Analysis
import Reports
import Terms

/// When a measured load is a flood, and how its report reads.
struct FloodJudge: Sendable {
  let kind: ReportKind
  let severity: Double
  let transport: TransportProtocol
  /// The word for what is counted, as terms spell it.
  let unit: String
  let rateLimit: Double
  /// A flood must exceed the target's learnt rate by this factor.
  let factor: Double
  var meter: FloodMeter
  /// Floods that could not be followed because too many went on, counted per second of each.
  private var unfollowed: UInt64 = 0
  private(set) var nextDeadline = CaptureTime.distantFuture

  /// The limits are the detector's own, by what they are for.
  init(
    kind: ReportKind, severity: Double, transport: TransportProtocol, unit: String,
    limits: LimitTable, rate: EngineLimit, factor: EngineLimit, targets: EngineLimit,
    quiet: EngineLimit, spacing: EngineLimit
  ) {
    self.kind = kind
    self.severity = severity
    self.transport = transport
    self.unit = unit
    rateLimit = max(limits[rate], 1)
    self.factor = max(limits[factor], 1)
    meter = FloodMeter(
      targets: limits.count(targets), quiet: limits.span(quiet), spacing: limits.span(spacing))
  }

  var losses: UInt64 { meter.known.refusedCount &+ unfollowed }

  /// The attribute that holds what was counted.
  private var counted: String { kind == .httpFlood ? "requests" : "packets" }

  /// Loads whose source and packet are known before a flood is reported.
  static let namedLoads: UInt64 = 32

  /// Judges a target whose second has turned: `rate` is what counts against the threshold, `least`
  /// takes the place of the constant in it.
  mutating func judge(
    _ slot: Int, rate: Double, least: Double? = nil, answeredShare: Double, isOneSided: Bool,
    label: FloodMeter.Label = FloodMeter.Label(), at now: CaptureTime, into sink: inout ReportSink
  ) {
    let limit = max(least ?? rateLimit, factor * meter.learnt(slot))
    let isFlood = isOneSided && rate >= limit
    var index = meter.flood(at: slot)
    meter.settle(slot, rate: rate, isFlood: isFlood, at: now)
    guard isFlood || index >= 0 else { return }
    if index < 0 {
      index = meter.open(slot, rate: rate, at: now)
      guard index >= 0 else {
        unfollowed &+= 1
        return
      }
    }
    let isNew = !meter.floods[index].thread.isOpen
    meter.update(index) {
      $0.isHot = isFlood
      if isNew { $0.label = label }
      if isFlood {
        $0.rate = rate
        $0.peak = max($0.peak, rate)
        $0.threshold = limit
        $0.answeredShare = answeredShare
      }
      // What came before the verdict was measured, not listed.
      if isNew { $0.packets = UInt64(rate * Double(FloodMeter.windowSeconds)) }
    }
    nextDeadline = min(nextDeadline, now + meter.quietSpan)
  }

  /// Opens or revises the report of the flood at `slot`, when due.
  mutating func report(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let index = meter.flood(at: slot)
    guard index >= 0 else { return }
    let flood = meter.floods[index]
    // The first report waits for a second of named sources and packets.
    if !flood.thread.isOpen
      ? flood.loads >= Self.namedLoads || now - flood.opened >= .seconds(2)
      : flood.thread.isDue(count: flood.packets, at: now)
    {
      emit(index, at: now, into: &sink)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for index in meter.floods.indices {
      guard meter.floods[index].isUsed else { continue }
      let flood = meter.floods[index]
      let due = flood.last + meter.quietSpan
      if due <= now {
        if !flood.thread.isOpen || flood.thread.isStale(count: flood.packets) {
          emit(index, at: now, into: &sink)
        }
        meter.close(index)
      } else {
        next = min(next, due)
      }
    }
    nextDeadline = next
  }

  private mutating func emit(_ index: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let fresh = report(meter.floods[index], at: now, from: sink)
    meter.update(index) { $0.thread.emit(fresh, count: $0.packets, at: now, into: &sink) }
  }

  private func report(_ flood: FloodMeter.Flood, at now: CaptureTime, from sink: ReportSink)
    -> Report
  {
    let port = UInt16(truncatingIfNeeded: flood.key.detail)
    let margin = flood.peak / max(flood.threshold, 1)
    let named = flood.heavy.named
    // A source that sends one packet of a flood, as thousands of others do, is invented.
    let spoofed =
      named != nil || flood.flows == 0
      ? 0 : min(1, Double(flood.distinct.value) / Double(flood.flows))
    let label = flood.label
    let subject = "\(flood.key.address):\(port)\(label.technique)"
    var report = sink.opening(
      kind, subject: subject, first: flood.first, last: flood.last, at: now,
      severity: severity, confidence: min(0.99, 0.9 - 0.4 / max(margin, 1)))
    report.sources =
      named ?? AddressSet(listed: flood.sources.listed, distinct: flood.distinct) ?? flood.sources
    report.targets.insert(label.net ?? IPPrefix(host: flood.key.address))
    if port != 0 { report.ports = [port] }
    report.transport = label.transport ?? transport
    if report.transport == .icmp, !flood.key.address.isIPv4 { report.transport = .icmpv6 }
    report.attributes = [
      "rate": .ratio(flood.rate), "peak": .ratio(flood.peak), counted: .count(flood.packets),
      "sources": .count(UInt64(report.sources.count)),
    ]
    if kind != .httpFlood {
      report.attributes["bytes"] = .bytes(flood.bytes)
      report.attributes["spoofed"] = .ratio(spoofed)
    }
    if !label.technique.isEmpty { report.attributes["technique"] = .text(label.technique) }
    if !label.path.isEmpty { report.attributes["path"] = .text(label.path) }
    report.evidence = [sink.evidence(flood.sample.indices)]
    report.terms = [
      Term("peak rate", flood.peak, threshold: flood.threshold, unit: unit),
      Term("answered share", flood.answeredShare),
      Term("distinct sources", Double(report.sources.count), unit: "sources"),
    ]
    return report
  }
}
