import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are sent TCP packets of no session at ever other ports, each from a source that
/// was not heard of before: what flood tools do that invent both, so that no port has many and no source
/// is a scanner.
///
/// Decoys of a scan come back for each port, a crowd comes to one or two and completes its
/// handshakes; a monitor that starts amid the sessions of many sees them answered.
struct SpreadFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "spread-flood.rate", 30, .rate,
    "TCP packets per second, each of a new source and at another port of one host, that make a "
      + "flood.")
  static let factor = EngineLimit(
    "spread-flood.factor", 4, .count,
    "Times its learnt rate that a host's such packets must exceed."
  )
  static let share = EngineLimit(
    "spread-flood.share", 0.6, .ratio, "Least share of them that become no session.")
  static let sources = EngineLimit(
    "spread-flood.sources", 32_768, .count, "Pairs of source and host remembered.")
  static let targets = EngineLimit("spread-flood.targets", 1024, .count, "Hosts measured at once.")
  static let quiet = EngineLimit(
    "spread-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "spread-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, factor, share, sources, targets, quiet, spacing]

  /// Hosts whose newest port is remembered, by a hash of theirs: one that is displaced starts anew.
  private static let portPlaces = 2048
  private static let sourceSpan = TimeSpan.minutes(5)

  var judge: FloodJudge
  private let shareLimit: Double
  private var known: ContactMemory
  private var newest = [UInt64](repeating: 0, count: SpreadFlood.portPlaces)

  init(_ context: DetectionContext) {
    let limits = context.limits
    shareLimit = limits[Self.share]
    known = ContactMemory(capacity: limits.count(Self.sources), span: Self.sourceSpan)
    judge = FloodJudge(
      kind: .synFlood, severity: 6, transport: .tcp, unit: "packets/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses { .flow(.opened, .established, .progress, over: .tcp) }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == .tcp else { return }
    switch event.pointee.kind {
    case .opened: open(event, into: &sink)
    // Who sends payload goes on with a session of which this tap sees one way.
    case .progress:
      guard !event.pointee.isEstablished, event.pointee.payloadOut | event.pointee.payloadIn > 0
      else { return }
      answer(event)
    case .established: answer(event)
    default: return
    }
  }

  /// Whether the flow began with an answer, so that its receiver stands as its source.
  private static func isReflected(_ event: UnsafePointer<FlowEvent>) -> Bool {
    (event.pointee.probe == .midstream || event.pointee.probe == .otherTCP)
      && event.pointee.totalPacketsOut <= event.pointee.totalPacketsIn
  }

  private mutating func open(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let isReflected = Self.isReflected(event)
    let victim = isReflected ? event.pointee.source : event.pointee.target
    let port = isReflected ? event.pointee.sourcePort : event.pointee.targetPort
    let sender = isReflected ? event.pointee.target : event.pointee.source
    let key = TableKey(victim)
    let hash = key.hash
    let sight = hash & ~0xffff | UInt64(port)
    let place = Int(truncatingIfNeeded: hash >> 24) & (Self.portPlaces - 1)
    let before = newest[place]
    guard before != sight else { return }
    newest[place] = sight
    guard (before ^ sight) >> 16 == 0,
      known.insert(
        ContactMemory.hash(sender, victim, port: 0, transport: .tcp), at: event.pointee.time)
    else { return }
    var load = FloodMeter.Load()
    load.requests = 1
    load.flows = 1
    load.bytes = isReflected ? event.pointee.bytesIn : event.pointee.bytesOut
    let entry = judge.meter.add(load, to: key, at: event.pointee.time)
    if entry.isDue { weigh(entry.slot, at: event.pointee.time, into: &sink) }
    judge.meter.detail(load, sender, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  private mutating func answer(_ event: UnsafePointer<FlowEvent>) {
    let key = TableKey(Self.isReflected(event) ? event.pointee.source : event.pointee.target)
    guard judge.meter.known.count > 0, judge.meter.slot(of: key) >= 0 else { return }
    var load = FloodMeter.Load()
    load.answers = 1
    _ = judge.meter.add(load, to: key, at: event.pointee.time)
  }

  private mutating func weigh(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let rates = judge.meter.rates(slot, at: now)
    let followed = min(1, rates.answers / max(rates.requests, 0.001))
    var label = FloodMeter.Label()
    label.technique = "random-ports"
    judge.judge(
      slot, rate: max(0, rates.requests - rates.answers), answeredShare: followed,
      isOneSided: 1 - followed >= shareLimit, label: label, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
