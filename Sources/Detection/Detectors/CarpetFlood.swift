import Analysis
import Flows
import Reports
import Terms

/// Finds networks whose hosts are flooded in turn ("carpet bombing"), so that none of them has much:
/// flows opened at one port of host after host, each by a source that was not heard of before, at doors
/// where others knocked a moment ago.
///
/// Sources that share a scan leave no door to be tried twice, decoys and bots come back, and a crowd
/// gets its answers.
struct CarpetFlood: FloodDetector, FlowReader {
  static let rate = EngineLimit(
    "carpet-flood.rate", 40, .rate,
    "Flows opened per second at one port of a network's hosts, each by a new source, that make a flood."
  )
  static let factor = EngineLimit(
    "carpet-flood.factor", 4, .count, "Times its learnt rate that a network's must exceed.")
  static let share = EngineLimit(
    "carpet-flood.share", 0.6, .ratio, "Least share of them that is not answered.")
  static let memory = EngineLimit(
    "carpet-flood.memory", 32_768, .count,
    "Pairs of source and network, and doors, that are remembered (each).")
  static let targets = EngineLimit(
    "carpet-flood.networks", 512, .count, "Ports of networks measured at once.")
  static let quiet = EngineLimit(
    "carpet-flood.quiet", 10, .duration, "Silence after which a flood is over.")
  static let spacing = EngineLimit(
    "carpet-flood.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [rate, factor, share, memory, targets, quiet, spacing]

  /// What is flooded as one: a /24, or a /64 of IPv6.
  private static let lengths = (v4: 24, v6: 64)
  /// How long a source is known, and how long ago somebody else knocked.
  private static let sourceSpan = TimeSpan.minutes(5)
  private static let doorSpan = TimeSpan.minutes(1)
  /// Networks whose newest host is remembered, by a hash of theirs.
  private static let places = 1024

  var judge: FloodJudge
  private let context: DetectionContext
  private let transport: TransportProtocol
  private let shareLimit: Double
  private var known: ContactMemory
  private var doors: ContactMemory
  private var newest = [UInt64](repeating: 0, count: CarpetFlood.places)

  /// - Parameter transport: TCP or UDP.
  init(_ context: DetectionContext, _ transport: TransportProtocol) {
    let limits = context.limits
    self.context = context
    self.transport = transport
    shareLimit = limits[Self.share]
    known = ContactMemory(capacity: limits.count(Self.memory), span: Self.sourceSpan)
    doors = ContactMemory(capacity: limits.count(Self.memory), span: Self.doorSpan)
    judge = FloodJudge(
      kind: transport == .udp ? .udpFlood : .synFlood, severity: 7, transport: transport,
      unit: "flows/s", limits: limits, rate: Self.rate, factor: Self.factor,
      targets: Self.targets, quiet: Self.quiet, spacing: Self.spacing)
  }

  var interest: EventClasses {
    transport == .udp
      ? .flow(.opened, .established, over: .udp) : .flow(.opened, .established, over: .tcp)
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.transport == transport else { return }
    switch event.pointee.kind {
    case .opened where event.pointee.probe == .syn || event.pointee.probe == .udp:
      open(event, into: &sink)
    case .established: answer(event)
    default: return
    }
  }

  @inline(__always) private static func net(_ host: IPAddress) -> IPPrefix {
    IPPrefix(host, length: host.isIPv4 ? lengths.v4 : lengths.v6)
  }

  private mutating func open(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let target = event.pointee.target
    let net = Self.net(target)
    let key = TableKey(net.base, detail: UInt64(event.pointee.targetPort))
    // A flood of one host is others' concern.
    let sight = key.hash & ~0xffff | target.low & 0xffff
    let place = Int(truncatingIfNeeded: key.hash >> 24) & (Self.places - 1)
    let before = newest[place]
    guard before != sight else { return }
    newest[place] = sight
    guard (before ^ sight) >> 16 == 0, !target.isMulticast,
      context.home.isEmpty || context.isHome(target)
    else { return }
    let now = event.pointee.time
    let isNewDoor = doors.insert(event.pointee.door, at: now)
    let isNewSource = known.insert(
      ContactMemory.hash(event.pointee.source, net.base, port: 0, transport: transport), at: now)
    guard isNewSource, !isNewDoor else { return }
    var load = FloodMeter.Load()
    load.requests = 1
    load.flows = 1
    load.bytes = event.pointee.bytesOut
    let entry = judge.meter.add(load, to: key, at: now)
    if entry.isDue { weigh(entry.slot, net, at: now, into: &sink) }
    judge.meter.detail(load, event.pointee.source, event.pointee.packet, in: entry, time: now)
  }

  private mutating func answer(_ event: UnsafePointer<FlowEvent>) {
    guard judge.meter.known.count > 0 else { return }
    let key = TableKey(
      Self.net(event.pointee.target).base, detail: UInt64(event.pointee.targetPort))
    guard judge.meter.slot(of: key) >= 0 else { return }
    var load = FloodMeter.Load()
    load.answers = 1
    _ = judge.meter.add(load, to: key, at: event.pointee.time)
  }

  private mutating func weigh(
    _ slot: Int, _ net: IPPrefix, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let rates = judge.meter.rates(slot, at: now)
    let followed = min(1, rates.answers / max(rates.requests, 0.001))
    var label = FloodMeter.Label()
    label.technique = Report.carpetTechnique
    label.net = net
    judge.judge(
      slot, rate: max(0, rates.requests - rates.answers), answeredShare: followed,
      isOneSided: 1 - followed >= shareLimit, label: label, at: now, into: &sink)
    judge.report(slot, at: now, into: &sink)
  }
}

extension FlowEvent {
  /// The port that the flow is opened at, whoever opens it, as one number.
  @inline(__always) fileprivate var door: UInt64 {
    ContactMemory.hash(target, target, port: targetPort, transport: transport)
  }
}
