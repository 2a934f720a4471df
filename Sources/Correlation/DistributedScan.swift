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
/// from contacts that left the window) as −log₁₀ p.
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
  /// Half-life of what is learned of a port's accidents.
  static let accidentHalfLife = TimeSpan.hours(24)

  private struct Service: Hashable, Codable {
    var target: IPPrefix
    var port: PortKey
  }

  private let context: CorrelationContext
  private let table: LimitTable
  private var window: ContactWindow
  private var services: KnownServices
  private var contactsOfSource: [IPPrefix: Int] = [:]
  private var contactsOfService: [Service: Int] = [:]
  private var accidents: [PortKey: DecayingRate] = [:]
  /// The newest conclusion per transport.
  private var attacks: [TransportProtocol: Report] = [:]
  /// Failed contacts since the transport was last judged, and when that was.
  private var fresh: [TransportProtocol: Int] = [:]
  private var judged: [TransportProtocol: CaptureTime] = [:]
  private var expired = CaptureTime.distantPast
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    self.context = context
    table = context.limits
    window = ContactWindow(
      span: table.span(Self.windowLimit), capacity: table.count(Self.contactsLimit))
    services = KnownServices(capacity: table.count(Self.servicesLimit))
  }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    switch event.summary {
    case .rates(let rows): for row in rows { services.learn(row) }
    case .contacts(let rows):
      for row in rows { take(row, of: event) }
      let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier)
      nextDeadline = min(nextDeadline, EvidenceEpoch.settled(start, at: context.tier))
    case nil: break
    }
  }

  private mutating func take(_ row: ContactRow, of event: Report) {
    let perSource = table.count(Self.perSourceLimit)
    let perService = table.count(Self.perServiceLimit)
    let fresh = window.insert(row, of: event) { key in
      guard context.isHome(key.target), !key.target.base.isMulticast,
        !key.target.base.isLimitedBroadcast, key.source.base != .unspecified
      else { return false }
      let service = Service(target: key.target, port: key.port)
      return contactsOfSource[key.source, default: 0] < perSource
        && contactsOfService[service, default: 0] < perService
    }
    for key in fresh {
      contactsOfSource[key.source, default: 0] += 1
      contactsOfService[Service(target: key.target, port: key.port), default: 0] += 1
      self.fresh[key.port.transport, default: 0] += 1
    }
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
    let gone = window.expire(asOf: now)
    for contact in gone {
      let count = max(1, contactsOfSource[contact.key.source] ?? 1)
      accidents[contact.key.port, default: DecayingRate(halfLife: Self.accidentHalfLife)]
        .add(1 / Double(count), at: contact.last)
    }
    for contact in gone {
      let service = Service(target: contact.key.target, port: contact.key.port)
      contactsOfSource.lower(contact.key.source)
      contactsOfService.lower(service)
    }
    if accidents.count > table.count(Self.contactsLimit) { accidents = [:] }
  }

  private mutating func judge(
    _ transport: TransportProtocol, now: CaptureTime, into sink: inout ReportSink
  ) {
    let loud = table.count(Self.loudLimit)
    let candidates = window.contacts.filter {
      $0.key.port.transport == transport
        && contactsOfSource[$0.key.source, default: 0] <= loud
    }
    let failed = candidates.filter {
      $0.hasFailed && !services.offers($0.key.target, $0.key.port)
    }
    let ports = commonPorts(failed)
    let group = failed.filter { ports.contains($0.key.port) }
    let relayed = relays(candidates, ports: ports)
    let probes = group.filter { !relayed.contains($0.key.source) }
    let pairs = Matching.independent(probes.map { ($0.key.source, $0.key.target) })
    let sources = Set(probes.map(\.key.source))
    let answered = candidates.filter {
      !$0.hasFailed && ports.contains($0.key.port) && sources.contains($0.key.source)
    }
    let span = window.span
    let mean = ports.reduce(0.0) {
      $0 + table[Self.accidentsLimit] + (accidents[$1]?.expected(within: span, asOf: now) ?? 0)
    }
    let surprise = Surprise.poisson(pairs, mean: max(mean, 1e-3))
    let success = Double(answered.count) / Double(max(1, answered.count + probes.count))
    guard pairs >= table.count(Self.pairsLimit), surprise >= table[Self.surpriseLimit],
      success <= table[Self.successLimit]
    else { return }
    let terms = [
      Term(
        "independent failures", Double(pairs), threshold: table[Self.pairsLimit], unit: "pairs"),
      Term("surprise", surprise, threshold: table[Self.surpriseLimit], unit: "-log10 p"),
      Term("expected by chance", mean, unit: "pairs"),
      Term("share of successes", success, threshold: table[Self.successLimit]),
      Term("sources", Double(sources.count), unit: "sources"),
      Term("probes", Double(probes.count), unit: "contacts"),
    ]
    report(transport, probes + answered, surprise, terms, now: now, into: &sink)
  }

  /// Ports on which at least two sources failed at different targets, the busiest first.
  private func commonPorts(_ failed: [ContactWindow.Contact]) -> Set<PortKey> {
    var byPort: [PortKey: [(IPPrefix, IPPrefix)]] = [:]
    for contact in failed {
      byPort[contact.key.port, default: []].append((contact.key.source, contact.key.target))
    }
    let shared = byPort.mapValues { Matching.independent($0) }.filter { $0.value >= 2 }
    let order = shared.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    return Set(order.prefix(table.count(Self.portsLimit)).map(\.key))
  }

  /// Sources that were themselves contacted on such a port before their own first: a worm's hosts,
  /// not a scan's.
  private func relays(
    _ candidates: [ContactWindow.Contact], ports: Set<PortKey>
  ) -> Set<IPPrefix> {
    var began: [IPPrefix: CaptureTime] = [:]
    for contact in candidates where ports.contains(contact.key.port) {
      began[contact.key.source] = min(began[contact.key.source] ?? contact.first, contact.first)
    }
    let reached = candidates.filter {
      guard !$0.hasFailed, ports.contains($0.key.port), let start = began[$0.key.target]
      else { return false }
      return $0.first <= start
    }
    return Set(reached.map(\.key.target))
  }

  private mutating func report(
    _ transport: TransportProtocol, _ contacts: [ContactWindow.Contact], _ surprise: Double,
    _ terms: [Term], now: CaptureTime, into sink: inout ReportSink
  ) {
    let first = contacts.map(\.first).min() ?? now
    let last = contacts.map(\.last).max() ?? now
    var report: Report
    if let known = attacks[transport], first <= known.last {
      report = known
      report.revision &+= 1
      report.emitted = now
    } else {
      report = sink.opening(
        .distributedScan, subject: "\(transport)", first: first, last: last, at: now,
        severity: context.severity(of: .distributedScan, else: 7), confidence: 0.5)
    }
    report.first = min(report.first, first)
    report.last = max(report.last, last)
    report.transport = transport
    var grounds = Grounds()
    for (number, contact) in contacts.enumerated() {
      report.sources.insert(contact.key.source)
      report.targets.insert(contact.key.target)
      if number < Self.groundsLimit { grounds.add(contact) }
    }
    let ports = Set(report.ports).union(contacts.map(\.key.port.port))
    report.ports = Array(ports.sorted().prefix(Report.Limit.ports))
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
      ])
    attacks[transport] = report
    sink.emit(report)
  }
}

extension Dictionary where Value == Int {
  /// Counts one down; a key at zero is forgotten.
  mutating func lower(_ key: Key) {
    guard let count = self[key] else { return }
    self[key] = count > 1 ? count - 1 : nil
  }
}
