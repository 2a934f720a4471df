import Analysis
import Flows
import Reports
import Terms

/// Finds hosts that answer link-local name questions (LLMNR, RFC 4795) for whatever is asked: a
/// host has one name and a few aliases, a poisoner has everybody's.
struct NamePoisoning: AnalysisEngine {
  static let names = EngineLimit(
    "name-poisoning.names", 3, .count, "Names that one host answers for on the link.")
  static let span = EngineLimit(
    "name-poisoning.span", 14_400, .duration, "Time in which these names count.")
  static let hosts = EngineLimit(
    "name-poisoning.hosts", 1024, .count, "Hosts that answer remembered at once.")
  static let quiet = EngineLimit(
    "name-poisoning.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let spacing = EngineLimit(
    "name-poisoning.spacing", 5, .duration, "Least time between two revisions of one report.")
  static let limits = [names, span, hosts, quiet, spacing]

  static let port: UInt16 = 5355

  struct Host: Sendable {
    var names = FadingScore()
    var answers: UInt64 = 0
    var name = ""
    var answer = IPAddress.unspecified
    var mac = MACAddress.unknown
    var deceived = AddressSet()
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
    var packets = PacketSample()
    var thread = ReportThread(spacing: .zero)
  }

  private let nameLimit: Double
  private let decay: TimeSpan
  private let quietSpan: TimeSpan
  private var hosts: BoundedTable<Host>
  private var seen: ContactMemory
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    let limits = context.limits
    nameLimit = max(limits[Self.names], 1)
    decay = limits.span(Self.span)
    quietSpan = limits.span(Self.quiet)
    hosts = BoundedTable(
      capacity: limits.count(Self.hosts),
      empty: Host(thread: ReportThread(spacing: limits.span(Self.spacing))))
    seen = ContactMemory(capacity: 4096, span: decay)
  }

  var interest: EventClasses { .session(.dns) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    guard case .dns(let message) = event.what, message.isResponse, message.answerCount > 0,
      message.malformation == .none, message.responseCode == 0
    else { return }
    let turn = DNSTurn(event, message)
    guard turn.answererPort == Self.port, !turn.answerer.isMulticast else { return }
    let now = event.time
    let slot = hosts.admit(TableKey(turn.answerer), asOf: now, until: now + .seconds(10))
    guard slot >= 0 else { return }
    // A host is known by its first label, with and without its domain.
    let label = message.name.utf8.prefix { $0 != 0x2e }
    let hash = max(TableKey(turn.answerer, detail: DNSTurn.hash(label)).hash, 1)
    if seen.insert(hash, at: now) { hosts[slot].names.add(1, at: now, span: decay) }
    if hosts[slot].answers == 0 { hosts[slot].first = now }
    hosts[slot].answers &+= 1
    hosts[slot].last = now
    hosts[slot].name = String(message.name.prefix(256))
    hosts[slot].mac = event.sourceMAC
    hosts[slot].answer = DNSAnswer(message).addresses.first ?? hosts[slot].answer
    if !turn.asker.isMulticast { hosts[slot].deceived.insert(turn.asker) }
    hosts[slot].packets.add(event.packet)
    hosts.keep(slot, until: now + .minutes(10))
    judge(slot, at: now, into: &sink)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in hosts.slots where hosts[slot].thread.isStale(count: hosts[slot].answers) {
      let due = hosts[slot].thread.lastDue(after: hosts[slot].last, quiet: quietSpan)
      if due <= now { emit(slot, at: now, into: &sink) } else { next = min(next, due) }
    }
    nextDeadline = next
  }

  private mutating func judge(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    if !hosts[slot].thread.isOpen {
      // Sums fade from name to name: the last of three stands a little below three.
      if hosts[slot].names.value > nameLimit - 0.5 { emit(slot, at: now, into: &sink) }
    } else if hosts[slot].thread.isDue(count: hosts[slot].answers, at: now) {
      emit(slot, at: now, into: &sink)
    } else {
      nextDeadline = min(nextDeadline, now + quietSpan)
    }
  }

  private mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let host = hosts[slot]
    let source = hosts.key(slot).address
    var report = sink.opening(
      .dnsSpoof, subject: "link-local \(source)", first: host.first, last: host.last, at: now,
      severity: 8, confidence: min(0.95, 1 - 0.4 / max(1, host.names.value - nameLimit + 1)))
    report.sources.insert(source)
    report.targets = host.deceived
    report.ports = [Self.port]
    report.transport = .udp
    report.attributes = [
      "name": .text(host.name), "mac": .mac(host.mac), "answers": .count(host.answers),
    ]
    if host.answer != .unspecified { report.attributes["answer"] = .address(host.answer) }
    report.evidence = [sink.evidence(host.packets.indices)]
    report.terms = [
      Term(
        "names answered for on the link", host.names.value, threshold: nameLimit, unit: "names")
    ]
    hosts[slot].thread.emit(report, count: host.answers, at: now, into: &sink)
    hosts.keep(slot, until: now + decay)
  }
}

extension NamePoisoning: LossCounting {
  var losses: UInt64 { hosts.refusedCount }
}
