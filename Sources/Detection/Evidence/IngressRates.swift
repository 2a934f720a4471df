import Analysis
import Flows
import Reports
import Terms

/// Evidence for the tiers above: what arrived at which target, per epoch, so that streams too small
/// to be a flood in any one segment can be added up where they meet.
struct IngressRates: FlowReader {
  static let epoch = EngineLimit(
    "ingress-rates.epoch", 10, .duration, "Length of an epoch; the same at every monitor of a tree."
  )
  static let rows = EngineLimit(
    "ingress-rates.rows", 64, .count,
    "Targets of one report: those with the most contacts and packets.")
  static let least = EngineLimit(
    "ingress-rates.least", 10, .count,
    "Contacts and packets of an epoch below which a target gets no row.")
  static let targets = EngineLimit(
    "ingress-rates.targets", 4096, .count, "Targets measured at once.")
  static let tallies = EngineLimit(
    "ingress-rates.tallies", 512, .count,
    "Targets with several sources whose busiest are counted apart, at once.")
  static let limits = [epoch, rows, least, targets, tallies]

  struct Load: Sendable {
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    var contacts: UInt64 = 0
    var unfinished: UInt64 = 0
    var refused: UInt64 = 0
    /// The only source so far, or the first.
    var source = IPAddress.unspecified
    /// Where the sources stand, from the second on; -1 before.
    var sources: Int32 = -1
    var first: UInt64 = 0
    var second: UInt64 = 0
    var last: UInt64 = 0

    /// What the rows are ranked by.
    var weight: UInt64 { contacts &+ packets }

    /// Adds an event, and its source if it is the first.
    @inline(__always) fileprivate mutating func add(
      _ event: UnsafePointer<FlowEvent>, _ isUnfinished: Bool
    ) -> Change {
      let before = weight
      if before == 0 { first = event.pointee.packet }
      packets &+= UInt64(event.pointee.packetsOut)
      bytes &+= event.pointee.bytesOut
      if isUnfinished { unfinished &+= 1 }
      if event.pointee.kind == .refused { refused &+= 1 }
      if event.pointee.kind == .opened {
        contacts &+= 1
        if contacts == 2 { second = event.pointee.packet }
      }
      last = event.pointee.packet
      if source == .unspecified { source = event.pointee.source }
      return Change(
        isHeavy: before < Self.heavy && weight >= Self.heavy,
        isCrowd: sources >= 0 || source != event.pointee.source)
    }

    /// Loads that protect a target for the rest of the epoch.
    private static let heavy: UInt64 = 10
  }

  /// What an event has done to a load.
  fileprivate struct Change {
    /// It weighs enough to be kept from now on.
    var isHeavy: Bool
    /// It has several sources.
    var isCrowd: Bool
  }

  private let context: DetectionContext
  private let epochSpan: TimeSpan
  private let rowLimit: Int
  private let leastWeight: UInt64
  private var loads: BoundedTable<Load>
  /// The sources of the loads that have several, with room for as many as there are loads. Apart,
  /// for most targets have one source.
  private var sources: [AddressSet] = []
  /// Contacts of the sources, for the first so many of these loads.
  private var tallies: [SourceTally] = []
  private let tallyLimit: Int
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    epochSpan = limits.span(Self.epoch)
    rowLimit = min(max(limits.count(Self.rows), 1), Report.Limit.summaryRows)
    tallyLimit = limits.count(Self.tallies)
    leastWeight = UInt64(limits.count(Self.least))
    loads = BoundedTable(capacity: limits.count(Self.targets), empty: Load())
  }

  var interest: EventClasses { .flow(.opened, .refused, .unanswered, .progress, .closed) }

  @inline(__always) mutating func foresee(_ event: UnsafePointer<FlowEvent>) {
    if Self.adds(event, Self.isUnfinished(event)) { loads.foresee(Self.key(event)) }
  }

  @inline(__always)
  mutating func analyse(at event: UnsafePointer<FlowEvent>, into sink: inout ReportSink) {
    let isUnfinished = Self.isUnfinished(event)
    guard Self.adds(event, isUnfinished), event.pointee.isOfFlow,
      !event.pointee.target.isMulticast
    else { return }
    let slot = loads.admit(Self.key(event), asOf: event.pointee.time, until: event.pointee.time)
    guard slot >= 0 else { return }
    let change = loads[slot].add(event, isUnfinished)
    if change.isCrowd {
      note(event.pointee.source, at: slot, isContact: event.pointee.kind == .opened)
    }
    if nextDeadline == .distantFuture {
      nextDeadline = event.pointee.time.epochStart(epochSpan) + epochSpan
    }
    if change.isHeavy { loads.keep(slot, until: nextDeadline) }
  }

  /// Whether the event adds anything to its target.
  @inline(__always) private static func adds(
    _ event: UnsafePointer<FlowEvent>, _ isUnfinished: Bool
  ) -> Bool {
    event.pointee.packetsOut > 0 || event.pointee.kind == .opened || isUnfinished
  }

  @inline(__always) private static func key(_ event: UnsafePointer<FlowEvent>) -> TableKey {
    let hasPorts =
      event.pointee.transport == .tcp || event.pointee.transport == .udp
      || event.pointee.transport == .sctp
    let port = hasPorts ? event.pointee.targetPort : 0
    return TableKey(
      event.pointee.target, detail: UInt64(event.pointee.transport.number) << 16 | UInt64(port))
  }

  /// Whether a flow failed: counted once, at the event that says so.
  @inline(__always) private static func isUnfinished(_ event: UnsafePointer<FlowEvent>) -> Bool {
    switch event.pointee.kind {
    case .refused, .unanswered: true
    case .closed:
      event.pointee.transport == .tcp && !event.pointee.isEstablished
        && event.pointee.totalPacketsIn > 0
        && event.pointee.ending != .refused
    default: false
    }
  }

  /// Notes a source of a load that has several.
  private mutating func note(_ source: IPAddress, at slot: Int, isContact: Bool) {
    let place = Int(loads[slot].sources)
    if place >= 0 {
      sources[place].insert(source)
      if isContact, place < tallies.count { tallies[place].add(source) }
    } else {
      // Loads that were pushed out leave their sources behind until the epoch ends.
      guard sources.count < 2 * loads.capacity else { return }
      loads[slot].sources = Int32(truncatingIfNeeded: sources.count)
      sources.append(AddressSet([loads[slot].source, source]))
      // What the first of them did before is not counted apart: a count is never too high.
      if tallies.count < tallyLimit { tallies.append(SourceTally()) }
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    let slots = loads.slots.filter { loads[$0].weight >= leastWeight }
      .sorted {
        let (left, right) = (loads[$0].weight, loads[$1].weight)
        return left != right ? left > right : isBefore(loads.key($0), loads.key($1))
      }
      .prefix(rowLimit)
    let start = now - epochSpan
    let rows = slots.sorted { isBefore(loads.key($0), loads.key($1)) }
      .map { row($0, from: start, through: now) }
    loads.removeAll()
    sources.removeAll(keepingCapacity: true)
    tallies.removeAll(keepingCapacity: true)
    guard !rows.isEmpty else { return }
    sink.emit(.rates(rows), as: .ingressRates, on: context.segment, from: start, to: now)
  }

  private func isBefore(_ left: TableKey, _ right: TableKey) -> Bool {
    (left.high, left.low, left.detail) < (right.high, right.low, right.detail)
  }

  private func busiest(of load: Load) -> [SourceCount] {
    let place = Int(load.sources)
    guard place >= 0 else {
      return load.contacts > 1 ? [SourceCount(source: load.source, contacts: load.contacts)] : []
    }
    return place < tallies.count ? tallies[place].busiest : []
  }

  private func row(_ slot: Int, from start: CaptureTime, through end: CaptureTime) -> RateRow {
    let key = loads.key(slot)
    let load = loads[slot]
    let place = Int(load.sources)
    let sources = place >= 0 ? sources[place] : AddressSet([load.source])
    let indices = Set(
      load.contacts > 1 ? [load.first, load.second, load.last] : [load.first, load.last])
    return RateRow(
      target: key.address, segment: context.segment,
      transport: TransportProtocol(number: UInt8(truncatingIfNeeded: key.detail >> 16)),
      port: UInt16(truncatingIfNeeded: key.detail), packets: load.packets, bytes: load.bytes,
      contacts: load.contacts, unfinished: load.unfinished, refused: load.refused,
      sources: sources, first: start, last: end, indices: indices.sorted(),
      busiest: busiest(of: load))
  }
}

extension IngressRates: LossCounting {
  var losses: UInt64 { loads.refusedCount }
}
