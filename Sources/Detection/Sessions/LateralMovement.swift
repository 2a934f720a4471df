import Analysis
import Flows
import Packets
import Reports
import Terms

/// Finds an intruder who goes on from the host he got into: a host that was guessed at, or reached
/// by a stranger from outside, soon opens administrators' sessions (SSH, RDP, VNC, WinRM, hidden
/// shares and services over SMB, Telnet) with inside hosts that it never spoke to.
///
/// Administrators, backup jobs and pollers open such sessions all day, but to hosts that they know,
/// and nobody has just broken into theirs. Whom a suspect reaches is a suspect in turn, with less
/// weight, so that a chain of hosts stays one report for each link.
struct LateralMovement: AnalysisEngine {
  static let score = EngineLimit(
    "lateral-movement.score", 2, .count,
    "Weight of how a host was reached, plus a half for each new host that it then reaches.")
  static let steps = EngineLimit(
    "lateral-movement.steps", 2, .count, "Least number of new hosts that it reaches.")
  static let span = EngineLimit(
    "lateral-movement.span", 7200, .duration, "Time within which the one follows the other.")
  static let learning = EngineLimit(
    "lateral-movement.learning", 1800, .duration,
    "Time that a host is watched before a stranger from outside is one.")
  static let hosts = EngineLimit(
    "lateral-movement.hosts", 4096, .count, "Inside hosts that were reached, known at once.")
  static let contacts = EngineLimit(
    "lateral-movement.contacts", 32_768, .count, "Administrators' contacts remembered.")
  static let memory = EngineLimit(
    "lateral-movement.memory", 2_592_000, .duration, "How long such a contact is remembered.")
  static let quiet = EngineLimit(
    "lateral-movement.quiet", 120, .duration, "Silence after which the last revision is sent.")
  static let limits = [score, steps, span, learning, hosts, contacts, memory, quiet]

  static let severity = 8.0
  /// Refusals by a host, fading, from which it is guessed at.
  static let guesses = 4.0
  static let guessSpan = TimeSpan.minutes(15)
  /// What each way in weighs: guessed at, guessed and let in, reached by a stranger.
  static let guessedWeight = 1.0
  static let enteredWeight = 1.5
  static let strangerWeight = 1.0
  static let stepWeight = 0.5
  /// What is left of a host's weight in the hosts that it reaches.
  static let inheritance = 0.75

  /// How a host came to be suspect, and what it did then.
  struct Facts: Sendable {
    var weight = 0.0
    var reached = CaptureTime.distantPast
    /// From where, at the end of the chain; and how many hosts lie between.
    var root = IPAddress.unspecified
    var hops: UInt64 = 0
    var since = CaptureTime.distantPast
    var services: [String] = []
    var steps = FewDigests()
    var targets = AddressSet()
    var ports: Set<UInt16> = []
  }

  private let scoreLimit: Double
  private let stepLimit: Int
  private let span: TimeSpan
  private let learning: TimeSpan
  private let home: AddressRanges
  private var hosts: AttackCases<Facts>
  private var contacts: ContactMemory
  /// Refusals of one source by one host.
  private var guessing: BoundedTable<FadingScore>
  private var began = CaptureTime.distantPast

  init(_ context: DetectionContext) {
    let limits = context.limits
    scoreLimit = limits[Self.score]
    stepLimit = max(1, limits.count(Self.steps))
    span = limits.span(Self.span)
    learning = limits.span(Self.learning)
    let known = context.home + context.prefixes
    home = known.isEmpty ? AddressRanges.privateUse : AddressRanges(known)
    hosts = AttackCases(
      capacity: limits.count(Self.hosts), quiet: limits.span(Self.quiet), memory: span,
      empty: Facts())
    contacts = ContactMemory(
      capacity: limits.count(Self.contacts), span: limits.span(Self.memory))
    guessing = BoundedTable(capacity: limits.count(Self.hosts), empty: FadingScore())
  }

  var nextDeadline: CaptureTime { hosts.nextDeadline }

  var interest: EventClasses { .session(.ssh, .smb, .rdp, .telnet, .http, .login, .ftpReply) }

  mutating func begin(at time: CaptureTime) { began = time }

  mutating func analyse(_ event: SessionEvent, into sink: inout ReportSink) {
    switch event.what {
    case .ssh(let progress):
      if progress.stage == .encrypted { open("ssh", event, into: &sink) }
      judge(LoginTrial(progress), event)
    case .smb(let message):
      if let service = Self.service(message) { open(service, event, into: &sink) }
    case .rdp: open("rdp", event, into: &sink)
    case .telnet(let line):
      if line.role == .user { open("telnet", event, into: &sink) }
      judge(LoginTrial(line), event)
    case .http(let request):
      let isManagement = request.target.begins("/wsman") && request.method == "POST"
      if isManagement { open("winrm", event, into: &sink) }
    case .login(let attempt):
      if attempt.service == .vnc, attempt.outcome != .refused { open("vnc", event, into: &sink) }
      judge(LoginTrial(attempt), event)
    case .ftpReply(let reply): judge(LoginTrial(reply, "ftp"), event)
    default: break
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    let (scoreLimit, stepLimit) = (scoreLimit, stepLimit)
    hosts.advance(to: now, into: &sink) {
      Self.report($0, scoreLimit, stepLimit, at: now, from: $1)
    }
  }

  /// Shares that only administrators may use, and the pipes by which programs are started and
  /// registries read from afar (MS-SCMR, MS-TSCH, MS-RRP).
  static func service(_ message: SMBMessage) -> String? {
    if message.isResponse {
      guard message.status == 0, let last = message.share.lastIndex(of: 0x5c) else { return nil }
      let name = message.share[(last + 1)...]
      return name.matches("admin$") || name.count == 2 && name.last == 0x24 ? "smb" : nil
    }
    let name = message.file.drop { $0 == 0x5c }
    let isControl = name.matches("svcctl") || name.matches("atsvc") || name.matches("winreg")
    return isControl ? "smb" : nil
  }
}

// MARK: - Ways in

extension LateralMovement {
  /// A host that refuses one source again and again is being guessed at; a source that it then lets
  /// in has got in.
  private mutating func judge(_ trial: LoginTrial?, _ event: SessionEvent) {
    guard let trial, home.contains(event.server) else { return }
    let key = TableKey(event.client, detail: TableKey(event.server).hash)
    if trial.outcome == .accepted {
      let slot = guessing.find(key)
      guard slot >= 0 else { return }
      guessing[slot].fade(to: event.time, span: Self.guessSpan)
      if guessing[slot].value >= Self.guesses {
        suspect(event.server, Self.enteredWeight, root: event.client, hops: 1, event)
      }
      return
    }
    let slot = guessing.admit(key, asOf: event.time, until: event.time + .minutes(5))
    guard slot >= 0 else { return }
    guessing[slot].add(1, at: event.time, span: Self.guessSpan)
    if guessing[slot].value >= Self.guesses {
      guessing.keep(slot, until: event.time + .minutes(30))
      suspect(event.server, Self.guessedWeight, root: event.client, hops: 1, event)
    }
  }

  private mutating func suspect(
    _ host: IPAddress, _ weight: Double, root: IPAddress, hops: UInt64, _ event: SessionEvent
  ) {
    let slot = hosts.admit(host, .unspecified, port: event.serverPort, at: event.time)
    guard slot >= 0 else { return }
    let facts = hosts[slot].facts
    let isStale = facts.reached == .distantPast || event.time - facts.reached > span
    if isStale { hosts[slot].facts = Facts() }
    if isStale || weight > facts.weight {
      hosts[slot].facts.weight = weight
      hosts[slot].facts.root = root
      hosts[slot].facts.hops = hops
    }
    hosts[slot].facts.reached = event.time
    hosts.note(slot, event, hold: span)
  }
}

// MARK: - Steps

extension LateralMovement {
  /// An administrator's session with a host.
  private mutating func open(
    _ service: String, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    guard home.contains(event.server), event.client != event.server else { return }
    // Whatever the port, a host once administrated is known.
    let contact = ContactMemory.hash(event.client, event.server, port: 0, transport: .tcp)
    guard contacts.insert(contact, at: event.time) else { return }
    guard home.contains(event.client) else {
      // Before anybody is known, everybody is a stranger.
      if event.time - began >= learning {
        suspect(event.server, Self.strangerWeight, root: event.client, hops: 1, event)
      }
      return
    }
    step(service, event, into: &sink)
  }

  private mutating func step(
    _ service: String, _ event: SessionEvent, into sink: inout ReportSink
  ) {
    let slot = hosts.find(event.client, .unspecified, at: event.time)
    guard slot >= 0, hosts[slot].facts.weight > 0, event.time - hosts[slot].facts.reached <= span,
      event.server != hosts[slot].facts.root
    else { return }
    var facts = hosts[slot].facts
    _ = facts.steps.insert(TableKey(event.server).hash)
    facts.targets.insert(event.server)
    if !facts.services.contains(service), facts.services.count < 8 {
      facts.services.append(service)
    }
    if facts.ports.count < Report.Limit.ports { facts.ports.insert(event.serverPort) }
    if facts.since == .distantPast { facts.since = event.time }
    hosts[slot].facts = facts
    hosts.note(slot, event, hold: span)
    suspect(
      event.server, facts.weight * Self.inheritance, root: facts.root, hops: facts.hops + 1, event)
    guard facts.steps.count >= stepLimit, Self.score(facts) >= scoreLimit else { return }
    let (scoreLimit, stepLimit) = (scoreLimit, stepLimit)
    hosts.tell(slot, facts: UInt64(facts.steps.count / 4), at: event.time, into: &sink) {
      Self.report($0, scoreLimit, stepLimit, at: event.time, from: $1)
    }
  }

  private static func score(_ facts: Facts) -> Double {
    facts.weight + stepWeight * Double(facts.steps.count)
  }

  private static func report(
    _ attack: AttackCase<Facts>, _ scoreLimit: Double, _ stepLimit: Int, at now: CaptureTime,
    from sink: ReportSink
  ) -> Report {
    let facts = attack.facts
    let sum = score(facts)
    var report = attack.report(
      .lateralMovement, subject: "\(attack.source) lateral", severity: severity,
      confidence: min(0.95, 1 - 0.35 * scoreLimit / max(sum, 1)), at: now, from: sink)
    report.first = min(max(facts.since, attack.first), attack.last)
    report.targets = facts.targets
    report.ports = facts.ports.sorted()
    report.attributes = [
      "service": .text(facts.services.joined(separator: ",")), "hops": .count(facts.hops),
      "root": .address(facts.root),
    ]
    report.terms = [
      Term("weight of the way in and of the steps", sum, threshold: scoreLimit),
      Term("of it the way in", facts.weight),
      Term(
        "new hosts reached", Double(facts.steps.count), threshold: Double(stepLimit),
        unit: "hosts"),
    ]
    return report
  }
}

extension LateralMovement: LossCounting {
  var losses: UInt64 { hosts.losses &+ guessing.refusedCount }
}
