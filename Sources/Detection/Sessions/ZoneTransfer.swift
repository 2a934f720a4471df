import Analysis
import Flows
import Reports
import Terms

/// Finds requests for whole zones (AXFR, RFC 5936; IXFR, RFC 1995), granted or refused, by hosts
/// that are no name servers: a secondary of the topology, one that its primary notified (RFC 1996),
/// or a host of the site that answers DNS itself may ask.
struct ZoneTransfer: AnalysisEngine {
  static let requests = EngineLimit(
    "zone-transfer.requests", 1, .count, "Requests for whole zones that are reported.")
  static let clients = EngineLimit(
    "zone-transfer.clients", 1024, .count, "Hosts that ask for zones remembered at once.")
  static let secondaries = EngineLimit(
    "zone-transfer.secondaries", 86_400, .duration,
    "How long a host counts as name server after it answered or was notified.")
  static let quiet = EngineLimit(
    "zone-transfer.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "zone-transfer.spacing", 2, .duration, "Least time between two revisions of one report.")
  static let limits = [requests, clients, secondaries, quiet, spacing]

  /// Zones named in a report.
  static let zoneLimit = 8

  struct Client: Sendable {
    var requests: UInt64 = 0
    var records: UInt64 = 0
    var zones: [String] = []
    var granted = false
    var refused = false
    var servers = AddressSet()
    var transport = TransportProtocol.tcp
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)

    var facts: UInt64 { UInt64(zones.count) << 2 | (granted ? 2 : 0) | (refused ? 1 : 0) }
    var outcome: String { granted ? "yes" : refused ? "no" : "unanswered" }
  }

  private let requestLimit: UInt64
  private let quietSpan: TimeSpan
  private let nameServers: [IPAddress]
  private let home: [IPPrefix]
  private var clients: BoundedTable<Client>
  private var secondaries: ContactMemory
  private var passed = PassedQuestions()
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    requestLimit = UInt64(max(limits.count(Self.requests), 1))
    quietSpan = limits.span(Self.quiet)
    nameServers = context.nameServers
    home = context.home.isEmpty ? context.prefixes : context.home
    clients = BoundedTable(
      capacity: limits.count(Self.clients),
      empty: Client(thread: ReportThread(spacing: limits.span(Self.spacing))))
    secondaries = ContactMemory(capacity: 4096, span: limits.span(Self.secondaries))
  }

  var interest: EventClasses { .session(.dns) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dns(let message) = event.what else { return }
    let turn = DNSTurn(event, message)
    guard turn.isUnicast else { return }
    if message.opcode == 4, !message.isResponse {
      // A primary tells its secondary; the notified host is the one that is "asked".
      notice(turn.answerer, at: event.time)
      return
    }
    guard message.opcode == 0 else { return }
    let isTransfer = Self.isTransfer(message.queryType) && message.questionCount > 0
    if !message.isResponse {
      if isTransfer { request(event, message, turn, into: &sink) }
      return
    }
    if isTransfer || message.questionCount == 0 && event.transport == .tcp {
      answer(event, message, turn, into: &sink)
    } else {
      notice(turn.answerer, at: event.time)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in clients.slots
    where clients[slot].thread.isStale(
      count: clients[slot].requests &+ clients[slot].records, facts: clients[slot].facts)
    {
      let due = clients[slot].thread.lastDue(after: clients[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }
}

extension ZoneTransfer {
  private static func isTransfer(_ type: UInt16) -> Bool {
    type == DNSMessage.RecordType.axfr || type == DNSMessage.RecordType.ixfr
  }

  private func hash(_ address: IPAddress) -> UInt64 { max(TableKey(address).hash, 1) }

  /// A host of the site that acts as name server.
  private mutating func notice(_ server: IPAddress, at now: CaptureTime) {
    // Anybody outside can run a name server, and then ask for zones.
    guard home.contains(where: { $0.contains(server) }) else { return }
    _ = secondaries.insert(hash(server), at: now)
  }

  private func mayTransfer(_ client: IPAddress, at now: CaptureTime) -> Bool {
    nameServers.contains(client) || secondaries.contains(hash(client), asOf: now)
  }

  private mutating func request(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, into sink: inout ReportSink
  ) {
    guard !passed.isPassedOn(message, turn, at: event.time),
      !mayTransfer(turn.asker, at: event.time)
    else { return }
    let slot = clients.admit(
      TableKey(turn.asker), asOf: event.time, until: event.time + .minutes(10))
    guard slot >= 0 else { return }
    if clients[slot].requests == 0 { clients[slot].first = event.time }
    clients[slot].requests &+= 1
    clients[slot].last = event.time
    clients[slot].transport = event.transport
    clients[slot].servers.insert(turn.answerer)
    clients[slot].packets.add(event.packet)
    let zone = String(message.name.prefix(64)).lowercased()
    if clients[slot].zones.count < Self.zoneLimit, !clients[slot].zones.contains(zone) {
      clients[slot].zones.append(zone)
    }
    judge(slot, at: event.time, into: &sink)
  }

  private mutating func answer(
    _ event: SessionEvent, _ message: DNSMessage, _ turn: DNSTurn, into sink: inout ReportSink
  ) {
    let slot = clients.find(TableKey(turn.asker))
    guard slot >= 0 else { return }
    clients[slot].last = event.time
    clients[slot].records &+= UInt64(message.answerCount)
    clients[slot].packets.add(event.packet)
    // An up-to-date IXFR, like an empty answer, gives nothing away.
    if message.responseCode == 0, message.answerCount > 1 {
      clients[slot].granted = true
    } else if clients[slot].records < 2 {
      clients[slot].refused = true
    }
    judge(slot, at: event.time, into: &sink)
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let count = clients[slot].requests &+ clients[slot].records
    if clients[slot].thread.isOpen {
      if clients[slot].thread.isDue(count: count, facts: clients[slot].facts, at: now) {
        emit(slot, at: now, into: &sink)
      } else {
        nextDeadline = min(nextDeadline, now + quietSpan)
      }
    } else if clients[slot].requests >= requestLimit {
      emit(slot, at: now, into: &sink)
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let client = clients[slot]
    let source = clients.key(slot).address
    var report = sink.opening(
      .zoneTransfer, subject: "\(source)", first: client.first, last: client.last, at: now,
      severity: client.granted ? 7 : 5, confidence: 0.9)
    report.sources.insert(source)
    report.targets = client.servers
    report.ports = [DNSTurn.port]
    report.transport = client.transport
    report.attributes = [
      "zone": .text(client.zones.sorted().joined(separator: ",")),
      "records": .count(client.records), "granted": .text(client.outcome),
    ]
    report.evidence = [sink.evidence(client.packets.indices)]
    report.terms = [
      Term(
        "requests for whole zones", Double(client.requests), threshold: Double(requestLimit),
        unit: "requests"),
      Term("records handed over", Double(client.records), unit: "records"),
    ]
    let count = client.requests &+ client.records
    clients[slot].thread.emit(report, count: count, facts: client.facts, at: now, into: &sink)
    clients.keep(slot, until: now + .hours(1))
  }
}

extension ZoneTransfer: LossCounting {
  var losses: UInt64 { clients.refusedCount }
}
