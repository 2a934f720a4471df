import Analysis
import Flows
import Reports
import Terms

/// Finds inside hosts that call one outside host again and again at a steady period, each time with
/// little and nearly the same to say: command and control that asks for orders.
///
/// Programs that poll do the same; so the outside host must be one that hardly anybody else calls,
/// at no service that is polled by nature (mail, time, names, push), and whoever called it already
/// when the watch began is only told for information: it belongs to the site's habits. Jitter of a
/// third of the period, sleeps and single retries do not hide a beacon; calls within one long
/// connection are not seen.
struct Beacon: FlowReader {
  static let contacts = EngineLimit(
    "beacon.contacts", 12, .count, "Calls at a steady period that make a beacon.")
  static let span = EngineLimit(
    "beacon.span", 600, .duration, "Least time over which they go on.")
  static let jitter = EngineLimit(
    "beacon.jitter", 0.3, .ratio, "Mean deviation from the period that still is steady.")
  static let variation = EngineLimit(
    "beacon.variation", 0.5, .ratio, "Mean deviation of the calls' sizes from their mean.")
  static let bytes = EngineLimit(
    "beacon.bytes", 8192, .count, "Mean payload of a call, each way, up to which it is small.")
  static let clients = EngineLimit(
    "beacon.clients", 2, .count, "Inside hosts that may call the same outside host.")
  static let learning = EngineLimit(
    "beacon.learning", 3600, .duration, "Time after the first event in which habits are learnt.")
  static let pairs = EngineLimit(
    "beacon.pairs", 8192, .count, "Triples of inside host, outside host and port measured.")
  static let memory = EngineLimit(
    "beacon.memory", 86_400, .duration, "Longest period that is recognised.")
  static let quiet = EngineLimit(
    "beacon.quiet", 600, .duration, "Silence after which the last revision is sent.")
  static let limits = [
    contacts, span, jitter, variation, bytes, clients, learning, pairs, memory, quiet,
  ]

  static let severity = 6.0
  /// Shortest period, and the weight of a new value in the running means.
  static let shortest = TimeSpan.seconds(2)
  static let depth = 24.0
  /// An interval so many times the mean is a pause, so small a part of it belongs to the same call.
  static let pause = 3.0
  static let echo = 0.2
  /// Part of the calls that may come with echoes or after pauses.
  static let disorder = 0.25

  /// Mail, names, time, push, telephony, tunnels: polled or kept alive by nature.
  static let polled: Set<UInt16> = [
    25, 53, 110, 123, 143, 465, 500, 587, 853, 993, 995, 1194, 3478, 4500, 5060, 5061, 5222, 5223,
    5228, 51_820,
  ]

  /// A running mean and the mean deviation from it.
  struct Steady: Sendable {
    var mean = 0.0
    var deviation = 0.0

    mutating func add(_ value: Double, count: Double) {
      let part = 1 / min(max(count, 1), Beacon.depth)
      if count > 1 { deviation += (abs(value - mean) - deviation) * part }
      mean += (value - mean) * part
    }

    var variation: Double { mean > 0 ? deviation / mean : 0 }
  }

  struct Call: Sendable {
    var source = IPAddress.unspecified
    var target = IPAddress.unspecified
    var port: UInt16 = 0
    var transport = TransportProtocol.tcp
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var count: UInt64 = 0
    var disorders: UInt64 = 0
    /// In seconds, and in bytes.
    var interval = Steady()
    var sent = Steady()
    var received = Steady()
    var packets = PacketSample()
    var thread = ReportThread(spacing: .seconds(60))
  }

  private let home: AddressRanges
  private let contactLimit: UInt64
  private let spanLimit: TimeSpan
  private let jitterLimit: Double
  private let variationLimit: Double
  private let byteLimit: Double
  private let clientLimit: Int
  private let learning: TimeSpan
  private let memory: TimeSpan
  private let quiet: TimeSpan
  private var calls: BoundedTable<Call>
  /// Who calls each outside host.
  private var clients: BoundedTable<[UInt64]>
  private var began = CaptureTime.distantPast
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    let known = context.home + context.prefixes
    home = known.isEmpty ? AddressRanges.privateUse : AddressRanges(known)
    contactLimit = UInt64(max(4, limits.count(Self.contacts)))
    spanLimit = limits.span(Self.span)
    jitterLimit = limits[Self.jitter]
    variationLimit = limits[Self.variation]
    byteLimit = limits[Self.bytes]
    clientLimit = max(1, limits.count(Self.clients))
    learning = limits.span(Self.learning)
    memory = limits.span(Self.memory)
    quiet = limits.span(Self.quiet)
    calls = BoundedTable(capacity: limits.count(Self.pairs), empty: Call())
    clients = BoundedTable(capacity: limits.count(Self.pairs) / 2, empty: [])
  }

  var interest: EventClasses { .flow(.closed, over: .tcp, .udp) }

  mutating func begin(at time: CaptureTime) { began = time }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    guard event.pointee.kind == .closed, event.pointee.isEstablished, event.pointee.payloadOut > 0,
      event.pointee.transport == .tcp || event.pointee.transport == .udp,
      !Self.polled.contains(event.pointee.targetPort),
      home.contains(event.pointee.source), !home.contains(event.pointee.target),
      !event.pointee.target.isMulticast,
      !event.pointee.target.isLimitedBroadcast
    else { return }
    call(event, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in calls.slots where calls[slot].thread.isStale(count: calls[slot].count) {
      let due = calls[slot].thread.lastDue(after: calls[slot].last, quiet: quiet)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

extension Beacon {
  private mutating func call(_ event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let detail = TableKey(event.pointee.target, detail: UInt64(event.pointee.targetPort)).hash
    let slot = calls.admit(
      TableKey(event.pointee.source, detail: detail), asOf: event.pointee.time,
      until: event.pointee.time)
    guard slot >= 0 else { return }
    noteClient(event)
    if calls[slot].count > 0, event.pointee.opened - calls[slot].last > memory {
      calls[slot] = Call()
    }
    guard calls[slot].count > 0 else {
      calls[slot].source = event.pointee.source
      calls[slot].target = event.pointee.target
      calls[slot].port = event.pointee.targetPort
      calls[slot].transport = event.pointee.transport
      calls[slot].first = event.pointee.opened
      calls[slot].last = event.pointee.opened
      calls[slot].count = 1
      calls[slot].packets.add(event.pointee.firstPacket)
      measure(slot, event)
      return
    }
    let passed = (event.pointee.opened - calls[slot].last).seconds
    guard passed > 0 else {
      calls[slot].disorders &+= 1
      return
    }
    let mean = calls[slot].interval.mean
    let isSettled = calls[slot].count > 3
    if isSettled, passed < mean * Self.echo {
      calls[slot].disorders &+= 1
      return
    }
    calls[slot].last = event.pointee.opened
    calls[slot].count &+= 1
    calls[slot].packets.add(event.pointee.firstPacket)
    if isSettled, passed > mean * Self.pause {
      calls[slot].disorders &+= 1
    } else {
      calls[slot].interval.add(passed, count: Double(calls[slot].count - 1))
    }
    measure(slot, event)
    let hold = min(memory.seconds, 4 * calls[slot].interval.mean)
    calls.keep(slot, until: event.pointee.time + .seconds(hold))
    judge(slot, at: event.pointee.time, into: &sink)
  }

  private mutating func measure(_ slot: Int, _ event: UnsafePointer<FlowEvent>) {
    let count = Double(calls[slot].count)
    calls[slot].sent.add(Double(event.pointee.payloadOut), count: count)
    calls[slot].received.add(Double(event.pointee.payloadIn), count: count)
  }

  private mutating func noteClient(_ event: UnsafePointer<FlowEvent>) {
    let slot = clients.admit(
      TableKey(event.pointee.target), asOf: event.pointee.time,
      until: event.pointee.time + .minutes(10))
    guard slot >= 0, clients[slot].count <= clientLimit else { return }
    let client = TableKey(event.pointee.source).hash
    if !clients[slot].contains(client) { clients[slot].append(client) }
  }

  private func isRare(_ target: IPAddress) -> Bool {
    let slot = clients.find(TableKey(target))
    return slot < 0 || clients[slot].count <= clientLimit
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let call = calls[slot]
    if call.thread.isOpen {
      if call.thread.isDue(count: call.count, at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quiet)
      }
      return
    }
    guard call.count >= contactLimit, call.last - call.first >= spanLimit,
      call.interval.mean >= Self.shortest.seconds, call.interval.variation <= jitterLimit,
      Double(call.disorders) <= Self.disorder * Double(call.count),
      call.sent.mean <= byteLimit, call.received.mean <= byteLimit,
      call.sent.variation <= variationLimit, call.received.variation <= variationLimit,
      isRare(call.target)
    else { return }
    emit(slot, at: now, into: &sink)
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let call = calls[slot]
    let isHabit = call.first - began <= learning
    var report = sink.opening(
      .beacon, subject: "\(call.source) \(call.target):\(call.port)", first: call.first,
      last: call.last, at: now, severity: isHabit ? Report.informationalSeverity : Self.severity,
      confidence: min(0.9, 0.9 - call.interval.variation))
    report.sources.insert(call.source)
    report.targets.insert(call.target)
    report.ports = [call.port]
    report.transport = call.transport
    report.attributes = [
      "interval": .duration(.seconds(call.interval.mean)),
      "jitter": .ratio(call.interval.variation), "contacts": .count(call.count),
    ]
    report.evidence = [sink.evidence(call.packets.indices)]
    report.terms = [
      Term("calls", Double(call.count), threshold: Double(contactLimit), unit: "calls"),
      Term("deviation from the period", call.interval.variation, threshold: jitterLimit),
      Term("deviation from the size sent", call.sent.variation, threshold: variationLimit),
      Term("share of the watch before it began", isHabit ? 0 : 1),
    ]
    calls[slot].thread.emit(report, count: call.count, at: now, into: &sink)
    calls.keep(slot, until: now + memory)
    nextDeadline = min(nextDeadline, now + quiet)
  }
}

extension Beacon: LossCounting {
  var losses: UInt64 { calls.refusedCount &+ clients.refusedCount }
}
