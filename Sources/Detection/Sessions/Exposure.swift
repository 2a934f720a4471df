import Analysis
import Flows
import Packets
import Reports
import Terms

/// Says what lies open: services that anybody may use without a password, that talk in clear where
/// they should not, or that use protocols with known faults; and shares that let guests in. Always
/// informational, once per server and fault.
struct Exposure: AnalysisEngine {
  static let cases = EngineLimit(
    "exposure.cases", 4096, .count, "Servers and faults remembered at once.")
  static let memory = EngineLimit(
    "exposure.memory", 86_400, .duration, "Time after which the same is worth saying again.")
  static let limits = [cases, memory]

  static let weakService = ReportKind("exposure.weak-service")
  static let fileShare = ReportKind("exposure.file-share")
  static let severity = Report.informationalSeverity
  static let confidence = 0.9

  /// Services that ask nobody for a password but an address (RFC 1282; rexec sends it in clear).
  private static let trustPorts: [UInt16: String] = [512: "rexec", 513: "rlogin", 514: "rsh"]
  private static let tls12: UInt16 = 0x0303
  private static let memcachedPort: UInt16 = 11_211

  private var told: BoundedTable<CaptureTime>
  /// Connections whose client said that it is anonymous or a guest.
  private var guests: BoundedTable<UInt8>
  private let memory: TimeSpan
  let nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    told = BoundedTable(capacity: context.limits.count(Self.cases), empty: .distantPast)
    guests = BoundedTable(capacity: context.limits.count(Self.cases) / 4, empty: 0)
    memory = context.limits.span(Self.memory)
  }

  var interest: EventClasses {
    .session(.telnet, .tls, .ftpReply, .smb, .login, .memcached, .snmp, .payload)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {}

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .telnet(let line) where line.role == .loginPrompt: weak("telnet", "", event, into: &sink)
    case .tls(let hello): read(hello, event, into: &sink)
    case .ftpReply(let reply): read(reply, event, into: &sink)
    case .smb(let message): read(message, event, into: &sink)
    case .login(let attempt) where attempt.outcome == .notAsked:
      if attempt.service == .smb {
        noteGuest(event)
      } else {
        weak("\(attempt.service)", "no password", event, into: &sink)
      }
    case .memcached(let message) where message.isResponse:
      weak("memcached", "no password", event, into: &sink)
    case .snmp(let message):
      let isDefault = message.community.matches("public") || message.community.matches("private")
      if message.operation == 2, isDefault { weak("snmp", "default community", event, into: &sink) }
    case .payload(let sample): read(sample, event, into: &sink)
    default: break
    }
  }
}

extension Exposure {
  /// What the server chose counts, not what a client would have taken.
  private mutating func read(
    _ hello: TLSHello, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard !hello.isFromClient, hello.isWellFormed else { return }
    let version = hello.version == 0 ? hello.legacyVersion : hello.version
    guard version >= 0x0300, version < Self.tls12 else { return }
    weak("tls", version == 0x0300 ? "SSL 3.0" : "TLS 1.\(version - 0x0301)", event, into: &sink)
  }

  private mutating func read(
    _ reply: ServerReply, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let isAnonymous = reply.user.matches("anonymous") || reply.user.matches("ftp")
    guard reply.endsLogin, reply.outcome == .positive, isAnonymous else { return }
    report(
      Self.fileShare, ["service": .text("ftp"), "share": .text("anonymous")], event, into: &sink)
  }

  private mutating func read(
    _ message: SMBMessage, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard message.isResponse, message.status == 0 else { return }
    // A server that answers to version 1 speaks it (MS17-010); set-up comes after negotiation.
    if message.version == 1, message.command == 0x73 { weak("smb", "SMB 1", event, into: &sink) }
    guard message.command == (message.version == 2 ? 3 : 0x75), !message.share.isEmpty,
      guests.find(Self.connection(event)) >= 0
    else { return }
    let name = message.share[((message.share.lastIndex(of: 0x5c) ?? -1) + 1)...]
    guard !name.matches("ipc$") else { return }
    report(
      Self.fileShare, ["service": .text("smb"), "share": .printable(name, limit: 80)], event,
      into: &sink)
  }

  private static func connection(_ event: SessionEvent) -> TableKey {
    TableKey(event.client, detail: TableKey(event.server, detail: UInt64(event.clientPort)).hash)
  }

  private mutating func noteGuest(_ event: SessionEvent) {
    _ = guests.admit(Self.connection(event), asOf: event.time, until: event.time + .minutes(10))
  }

  private mutating func read(
    _ sample: PayloadSample, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard event.transport == .tcp, !sample.isFromClient else { return }
    if let service = Self.trustPorts[event.serverPort] { weak(service, "", event, into: &sink) }
    let isMemory =
      sample.bytes.begins("version ") || sample.bytes.begins("stat ")
      || sample.bytes.begins("value ") || sample.bytes.begins("stored\r\n")
    if event.serverPort == Self.memcachedPort, isMemory {
      weak("memcached", "no password", event, into: &sink)
    }
  }

  private mutating func weak(
    _ service: String, _ version: String, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    var attributes: Attributes = ["service": .text(service)]
    if !version.isEmpty { attributes["version"] = .text(version) }
    report(Self.weakService, attributes, event, into: &sink)
  }

  private mutating func report(
    _ kind: ReportKind, _ attributes: Attributes, _ event: SessionEvent,
    into sink: inout ReportSink
  ) {
    let fault = attributes.map { "\($0.value)" }.joined(separator: " ")
    let key = TableKey(event.server, detail: fault.utf8.map(\.self).digest)
    let slot = told.admit(key, asOf: event.time, until: event.time + .minutes(10))
    guard slot >= 0, told[slot] == .distantPast || event.time - told[slot] > memory else { return }
    told[slot] = event.time
    told.keep(slot, until: event.time + memory)
    var report = sink.opening(
      kind, subject: "\(event.server) \(fault)", first: event.time, last: event.time,
      at: event.time, severity: Self.severity, confidence: Self.confidence)
    report.sources.insert(event.client)
    report.targets.insert(event.server)
    report.ports = [event.serverPort]
    report.transport = event.transport
    report.attributes = attributes
    report.evidence = [sink.evidence([event.packet])]
    report.terms = [Term("times seen", 1, threshold: 1)]
    sink.emit(report)
  }
}

extension Exposure: LossCounting {
  var losses: UInt64 { told.refusedCount &+ guests.refusedCount }
}
