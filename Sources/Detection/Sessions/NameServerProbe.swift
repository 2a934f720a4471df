import Analysis
import Flows
import Reports
import Terms

/// Finds questions for a name server's version and identity: class CHAOS (RFC 4892), which nobody
/// needs to look up a name. A lone one is informational: scanners of ports send it too.
struct NameServerProbe: AnalysisEngine {
  static let probes = EngineLimit(
    "name-server-probe.probes", 1, .count, "CHAOS questions of one host that are reported.")
  static let clients = EngineLimit(
    "name-server-probe.clients", 1024, .count, "Hosts that ask such questions held at once.")
  static let quiet = EngineLimit(
    "name-server-probe.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "name-server-probe.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [probes, clients, quiet, spacing]

  struct Client: Sendable {
    var probes: UInt64 = 0
    var servers = AddressSet()
    var transport = TransportProtocol.udp
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  private let probeLimit: UInt64
  private let quietSpan: TimeSpan
  private var clients: BoundedTable<Client>
  private var passed = PassedQuestions()
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    probeLimit = UInt64(max(context.limits.count(Self.probes), 1))
    quietSpan = context.limits.span(Self.quiet)
    clients = BoundedTable(
      capacity: context.limits.count(Self.clients),
      empty: Client(thread: ReportThread(spacing: context.limits.span(Self.spacing))))
  }

  var interest: EventClasses { .session(.dns) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dns(let message) = event.what, !message.isResponse, message.opcode == 0,
      message.questionCount == 1, message.queryClass == 3
    else { return }
    let turn = DNSTurn(event, message)
    guard turn.isUnicast else { return }
    let now = event.time
    guard !passed.isPassedOn(message, turn, at: now) else { return }
    let slot = clients.admit(TableKey(turn.asker), asOf: now, until: now + .minutes(1))
    guard slot >= 0 else { return }
    if clients[slot].probes == 0 { clients[slot].first = now }
    clients[slot].probes &+= 1
    clients[slot].last = now
    clients[slot].transport = event.transport
    clients[slot].servers.insert(turn.answerer)
    clients[slot].packets.add(event.packet)
    let (count, facts) = (clients[slot].probes, UInt64(clients[slot].servers.count))
    if !clients[slot].thread.isOpen {
      if count >= probeLimit { emit(slot, at: now, into: &sink) }
    } else if clients[slot].thread.isDue(count: count, facts: facts, at: now) {
      emit(slot, at: now, into: &sink)
    } else {
      nextDeadline = min(nextDeadline, now + quietSpan)
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in clients.slots
    where clients[slot].thread.isStale(
      count: clients[slot].probes, facts: UInt64(clients[slot].servers.count))
    {
      let due = clients[slot].thread.lastDue(after: clients[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let client = clients[slot]
    let source = clients.key(slot).address
    var report = sink.opening(
      .serviceProbe, subject: "dns \(source)", first: client.first, last: client.last, at: now,
      severity: client.probes > 1 ? 3 : 2, confidence: 0.8)
    report.sources.insert(source)
    report.targets = client.servers
    report.ports = [DNSTurn.port]
    report.transport = client.transport
    report.attributes = ["service": .text("dns"), "probes": .count(client.probes)]
    report.evidence = [sink.evidence(client.packets.indices)]
    report.terms = [
      Term(
        "questions for version or identity", Double(client.probes),
        threshold: Double(probeLimit), unit: "questions")
    ]
    clients[slot].thread.emit(
      report, count: client.probes, facts: UInt64(client.servers.count), at: now, into: &sink)
    clients.keep(slot, until: now + .hours(1))
  }
}

extension NameServerProbe: LossCounting {
  var losses: UInt64 { clients.refusedCount }
}
