import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that are sent many datagrams and answer few.
///
/// A busy DNS server answers, a download is acknowledged, a media stream is one flow: datagrams
/// that spread over many flows, or that the target refuses, make a flood at `udp-flood.rate`, at less
/// where they are larger than questions; one long unanswered flow only at
/// `udp-flood.stream-rate`.
struct UdpFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "udp-flood.rate", 80, .rate, "Unanswered datagrams per second at one host that make a flood.")
  static let streamRate = EngineLimit(
    "udp-flood.stream-rate", 2000, .rate,
    "The same for datagrams of few flows that are not refused.")
  static let largeRate = EngineLimit(
    "udp-flood.large-rate", 25, .rate,
    "The same for datagrams of 150 bytes or more on average, each of a flow of its own.")
  static let factor = EngineLimit(
    "udp-flood.factor", 4, .count, "Times its learnt rate that a host's datagrams must exceed.")
  static let answers = EngineLimit(
    "udp-flood.answers", 0.25, .ratio, "Highest share of datagrams answered in a flood.")
  static let targets = EngineLimit("udp-flood.targets", 4096, .count, "Hosts measured at once.")
  static let quiet = EngineLimit(
    "udp-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "udp-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, streamRate, largeRate, factor, answers, targets, quiet, spacing]

  /// How long a refusal tells against a stream: a host repeats it at most once a second (RFC 1812,
  /// 4.3.2.8), and not for every packet.
  static let refusalSpan = TimeSpan.minutes(1)
  /// A stream of datagrams this small on average (bytes on the wire) and this fast (packets/s) is
  /// neither speech nor film.
  static let smallDatagram = 400.0
  static let smallRate = 150.0
  /// Questions and keep-alives are no longer than this on average, in bytes on the wire.
  static let questionBytes = 150.0
  /// Bytes on the wire of the longest datagram that needs no fragments.
  static let frameLength: UInt64 = 1522
  /// How long the detector learns what streams there are (logs, flow records) before it calls a new
  /// one, or many times as much of them, a flood.
  static let learningSpan = TimeSpan.seconds(10)

  var judge: FloodJudge
  private let context: DetectionContext
  /// Time of the first event.pointee.
  private var born = CaptureTime.distantPast
  private let answerLimit: Double
  private let streamLimit: Double
  private let largeLimit: Double

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    answerLimit = limits[Self.answers]
    streamLimit = limits[Self.streamRate]
    largeLimit = min(max(limits[Self.largeRate], 1), max(limits[Self.rate], 1))
    judge = FloodJudge(
      kind: .udpFlood, severity: 6, transport: .udp, unit: "packets/s", limits: limits,
      rate: Self.rate, factor: Self.factor, targets: Self.targets, quiet: Self.quiet,
      spacing: Self.spacing)
  }

  var interest: EventClasses { .flow(.opened, .refused, .progress, .closed, over: .udp) }

  mutating func begin(at time: CaptureTime) { born = time }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    if born == .distantPast { born = event.pointee.time }
    guard event.pointee.transport == .udp, event.pointee.isOfFlow, event.pointee.kind != .unanswered
    else { return }
    var load = FloodMeter.Load()
    load.requests = Self.packets(event.pointee.packetsOut, of: event.pointee.bytesOut)
    load.answers = Self.packets(event.pointee.packetsIn, of: event.pointee.bytesIn)
    load.bytes = event.pointee.bytesOut
    if event.pointee.kind == .opened { load.flows = 1 }
    if Self.asksEachTime(event.pointee.targetPort) { load.flows = load.requests }
    if event.pointee.kind == .refused { load.refusals = 1 }
    guard load.requests > 0 || load.answers > 0 || load.refusals > 0,
      !event.pointee.target.isMulticast, !event.pointee.target.isLimitedBroadcast
    else { return }
    let key = TableKey(event.pointee.target)
    let entry = judge.meter.add(load, to: key, at: event.pointee.time)
    if entry.isDue { weigh(entry.slot, at: event.pointee.time, into: &sink) }
    judge.meter.detail(
      load, event.pointee.source, event.pointee.packet, in: entry, time: event.pointee.time)
  }

  /// Whether a service answers each datagram by itself, so that each is a question of its own and no
  /// stream, whatever port it comes from: echo and its like, name and time service, Kerberos,
  /// portmapper, NetBIOS names, SNMP and LDAP.
  @inline(__always) static func asksEachTime(_ port: UInt16) -> Bool {
    switch port {
    case 7, 13, 17, 19, 37, 53, 88, 111, 123, 137, 161, 389: true
    default: false
    }
  }

  /// Packets that datagrams came in: one of fragments is as many as it was cut into, at least.
  @inline(__always) private static func packets(_ datagrams: UInt32, of bytes: UInt64) -> UInt32 {
    bytes <= UInt64(datagrams) &* Self.frameLength
      ? datagrams : UInt32(clamping: bytes / Self.frameLength)
  }

  mutating func reweigh(
    _ slot: Int, _ key: TableKey, at now: CaptureTime, into sink: inout ReportSink
  ) {
    weigh(slot, at: now, into: &sink)
  }

  private mutating func weigh(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let rates = judge.meter.rates(slot, at: now)
    let answered = min(1, rates.answers / max(rates.requests, 0.001))
    let isRefused = now - judge.meter.refused(slot) <= Self.refusalSpan
    let isSmall = rates.bytes <= Self.smallDatagram * rates.requests
    let isLearning = now - born < Self.learningSpan
    let usual = judge.meter.initial(slot, noting: isLearning ? rates.requests : nil)
    let spreads =
      rates.flows >= 0.2 * rates.requests || isRefused
      || isSmall && !isLearning && rates.requests >= max(Self.smallRate, judge.factor * usual)
    // Questions that nobody answers (a name server that is down) are small.
    let isLarge =
      rates.bytes > Self.questionBytes * rates.requests && rates.flows >= 0.5 * rates.requests
    judge.judge(
      slot, rate: rates.requests, least: isLarge ? largeLimit : nil, answeredShare: answered,
      isOneSided: answered <= answerLimit && (spreads || rates.requests >= streamLimit), at: now,
      into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}
