import Analysis
import Reports
import Terms

/// Many sources, a few failed first contacts each, on the same ports of many hosts: one scan spread
/// over sources.
///
/// The measure is the number of *independent* failures on a set of ports: pairs of source and
/// target of which no two share a source or a target (a matching of the graph of failed contacts).
/// One scanner, one dead server, one misconfigured client, or a flood with any number of spoofed
/// sources on one target each make a matching of one; only many sources failing at many targets
/// make a large one. It is held against what chance gives on these ports (Poisson, mean learned
/// from contacts that left the window) as −log₁₀ p. A scan of one host whose ports the sources share
/// has no second target; it is told by how they share them (`SharedHost`).
struct DistributedScan: AnalysisEngine, Codable {
  static let windowLimit = EngineLimit(
    "distributed-scan.window", 7200, .duration,
    "How long a failed first contact counts; a scan slower than this goes unseen.")
  static let pairsLimit = EngineLimit(
    "distributed-scan.pairs", 6, .count,
    "Least failed contacts of which no two share a source or a target.")
  static let surpriseLimit = EngineLimit(
    "distributed-scan.surprise", 6, .count,
    "Least −log10 of the chance that so many independent failures are accidents.")
  static let accidentsLimit = EngineLimit(
    "distributed-scan.accidents", 0.2, .ratio,
    "Independent failures expected per port and window before anything is learned.")
  static let loudLimit = EngineLimit(
    "distributed-scan.loud-source", 20, .count,
    "Failed contacts beyond which a source is found by itself and left out here.")
  static let successLimit = EngineLimit(
    "distributed-scan.success", 0.5, .ratio,
    "Largest share of successful contacts among the sources on the ports.")
  static let contactsLimit = EngineLimit(
    "distributed-scan.contacts", 65536, .count, "First contacts remembered at once.")
  static let perSourceLimit = EngineLimit(
    "distributed-scan.source-memory", 64, .count, "First contacts remembered of one source.")
  static let perServiceLimit = EngineLimit(
    "distributed-scan.service-memory", 64, .count,
    "Sources remembered of one target and port, so that a flood cannot fill the window.")
  static let portsLimit = EngineLimit(
    "distributed-scan.ports", 32, .count, "Ports of one scan, the busiest first.")
  static let servicesLimit = EngineLimit(
    "distributed-scan.services", 8192, .count, "Answering services remembered.")
  static let limits = [
    windowLimit, pairsLimit, surpriseLimit, accidentsLimit, loudLimit, successLimit,
    contactsLimit, perSourceLimit, perServiceLimit, portsLimit, servicesLimit,
  ]
  /// Among many failures a scan is looked for when so large a share of them is new, or so much time
  /// has passed: to look costs as much as there are.
  static let freshShare = 0.04
  static let patience = TimeSpan.minutes(1)
  /// Contacts in the window up to which `patience` holds; with more it grows along.
  static let patientContacts = 8192
  /// Contacts that a conclusion names its grounds of; what more there are counts only.
  static let groundsLimit = 1024
  /// Prefix lengths below which a row that was coarsened says no more of who it was: such rows are a
  /// flood's forged sources.
  static let leastLength = (v4: 16, v6: 32)
  /// Half-life of what is learned of a port's accidents.
  static let accidentHalfLife = TimeSpan.hours(24)

  private let context: CorrelationContext
  private let table: LimitTable
  private var window: ScanWindow
  private var services: KnownServices
  private var accidents: [PortKey: DecayingRate] = [:]
  /// What a conclusion is about: hosts far and wide, or one that is scanned by many.
  private struct Subject: Hashable, Codable {
    var transport: TransportProtocol
    var target: IPPrefix?

    var text: String { target.map { "\(transport) \($0)" } ?? "\(transport)" }
  }

  /// Conclusions remembered; the oldest go first.
  private static let attacksLimit = 256

  /// The newest conclusion per subject.
  private var attacks: [Subject: Report] = [:]
  /// Failed contacts since the transport was last judged, and when that was.
  private var fresh: [TransportProtocol: Int] = [:]
  private var judged: [TransportProtocol: CaptureTime] = [:]
  private var expired = CaptureTime.distantPast
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    self.context = context
    table = context.limits
    window = ScanWindow(
      span: table.span(Self.windowLimit), capacity: table.count(Self.contactsLimit))
    services = KnownServices(capacity: table.count(Self.servicesLimit))
  }

  var interest: EventClasses { [.contactRows, .rateRows] }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    switch event.summary {
    case .rates(let rows): for row in rows { services.learn(row) }
    case .contacts(let rows):
      for row in rows { take(row, of: event) }
      let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier)
      nextDeadline = min(nextDeadline, EvidenceEpoch.settled(start, at: context.tier))
    case nil, .logins, .leases: break
    }
  }

  private mutating func take(_ row: ContactRow, of event: Report) {
    let source = row.source
    guard source.base != .unspecified,
      source.length >= (source.base.isIPv4 ? Self.leastLength.v4 : Self.leastLength.v6)
    else { return }
    let fresh = window.insert(
      row, of: event, perSource: table.count(Self.perSourceLimit),
      perService: table.count(Self.perServiceLimit)
    ) { target in
      !target.base.isMulticast && !target.base.isLimitedBroadcast && context.isHome(target)
    }
    if fresh > 0 { self.fresh[row.transport, default: 0] += fresh }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    if now - expired >= min(Self.patience, window.span) {
      forget(asOf: now)
      expired = now
    }
    let share = Int(Self.freshShare * Double(window.count))
    let stretch = Double(max(Self.patientContacts, window.count)) / Double(Self.patientContacts)
    let patience = TimeSpan.seconds(Self.patience.seconds * stretch)
    for transport in fresh.keys.sorted() {
      let last = judged[transport] ?? .distantPast
      guard fresh[transport, default: 0] >= share || now - last >= patience else {
        nextDeadline = min(nextDeadline, last + patience)
        continue
      }
      fresh[transport] = nil
      judged[transport] = now
      judge(transport, now: now, into: &sink)
    }
  }

  /// What leaves the window becomes the measure of chance, each source with a weight of one.
  private mutating func forget(asOf now: CaptureTime) {
    window.expire(asOf: now) { contact, ofSource in
      accidents[contact.port, default: DecayingRate(halfLife: Self.accidentHalfLife)]
        .add(1 / Double(max(1, ofSource)), at: contact.last)
    }
    if accidents.count > table.count(Self.contactsLimit) { accidents = [:] }
  }

  private mutating func judge(
    _ transport: TransportProtocol, now: CaptureTime, into sink: inout ReportSink
  ) {
    judgeHosts(transport, now: now, into: &sink)
    let crowd = Crowded(
      window, transport, loud: table.count(Self.loudLimit), ports: table.count(Self.portsLimit),
      services, now: now, isHome: context.isHome)
    if crowd.doubted > 0 {
      fresh[transport, default: 0] += 1
      nextDeadline = min(nextDeadline, now + Crowded.doubtSpan)
    }
    let span = window.span
    let mean = crowd.ports.reduce(0.0) {
      $0 + table[Self.accidentsLimit] + (accidents[$1]?.expected(within: span, asOf: now) ?? 0)
    }
    let surprise = Surprise.poisson(crowd.pairs, mean: max(mean, 1e-3))
    guard crowd.pairs >= table.count(Self.pairsLimit), surprise >= table[Self.surpriseLimit],
      crowd.success <= table[Self.successLimit], !crowd.isFlood
    else { return }
    let terms = [
      Term(
        "independent failures", Double(crowd.pairs), threshold: table[Self.pairsLimit],
        unit: "pairs"),
      Term("surprise", surprise, threshold: table[Self.surpriseLimit], unit: "-log10 p"),
      Term("expected by chance", mean, unit: "pairs"),
      Term("share of successes", crowd.success, threshold: table[Self.successLimit]),
      Term("sources", Double(crowd.sources), unit: "sources"),
      Term("probes", Double(crowd.probes.count), unit: "contacts"),
    ]
    report(
      Subject(transport: transport), crowd.probes + crowd.answered, surprise, terms, now: now,
      into: &sink)
  }

  /// Looks for single hosts whose ports many sources share.
  private mutating func judgeHosts(
    _ transport: TransportProtocol, now: CaptureTime, into sink: inout ReportSink
  ) {
    let shared = SharedHost.all(
      in: window, transport, loud: table.count(Self.loudLimit),
      least: table.count(Self.pairsLimit), services)
    for host in shared {
      let mean = max(table[Self.accidentsLimit], 1e-3)
      let surprise = Surprise.poisson(host.sources, mean: mean)
      guard surprise >= table[Self.surpriseLimit] else { continue }
      let terms = [
        Term(
          "sources that share the ports", Double(host.sources),
          threshold: table[Self.pairsLimit], unit: "sources"),
        Term("surprise", surprise, threshold: table[Self.surpriseLimit], unit: "-log10 p"),
        Term(
          "ports", Double(host.ports), threshold: Double(SharedHost.leastPorts), unit: "ports"),
        Term("ports per failure", host.spread, threshold: SharedHost.leastSpread),
      ]
      report(
        Subject(transport: transport, target: host.target), host.slots, surprise, terms, now: now,
        into: &sink)
    }
  }

  private mutating func report(
    _ subject: Subject, _ slots: [Int32], _ surprise: Double, _ terms: [Term],
    now: CaptureTime, into sink: inout ReportSink
  ) {
    let contacts = slots.map { window.contacts[Int($0)] }
    let first = contacts.reduce(CaptureTime.distantFuture) { min($0, $1.first) }
    let last = contacts.reduce(CaptureTime.distantPast) { max($0, $1.last) }
    var report: Report
    if let known = attacks[subject], first <= known.last {
      report = known
      report.revision &+= 1
      report.emitted = now
    } else {
      report = sink.opening(
        .distributedScan, subject: subject.text, first: first, last: last, at: now,
        severity: context.severity(of: .distributedScan, else: 7), confidence: 0.5)
    }
    report.first = min(report.first, first)
    report.last = max(report.last, last)
    report.transport = subject.transport
    report.sources.formUnion(hosts(contacts.map(\.source)))
    report.targets.formUnion(hosts(contacts.map(\.target)))
    var grounds = Grounds()
    for slot in slots.prefix(Self.groundsLimit) { window.add(Int(slot), to: &grounds) }
    report.ports = report.ports.united(
      with: Set(contacts.map(\.port.port)).sorted(), limit: Report.Limit.ports)
    report.confidence = Surprise.confidence(surprise, threshold: table[Self.surpriseLimit])
    report.terms = terms
    grounds.apply(to: &report)
    context.describe(
      &report,
      [
        ("probes", .count(UInt64(contacts.count))),
        ("failures", .count(UInt64(contacts.count(where: \.hasFailed)))),
        (
          "probes-per-source", .ratio(Double(contacts.count) / Double(max(1, report.sources.count)))
        ),
        ("sources", .count(UInt64(report.sources.count))),
        ("targets", .count(UInt64(report.targets.count))),
        ("ports", .count(UInt64(report.ports.count))), ("surprise", .ratio(surprise)),
        ("shape", .text(subject.target == nil ? "horizontal" : "vertical")),
      ])
    if attacks[subject] == nil, attacks.count >= Self.attacksLimit,
      let oldest = attacks.min(by: { ($0.value.last, $0.value.id) < ($1.value.last, $1.value.id) })
    {
      attacks[oldest.key] = nil
    }
    attacks[subject] = report
    sink.emit(report)
  }

  /// The hosts with these numbers, each once.
  private func hosts(_ numbers: [Int32]) -> AddressSet {
    var seen = [Bool](repeating: false, count: window.hosts.numbers)
    var set = AddressSet()
    for number in numbers where !seen[Int(number)] {
      seen[Int(number)] = true
      set.insert(window.hosts.name(number))
    }
    return set
  }
}
