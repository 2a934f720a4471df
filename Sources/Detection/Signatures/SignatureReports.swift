import Analysis
import Reports
import Signatures
import Terms

/// Tells of rules that match: one report for each rule, source and target, revised as matches grow.
struct SignatureReports: AnalysisEngine {
  static let cases = EngineLimit(
    "signatures.cases", 8192, .count, "Triples of rule, source and target known at once.")
  static let quiet = EngineLimit(
    "signatures.quiet", 60, .duration, "Silence after which the last revision is sent.")
  static let memory = EngineLimit(
    "signatures.memory", 3600, .duration, "Silence after which a report is no longer revised.")
  static let limits = [cases, quiet, memory]

  static let kind = ReportKind.signature
  /// Least time between two revisions of one report.
  private static let spacing = TimeSpan.seconds(5)
  private static let textLimit = 400

  private struct Case {
    var rule: Int32 = 0
    var source = IPAddress.unspecified
    var target = IPAddress.unspecified
    var ports = PortSet()
    var transport = TransportProtocol(number: 0)
    var first = CaptureTime.distantFuture
    var last = CaptureTime.distantPast
    var count: UInt64 = 0
    var packets = PacketSample()
    var thread = ReportThread(spacing: SignatureReports.spacing)
  }

  /// What all reports by one rule have in common.
  private struct Telling {
    var name: String
    var isTurned: Bool
    var severity: Double
    var confidence: Double
    var attributes: Attributes

    init(_ rule: SignatureDescription) {
      name = "\(rule.generator):\(rule.signature)"
      // Who attacks whom is the rule's to say; else who sent what matched.
      isTurned = rule.target == .source
      severity = SignatureReports.severity(rule)
      confidence = SignatureReports.confidence(rule)
      attributes = SignatureReports.attributes(rule)
    }
  }

  /// Rules whose texts are kept ready.
  private static let tellingLimit = 1024

  private let rules: SignatureSet
  private let quiet: TimeSpan
  private let memory: TimeSpan
  private var table: BoundedTable<Case>
  private var tellings: [Int32: Telling] = [:]
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ rules: SignatureSet, _ context: DetectionContext) {
    self.rules = rules
    quiet = context.limits.span(Self.quiet)
    memory = context.limits.span(Self.memory)
    table = BoundedTable(capacity: context.limits.count(Self.cases), empty: Case())
  }

  mutating func analyse(_ match: SignatureMatch, into sink: inout ReportSink) {
    let rule = telling(of: match.rule)
    let source = rule.isTurned ? match.destination : match.source
    let target = rule.isTurned ? match.source : match.destination
    let detail = UInt64(UInt32(bitPattern: match.rule))
    let key = TableKey(source, detail: TableKey(target, detail: detail).hash)
    let now = match.time
    var slot = table.find(key)
    if slot >= 0, now - table[slot].last > memory {
      table.remove(slot)
      slot = -1
    }
    if slot < 0 {
      slot = table.admit(key, asOf: now, until: now + .seconds(60))
      guard slot >= 0 else { return }
      table[slot].rule = match.rule
      table[slot].source = source
      table[slot].target = target
      table[slot].transport = match.transport
    }
    note(slot, match)
    guard table[slot].thread.isOpen else { return emit(slot, rule, at: now, into: &sink) }
    nextDeadline = min(nextDeadline, now + quiet)
    if table[slot].thread.isDue(count: table[slot].count, at: now) {
      emit(slot, rule, at: now, into: &sink)
    }
  }

  private mutating func telling(of rule: Int32) -> Telling {
    if let known = tellings[rule] { return known }
    if tellings.count >= Self.tellingLimit { tellings.removeAll() }
    let telling = Telling(rules.description(of: rule))
    tellings[rule] = telling
    return telling
  }

  private mutating func note(_ slot: Int, _ match: SignatureMatch) {
    table[slot].count &+= 1
    table[slot].first = min(table[slot].first, match.time)
    table[slot].last = max(table[slot].last, match.time)
    table[slot].packets.add(match.packet)
    if match.transport == .tcp || match.transport == .udp || match.transport == .sctp {
      table[slot].ports.insert(match.isFromClient ? match.destinationPort : match.sourcePort)
    }
    table.keep(slot, until: match.time + .seconds(60))
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    var next = CaptureTime.distantFuture
    for slot in table.slots where table[slot].thread.isStale(count: table[slot].count) {
      let due = table[slot].thread.lastDue(after: table[slot].last, quiet: quiet)
      if due <= now {
        emit(slot, telling(of: table[slot].rule), at: now, into: &sink)
      } else {
        next = min(next, due)
      }
    }
    nextDeadline = next
  }

  private mutating func emit(
    _ slot: Int, _ rule: Telling, at now: CaptureTime, into sink: inout ReportSink
  ) {
    let known = table[slot]
    var report = sink.opening(
      Self.kind,
      subject: "\(known.source) \(known.target) \(rule.name)", first: known.first,
      last: known.last, at: now, severity: rule.severity, confidence: rule.confidence)
    report.sources = AddressSet([known.source])
    report.targets = AddressSet([known.target])
    report.ports = known.ports.smallest
    report.transport = known.transport
    report.attributes = rule.attributes
    report.attributes["matches"] = .count(known.count)
    report.evidence = [sink.evidence(known.packets.indices)]
    table[slot].thread.emit(report, count: known.count, at: now, into: &sink)
    table.keep(slot, until: now + memory)
  }

  private static func attributes(_ rule: SignatureDescription) -> Attributes {
    var attributes: Attributes = [
      "sid": .count(UInt64(rule.signature)), "gid": .count(UInt64(rule.generator)),
      "rev": .count(UInt64(rule.revision)),
      "message": .printable(rule.message.utf8, limit: textLimit),
      "priority": .count(UInt64(rule.priority)),
    ]
    let texts = [
      ("classtype", rule.classification), ("references", rule.references),
      ("metadata", rule.metadata.text),
    ]
    for (name, text) in texts where !text.isEmpty {
      attributes[name] = .printable(text.utf8, limit: textLimit)
    }
    return attributes
  }

  /// Classes of what is noted, and not an attack by itself.
  private static let housekeeping: Set<String> = [
    "policy-violation", "not-suspicious", "unknown", "misc-activity", "protocol-command-decode",
    "string-detect", "icmp-event", "tcp-connection",
  ]

  /// By priority: 1 is an attack, 2 suspicious, 3 and above worth knowing (informational). Authors
  /// who give a `signature_severity` know better.
  static func severity(_ rule: SignatureDescription) -> Double {
    switch rule.metadata.value(of: "signature_severity") {
    case "Critical": return 8
    case "Major": return 6
    case "Minor": return 3
    case "Informational", "Audit": return 2
    default: break
    }
    // Suricata counts a breach of house rules as dear as a break-in; here it is worth knowing.
    if housekeeping.contains(rule.classification) { return 2 }
    switch rule.priority {
    case 0, 1: return 6
    case 2: return 4
    case 3: return 2
    default: return 1
    }
  }

  static func confidence(_ rule: SignatureDescription) -> Double {
    switch rule.metadata.value(of: "confidence") {
    case "High": 0.9
    case "Low": 0.3
    default: 0.6
    }
  }
}

extension SignatureReports: LossCounting {
  var losses: UInt64 { table.refusedCount }
}
