import Analysis
import Flows
import Packets
import Reports
import Terms

/// Says which clients send passwords to which services where anybody on the way can read them:
/// informational, once per client, server and service. Neither password nor name is kept.
struct CleartextCredentials: AnalysisEngine {
  static let cases = EngineLimit(
    "cleartext-credentials.cases", 4096, .count,
    "Triples of client, server and service remembered at once.")
  static let memory = EngineLimit(
    "cleartext-credentials.memory", 86_400, .duration,
    "Time after which the same is worth saying again.")
  static let limits = [cases, memory]

  static let kind = ReportKind("exposure.cleartext-credentials")
  /// Nobody attacks; somebody could.
  static let severity = Report.informationalSeverity
  static let confidence = 0.95

  private var told: BoundedTable<CaptureTime>
  private let memory: TimeSpan
  let nextDeadline = CaptureTime.distantFuture

  init(_ context: DetectionContext) {
    told = BoundedTable(capacity: context.limits.count(Self.cases), empty: .distantPast)
    memory = context.limits.span(Self.memory)
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {}

  var interest: EventClasses { .session(.ftp, .smtp, .pop, .imap, .telnet, .http) }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .ftp(let command):
      // Anonymous FTP (RFC 1635) has no secret.
      let isAnonymous =
        command.user.begins("anonymous")
        || command.user.count == 3 && command.user.begins("ftp")
      if command.carriesPassword, !isAnonymous { tell("ftp", event, into: &sink) }
    case .smtp(let command) where command.carriesPassword: tell("smtp", event, into: &sink)
    case .pop(let command) where command.carriesPassword: tell("pop3", event, into: &sink)
    case .imap(let command) where command.carriesPassword: tell("imap", event, into: &sink)
    case .telnet(let line) where line.role == .password: tell("telnet", event, into: &sink)
    case .http(let request):
      if request.authorization.begins("basic ") || LoginForm(request)?.secret != nil {
        tell("http", event, into: &sink)
      }
    default: break
    }
  }

  private mutating func tell(
    _ service: String, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let key = TableKey(
      event.client, detail: TableKey(event.server, detail: service.utf8.map(\.self).digest).hash)
    let slot = told.admit(key, asOf: event.time, until: event.time + .minutes(10))
    guard slot >= 0 else { return }
    guard told[slot] == .distantPast || event.time - told[slot] > memory else { return }
    told[slot] = event.time
    told.keep(slot, until: event.time + memory)
    var report = sink.opening(
      Self.kind, subject: "\(event.client) \(event.server) \(service)", first: event.time,
      last: event.time, at: event.time, severity: Self.severity, confidence: Self.confidence)
    report.sources.insert(event.client)
    report.targets.insert(event.server)
    report.ports = [event.serverPort]
    report.transport = .tcp
    report.attributes = ["service": .text(service)]
    report.evidence = [sink.evidence([event.packet])]
    report.terms = [Term("logins in clear text", 1, threshold: 1, unit: "logins")]
    sink.emit(report)
  }
}

extension CleartextCredentials: LossCounting {
  var losses: UInt64 { told.refusedCount }
}
