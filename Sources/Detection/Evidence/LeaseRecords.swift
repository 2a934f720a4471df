import Analysis
import Flows
import Reports
import Terms

/// Evidence for the tiers above: which host has which address, as DHCP servers gave it out, so that
/// an actor stays the same when his address changes, and another does not become him.
///
/// Where the topology says who may give addresses out, nobody else is believed.
struct LeaseRecords: AnalysisEngine {
  static let epoch = EngineLimit(
    "lease-records.epoch", 2, .duration, "Length of an epoch; the same at every monitor of a tree.")
  static let rows = EngineLimit("lease-records.rows", 64, .count, "Rows of one report.")
  static let clients = EngineLimit(
    "lease-records.clients", 4096, .count, "Clients whose leases are remembered.")
  static let limits = [epoch, rows, clients]

  /// A renewal is told when it adds this share to the lease.
  static let news = 0.25
  static let nameLimit = 64
  /// How long a lease counts that says nothing of it.
  static let unlimited = TimeSpan.hours(24)

  struct Client: Sendable {
    var address = IPAddress.unspecified
    var until = CaptureTime.distantPast
    /// What it said of itself when it asked.
    var identifier: UInt64 = 0
    var name: [UInt8] = []
  }

  private let context: DetectionContext
  private let servers: [IPAddress]
  private let epochSpan: TimeSpan
  private let rowLimit: Int
  private var clients: BoundedTable<Client>
  private var rows: [LeaseRow] = []
  private var dropped: UInt64 = 0
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    self.context = context
    servers = context.dhcp + context.siteDHCP
    epochSpan = max(limits.span(Self.epoch), .milliseconds(1))
    rowLimit = min(max(limits.count(Self.rows), 1), Report.Limit.summaryRows)
    clients = BoundedTable(capacity: limits.count(Self.clients), empty: Client())
  }

  var interest: EventClasses { .session(.dhcp) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dhcp(let message) = event.what, !message.isVersion6,
      message.hardware != .unknown, !message.hardware.isGroup
    else { return }
    switch (message.operation, message.kind) {
    case (1, .request), (1, .discover): ask(message, event)
    case (1, .release): release(message, event)
    case (2, .ack): grant(message, event)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    guard !rows.isEmpty else { return }
    let first = rows.reduce(now) { min($0, $1.granted) }
    sink.emit(.leases(rows), as: .leases, on: context.segment, from: first, to: now)
    rows = []
  }

  private mutating func admit(_ message: DHCPMessage, _ event: SessionEvent) -> Int {
    clients.admit(
      TableKey(.unspecified, detail: message.hardware.bits), asOf: event.time,
      until: event.time + .seconds(10))
  }

  private mutating func ask(_ message: DHCPMessage, _ event: SessionEvent) {
    let slot = admit(message, event)
    guard slot >= 0 else { return }
    if message.clientIdentifier != 0 { clients[slot].identifier = message.clientIdentifier }
    if !message.hostName.isEmpty {
      clients[slot].name = Array(message.hostName.prefix(Self.nameLimit))
    }
  }

  private mutating func grant(_ message: DHCPMessage, _ event: SessionEvent) {
    let server =
      message.serverIdentifier.isUnspecified ? event.sender : message.serverIdentifier
    // The answer to an INFORM gives no address.
    guard !message.offeredAddress.isUnspecified, message.leaseTime > 0,
      servers.isEmpty || servers.contains(server)
    else { return }
    let slot = admit(message, event)
    guard slot >= 0 else { return }
    let span =
      message.leaseTime == .max ? Self.unlimited : TimeSpan.seconds(Int(message.leaseTime))
    let until = event.time + span
    if message.clientIdentifier != 0 { clients[slot].identifier = message.clientIdentifier }
    let known = clients[slot]
    clients.keep(slot, until: min(until, event.time + Self.unlimited))
    let isNews =
      known.address != message.offeredAddress
      || (until - known.until).seconds >= Self.news * span.seconds
    guard isNews else { return }
    clients[slot].address = message.offeredAddress
    clients[slot].until = until
    add(
      LeaseRow(
        hardware: message.hardware, client: known.identifier, address: message.offeredAddress,
        name: Self.printable(known.name), server: server, granted: event.time, until: until,
        packets: [event.packet]), at: event.time)
  }

  private mutating func release(_ message: DHCPMessage, _ event: SessionEvent) {
    let slot = clients.find(TableKey(.unspecified, detail: message.hardware.bits))
    guard slot >= 0, clients[slot].address == message.clientAddress else { return }
    let known = clients[slot]
    clients[slot].address = .unspecified
    clients[slot].until = .distantPast
    add(
      LeaseRow(
        hardware: message.hardware, client: known.identifier, address: message.clientAddress,
        name: Self.printable(known.name), server: message.serverIdentifier, granted: event.time,
        until: event.time, isReleased: true, packets: [event.packet]), at: event.time)
  }

  private mutating func add(_ row: LeaseRow, at time: CaptureTime) {
    guard rows.count < rowLimit else {
      dropped &+= 1
      return
    }
    rows.append(row)
    nextDeadline = min(nextDeadline, time.epochStart(epochSpan) + epochSpan)
  }

  private static func printable(_ bytes: [UInt8]) -> String {
    guard case .text(let text) = AttributeValue.printable(bytes, limit: nameLimit) else {
      return ""
    }
    return text
  }
}

extension LeaseRecords: LossCounting {
  var losses: UInt64 { dropped &+ clients.refusedCount }
}
