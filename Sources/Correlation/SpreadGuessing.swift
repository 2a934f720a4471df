import Analysis
import Reports
import Terms

/// Password guessing that is spread over segments so thinly that no tap sees enough of it: one source
/// that is refused once or twice by each of many servers, or many sources each of which is refused
/// by a few of them.
///
/// It counts who was refused where (`evidence.logins`). People err as well, but they come in: a
/// server that let a source in does not count against it, and of a crowd nobody does who was let in
/// anywhere. A crowd is held against how many sources a service refuses otherwise. Who is reported
/// for guessing by a child already is left to fusion.
struct SpreadGuessing: AnalysisEngine, Codable {
  static let windowLimit = EngineLimit(
    "spread-guessing.window", 7200, .duration, "How long a refused login counts.")
  static let serversLimit = EngineLimit(
    "spread-guessing.servers", 6, .count,
    "Servers in several segments that refuse one outside source; an inside one twice as many.")
  static let sourcesLimit = EngineLimit(
    "spread-guessing.sources", 10, .count,
    "Outside sources, none of them let in, that servers in several segments refuse.")
  static let factorLimit = EngineLimit(
    "spread-guessing.factor", 4, .count,
    "Times the usual number of such sources in a window that a crowd must have.")
  static let memoryLimit = EngineLimit(
    "spread-guessing.memory", 8192, .count,
    "Sources remembered of each service; the quietest go first.")
  static let limits = [windowLimit, serversLimit, sourcesLimit, factorLimit, memoryLimit]

  /// Least segments over which it is spread: what is within one, its own tap judges.
  static let segments = 2
  /// Least servers at which a crowd is refused.
  static let crowdServers = 3
  /// Services told apart.
  private static let serviceLimit = 64
  /// The newest part of what is usual.
  private static let renewal = 0.3

  private struct Service: Sendable, Codable {
    var guessers: [IPAddress: Guesser] = [:]
    /// The open report of a crowd.
    var report: Report?
    /// Refused sources in a window without a crowd, learnt; and when the window that teaches began.
    var usual: Double?
    var began: CaptureTime
  }

  private let context: CorrelationContext
  private let table: LimitTable
  private var services: [String: Service] = [:]
  /// Sources reported by children, and when last.
  private var explained: [IPAddress: CaptureTime] = [:]
  private var dirty: Set<String> = []
  private(set) var losses: UInt64 = 0
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    self.context = context
    table = context.limits
  }

  var interest: EventClasses { [.loginRows, .attacks] }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    guard event.reportClass == .evidence else { return noteExplained(event) }
    guard case .logins(let rows)? = event.summary else { return }
    for row in rows { take(row, of: event) }
    let length = EvidenceEpoch.promptLength
    let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier, length: length)
    nextDeadline = min(
      nextDeadline, EvidenceEpoch.settled(start, at: context.tier, length: length))
  }

  private mutating func noteExplained(_ event: Report) {
    guard event.kind == .bruteForce || event.kind == .passwordSpray,
      event.severity > Report.informationalSeverity
    else { return }
    for source in event.sources.listed where source.isHost { explained[source.base] = event.last }
    guard explained.count > table.count(Self.memoryLimit) else { return }
    let order = explained.map { Quietness(count: 0, last: $0.value, source: $0.key) }
    for entry in order.least(explained.count / 2) { explained[entry.source] = nil }
  }

  private mutating func take(_ row: LoginRow, of event: Report) {
    guard row.client != .unspecified else { return }
    if services[row.service] == nil {
      guard services.count < Self.serviceLimit else {
        losses &+= 1
        return
      }
      services[row.service] = Service(began: row.opened)
    }
    if services[row.service]?.guessers[row.client] == nil { makeRoom(in: row.service) }
    services[row.service]?.guessers[row.client, default: Guesser()].take(row, of: event)
    if row.outcome == .refused { dirty.insert(row.service) }
  }

  private mutating func makeRoom(in service: String) {
    guard let known = services[service]?.guessers,
      known.count >= max(1, table.count(Self.memoryLimit))
    else { return }
    let order = known.map {
      Quietness(count: $0.value.refusals.count, last: $0.value.last, source: $0.key)
    }
    for entry in order.least(known.count / 4 + 1) {
      services[service]?.guessers[entry.source] = nil
      if entry.count > 0 { losses &+= 1 }
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    let oldest = now - table.span(Self.windowLimit)
    for name in dirty.sorted() {
      guard var service = services.removeValue(forKey: name) else { continue }
      service.guessers = service.guessers.compactMapValues { guesser in
        var guesser = guesser
        guesser.forget(before: oldest)
        return guesser.isQuiet ? nil : guesser
      }
      judgeSources(name, &service, now: now, into: &sink)
      judgeCrowd(name, &service, now: now, into: &sink)
      services[name] = service
    }
    dirty = []
  }

  private func isExplained(_ source: IPAddress, asOf now: CaptureTime) -> Bool {
    explained[source].map { $0 >= now - table.span(Self.windowLimit) } ?? false
  }

  private func spread(_ servers: some Sequence<IPAddress>) -> Set<String> {
    Set(servers.map { context.segment(of: $0) })
  }
}

extension SpreadGuessing: LossCounting {}

// MARK: - One source

extension SpreadGuessing {
  private mutating func judgeSources(
    _ name: String, _ service: inout Service, now: CaptureTime, into sink: inout ReportSink
  ) {
    for (source, guesser) in service.guessers.sorted(by: { $0.key < $1.key }) {
      let isInside = context.isHome(IPPrefix(host: source))
      let least = max(2, table.count(Self.serversLimit)) * (isInside ? 2 : 1)
      let count = guesser.refusals.count
      guard count >= least, count != guesser.told, guesser.admissions.count * 3 <= count,
        !isExplained(source, asOf: now)
      else { continue }
      let segments = spread(guesser.refusals.keys).count
      guard segments >= Self.segments else { continue }
      var report = opened(
        guesser.report, "\(source) \(name)", [guesser], first: guesser.first, now: now, sink)
      report.sources = AddressSet([source])
      report.confidence = Self.confidence(count, least)
      report.terms = [
        Term("servers that refused", Double(count), threshold: Double(least), unit: "servers"),
        Term(
          "their segments", Double(segments), threshold: Double(Self.segments), unit: "segments"),
        Term("servers that let it in", Double(guesser.admissions.count), unit: "servers"),
      ]
      describe(&report, name, [guesser])
      service.guessers[source]?.report = report
      service.guessers[source]?.told = count
      sink.emit(report)
    }
  }

  fileprivate static func confidence(_ count: Int, _ least: Int) -> Double {
    min(0.95, 1 - 0.35 * Double(least) / Double(max(count, 1)))
  }
}

// MARK: - Many sources

extension SpreadGuessing {
  private mutating func judgeCrowd(
    _ name: String, _ service: inout Service, now: CaptureTime, into sink: inout ReportSink
  ) {
    let crowd = service.guessers.filter { source, guesser in
      guesser.admissions.isEmpty && !guesser.refusals.isEmpty && guesser.report == nil
        && !context.isHome(IPPrefix(host: source)) && !isExplained(source, asOf: now)
    }
    defer { learn(&service, crowd.count, now: now) }
    let least = max(
      Double(max(3, table.count(Self.sourcesLimit))),
      table[Self.factorLimit] * (service.usual ?? 0))
    guard Double(crowd.count) >= least else { return }
    let members = crowd.sorted { $0.key < $1.key }
    let servers = Set(members.flatMap(\.value.refusals.keys))
    let segments = spread(servers).count
    guard servers.count >= Self.crowdServers, segments >= Self.segments else { return }
    let guessers = members.map(\.value)
    let first = guessers.map(\.first).min() ?? now
    var report = opened(service.report, "crowd \(name)", guessers, first: first, now: now, sink)
    report.sources = AddressSet(members.map(\.key))
    report.confidence = Self.confidence(members.count, Int(least.rounded(.up)))
    report.terms = [
      Term(
        "sources refused and never let in", Double(members.count), threshold: least,
        unit: "sources"),
      Term("usual number of them", service.usual ?? 0, unit: "sources"),
      Term(
        "servers that refused them", Double(servers.count), threshold: Double(Self.crowdServers),
        unit: "servers"),
      Term("their segments", Double(segments), threshold: Double(Self.segments), unit: "segments"),
    ]
    describe(&report, name, guessers)
    service.report = report
    sink.emit(report)
  }

  /// What a window brought without a crowd is what the service is used to.
  private func learn(_ service: inout Service, _ count: Int, now: CaptureTime) {
    let span = table.span(Self.windowLimit)
    if let report = service.report, report.last < now - span { service.report = nil }
    guard now - service.began >= span else { return }
    service.began = now
    guard service.report == nil else { return }
    service.usual =
      service.usual.map { (1 - Self.renewal) * $0 + Self.renewal * Double(count) } ?? Double(count)
  }
}

// MARK: - Telling

extension SpreadGuessing {
  private func opened(
    _ known: Report?, _ subject: String, _ guessers: [Guesser], first: CaptureTime,
    now: CaptureTime, _ sink: ReportSink
  ) -> Report {
    let last = guessers.map(\.last).max() ?? now
    var report: Report
    if let known, first <= known.last {
      report = known
      report.revision &+= 1
      report.emitted = now
    } else {
      report = sink.opening(
        .passwordSpray, subject: subject, first: first, last: last, at: now,
        severity: context.severity(of: .passwordSpray, else: 7), confidence: 0.6)
    }
    report.first = min(report.first, first)
    report.last = max(report.last, last)
    report.transport = .tcp
    report.targets = AddressSet(Set(guessers.flatMap(\.refusals.keys)).sorted())
    let ports = Set(guessers.flatMap { $0.refusals.values.map(\.port) })
    report.ports = Array(ports.sorted().prefix(Report.Limit.ports))
    var grounds = Grounds()
    for guesser in guessers { grounds.formUnion(guesser.grounds) }
    grounds.apply(to: &report)
    return report
  }

  private func describe(_ report: inout Report, _ service: String, _ guessers: [Guesser]) {
    let users = guessers.reduce(into: Set<String>()) { $0.formUnion($1.users) }
    context.describe(
      &report,
      [
        ("service", .text(service)),
        ("attempts", .count(guessers.reduce(0) { $0 &+ $1.attempts })),
        ("duration", .duration(report.last - report.first)),
        ("accounts", .count(UInt64(users.count))),
        ("targets", .count(UInt64(report.targets.count))),
      ])
  }
}
