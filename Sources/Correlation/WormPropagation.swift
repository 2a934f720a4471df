import Analysis
import Reports
import Terms

/// A victim turned attacker: a host reached on a port by a searching host begins itself to search
/// on that port.
///
/// Searching is failing at several targets on one port; an administrator's chain of logins fails
/// nowhere, and an intruder who goes on from a host searches other ports than those he was found on
/// (the failure profiles of parent and child are compared by cosine). Two linked hosts are
/// worm.propagation; more hosts or generations make the same conclusion worm.outbreak.
struct WormPropagation: AnalysisEngine, Codable {
  static let windowLimit = EngineLimit(
    "worm-propagation.window", 7200, .duration, "How long a contact or a search is remembered.")
  static let fanOutLimit = EngineLimit(
    "worm-propagation.fan-out", 4, .count, "Least targets on the port at which a host failed.")
  static let alikeLimit = EngineLimit(
    "worm-propagation.alike", 0.7, .ratio,
    "Least cosine between the failures by port of parent and child.")
  static let hostsLimit = EngineLimit(
    "worm-propagation.outbreak-hosts", 5, .count, "Infected hosts that make an outbreak.")
  static let generationsLimit = EngineLimit(
    "worm-propagation.outbreak-generations", 3, .count, "Generations that make an outbreak.")
  static let unseenLimit = EngineLimit(
    "worm-propagation.unseen-hosts", 4, .count,
    "Own hosts that begin one by one to search a port, when no tap saw how they were reached.")
  static let portsLimit = EngineLimit(
    "worm-propagation.ports", 4096, .count, "Ports followed at once; the quietest go first.")
  static let memoryLimit = EngineLimit(
    "worm-propagation.hosts", 65536, .count, "Hosts remembered over all ports.")
  static let limits = [
    windowLimit, fanOutLimit, alikeLimit, hostsLimit, generationsLimit, unseenLimit, portsLimit,
    memoryLimit,
  ]
  /// Largest overlap of the failed targets of two hosts that search by themselves.
  static let sharedTargets = 0.5
  /// The most confidence in a spread of which no step was seen.
  static let unseenConfidence = 0.6
  /// Failures by port remembered per host.
  static let profileLimit = 64

  private let context: CorrelationContext
  private let table: LimitTable
  private var graphs: [PortKey: WormGraph] = [:]
  /// Targets failed at, by port: what a host is after.
  private var profiles: [IPPrefix: ShortTable<PortKey, Int>] = [:]
  private var reports: [PortKey: Report] = [:]
  private var dirty: Set<PortKey> = []
  private var forgot = CaptureTime.distantPast
  private(set) var nextDeadline = CaptureTime.distantFuture

  init(_ context: CorrelationContext) {
    self.context = context
    table = context.limits
  }

  var interest: EventClasses { [.contactRows, .rateRows, .attacks] }

  mutating func analyse(_ event: Report, into sink: inout ReportSink) {
    switch event.summary {
    case .contacts(let rows): for row in rows { take(row, of: event) }
    case .rates(let rows): for row in rows { take(row) }
    case .logins, .leases: return
    case nil:
      takeDetection(event)
      return
    }
    let start = EvidenceEpoch.pending(emitted: event.emitted, at: context.tier)
    nextDeadline = min(nextDeadline, EvidenceEpoch.settled(start, at: context.tier))
  }

  private mutating func take(_ row: ContactRow, of event: Report) {
    let port = PortKey(transport: row.transport, port: row.port)
    guard row.source.isHost, row.source.base != .unspecified, isSearchable(port) else { return }
    var failed: [IPPrefix] = []
    var succeeded: [IPPrefix] = []
    row.eachTarget { target, hasFailed in
      guard target.isHost else { return }
      if hasFailed { failed.append(target) } else { succeeded.append(target) }
    }
    makeRoom(for: port)
    for target in succeeded {
      graphs[port, default: WormGraph()].reach(target, by: row.source, at: row.first)
    }
    // A datagram needs no answer to infect.
    if row.transport == .udp {
      for target in failed where context.isHome(target) {
        graphs[port, default: WormGraph()].reach(target, by: row.source, at: row.first)
      }
    }
    guard !failed.isEmpty else { return }
    // What was answered before goes with a row; what failed did so within its last epoch.
    let began = succeeded.isEmpty ? row.first : max(row.first, row.last - EvidenceEpoch.length)
    let failures = graphs[port, default: WormGraph()].search(
      by: row.source, failed: failed, succeeded: succeeded, first: began, last: row.last
    ) { $0.add(event, packets: row.packets) }
    profile(row.source, port, failures)
    dirty.insert(port)
  }

  /// Completed contacts of any source: how the first victim was reached.
  private mutating func take(_ row: RateRow) {
    let port = PortKey(transport: row.transport, port: row.port)
    guard row.contacts > row.unfinished, isSearchable(port), row.sources.isComplete else { return }
    makeRoom(for: port)
    let target = IPPrefix(host: row.target)
    for source in row.sources.listed where source.isHost {
      graphs[port, default: WormGraph()].reach(target, by: source, at: row.first)
    }
  }

  /// A local monitor's word that a host searches.
  private mutating func takeDetection(_ event: Report) {
    guard event.kind == .portScan || event.kind == .slowScan,
      event.severity > Report.informationalSeverity, event.ports.count <= 8,
      event.sources.listed.count == 1, let source = event.sources.listed.first, source.isHost
    else { return }
    for number in event.ports {
      let port = PortKey(transport: event.transport ?? .tcp, port: number)
      // Only of hosts whose failures the evidence names: a detection does not say which targets
      // failed.
      guard let known = graphs[port]?.searchers[source] else { continue }
      graphs[port]?.search(
        by: source, failed: [], succeeded: [], first: known.began, last: event.last
      ) { $0.add(event) }
    }
  }

  private func isSearchable(_ port: PortKey) -> Bool {
    port.transport != .icmp && port.transport != .icmpv6
  }

  private mutating func profile(_ source: IPPrefix, _ port: PortKey, _ failures: Int) {
    let known = profiles[source]
    guard known?[port] != nil || known?.count ?? 0 < Self.profileLimit else { return }
    profiles[source, default: ShortTable()].set(failures, for: port)
  }

  private mutating func makeRoom(for port: PortKey) {
    guard graphs[port] == nil, graphs.count >= max(1, table.count(Self.portsLimit)) else { return }
    let order = graphs.sorted {
      ($0.value.searchers.count, $0.value.last, $0.key)
        < ($1.value.searchers.count, $1.value.last, $1.key)
    }
    for (port, _) in order.prefix(graphs.count / 4 + 1) where reports[port] == nil {
      graphs[port] = nil
    }
  }

  mutating func advance(to now: CaptureTime, into sink: inout ReportSink) {
    nextDeadline = .distantFuture
    // To forget costs as much as is remembered.
    if now - forgot >= min(.minutes(1), table.span(Self.windowLimit)) {
      forget(asOf: now)
      forgot = now
    }
    for port in dirty.sorted() { judge(port, now: now, into: &sink) }
    dirty = []
  }

  private mutating func forget(asOf now: CaptureTime) {
    let oldest = now - table.span(Self.windowLimit)
    for port in graphs.keys {
      graphs[port]?.forget(before: oldest)
      if graphs[port]?.size == 0 { graphs[port] = nil }
    }
    var size = graphs.values.reduce(0) { $0 + $1.size }
    let capacity = table.count(Self.memoryLimit)
    if size > capacity {
      let order = graphs.sorted {
        ($0.value.searchers.count, $0.value.last, $0.key)
          < ($1.value.searchers.count, $1.value.last, $1.key)
      }
      for (port, graph) in order where size > capacity {
        size -= graph.size
        graphs[port] = nil
      }
    }
    if profiles.count > capacity { profiles = [:] }
  }

  private mutating func judge(_ port: PortKey, now: CaptureTime, into sink: inout ReportSink) {
    guard let graph = graphs[port] else { return }
    let infections = graph.infections(fanOut: max(1, table.count(Self.fanOutLimit))) {
      likeness($0, $1) >= table[Self.alikeLimit]
    }
    let linked = infections.filter { $0.parent != nil }
    let unseen = linked.isEmpty ? unseenSpread(infections, graph) : []
    guard let root = root(of: infections) ?? unseen.first else { return }
    // Hosts whose infection no tap saw belong to it too, as long as they are ours.
    let parents = Set(linked.compactMap(\.parent))
    let hosts = infections.filter {
      $0.parent != nil || parents.contains($0.host) || context.isHome($0.host)
    }
    let isSeen = !linked.isEmpty
    let generations = infections.map(\.generation).max() ?? 1
    let isOutbreak =
      isSeen
      && (hosts.count >= table.count(Self.hostsLimit)
        || generations >= table.count(Self.generationsLimit))
    var report = opened(port, graph, hosts, isOutbreak: isOutbreak, now: now, sink)
    let minutes = max(1.0 / 6, (report.last - report.first).seconds / 60)
    if !isSeen { report.confidence = min(report.confidence, Self.unseenConfidence) }
    report.terms = [
      isSeen
        ? Term("victims turned attackers", Double(linked.count), threshold: 1, unit: "hosts")
        : Term(
          "own hosts that began one by one", Double(unseen.count),
          threshold: table[Self.unseenLimit], unit: "hosts"),
      Term(
        "infected hosts", Double(hosts.count), threshold: table[Self.hostsLimit], unit: "hosts"),
      Term(
        "generations", Double(generations), threshold: table[Self.generationsLimit],
        unit: "generations"),
      Term(
        "least fan-out",
        Double(hosts.compactMap { graph.searchers[$0.host]?.failedTargets.count }.min() ?? 0),
        threshold: table[Self.fanOutLimit], unit: "targets"),
    ]
    let entry = graph.soleEntry(to: root.host, before: root.began)
    if let entry { report.sources.insert(entry) }
    context.describe(
      &report,
      [
        ("root", .address((entry ?? root.host).base)),
        ("generations", .count(UInt64(generations + (entry == nil ? 0 : 1)))),
        ("hosts", .count(UInt64(hosts.count))), ("port", .port(port.port)),
        ("rate", .ratio(Double(hosts.count) / minutes)),
      ])
    WormForecast(of: hosts.map(\.host), after: port, in: graph, context)
      .describe(&report, context)
    reports[port] = report
    sink.emit(report)
  }

  /// The searching host at the top of the oldest chain with a link; nil without any.
  private func root(of infections: [WormGraph.Infection]) -> WormGraph.Infection? {
    let byHost = Dictionary(
      infections.map { ($0.host, $0) }, uniquingKeysWith: { first, _ in first })
    var roots: [WormGraph.Infection] = []
    for infection in infections where infection.parent != nil {
      var top = infection
      // A parent began earlier than its child, so this ends.
      while let parent = top.parent, let next = byHost[parent] { top = next }
      roots.append(top)
    }
    return roots.min { ($0.began, $0.host) < ($1.began, $1.host) }
  }

  /// Hosts of ours that began one after another to search the same port, each once another had plainly
  /// done so and for targets of its own: a spread whose successful contacts no tap told of. Hosts that
  /// search at the same time share out one scan. Empty when there are too few of them.
  private func unseenSpread(
    _ infections: [WormGraph.Infection], _ graph: WormGraph
  ) -> [WormGraph.Infection] {
    var hosts: [WormGraph.Infection] = []
    for infection in infections where context.isHome(infection.host) {
      let targets = graph.searchers[infection.host]?.failedTargets ?? []
      // Clients of one dead service all fail at the same targets, and all at once.
      let isOwn = hosts.allSatisfy {
        let other = graph.searchers[$0.host]?.failedTargets ?? []
        return SetLikeness.overlap(targets, other) <= Self.sharedTargets
          && likeness($0.host, infection.host) >= table[Self.alikeLimit]
      }
      let isLater =
        hosts.last.map { infection.began > graph.searchers[$0.host]?.settled ?? .distantFuture }
        ?? true
      if isOwn, isLater { hosts.append(infection) }
    }
    return hosts.count >= table.count(Self.unseenLimit) ? hosts : []
  }

  /// Cosine between what two hosts failed at, by port.
  private func likeness(_ left: IPPrefix, _ right: IPPrefix) -> Double {
    let mine = profiles[left] ?? ShortTable()
    let other = profiles[right] ?? ShortTable()
    func norm(_ profile: ShortTable<PortKey, Int>) -> Double {
      profile.reduce(0.0) { $0 + Double($1.value) * Double($1.value) }.squareRoot()
    }
    let product = mine.reduce(0.0) { $0 + Double($1.value) * Double(other[$1.key] ?? 0) }
    let scale = norm(mine) * norm(other)
    return scale > 0 ? product / scale : 0
  }

  private func opened(
    _ port: PortKey, _ graph: WormGraph, _ hosts: [WormGraph.Infection], isOutbreak: Bool,
    now: CaptureTime, _ sink: ReportSink
  ) -> Report {
    let states = hosts.compactMap { graph.searchers[$0.host] }
    let first = states.map(\.began).min() ?? now
    let last = states.map(\.last).max() ?? now
    var report: Report
    if let known = reports[port], first <= known.last {
      report = known
      report.revision &+= 1
      report.emitted = now
    } else {
      report = sink.opening(
        .wormPropagation, subject: "\(port.transport)/\(port.port)", first: first, last: last,
        at: now, severity: context.severity(of: .wormPropagation, else: 8), confidence: 0.8)
    }
    if isOutbreak {
      report.kind = .wormOutbreak
      report.severity = context.severity(of: .wormOutbreak, else: 9)
    }
    report.confidence = min(0.99, 1 - 1 / Double(1 << min(hosts.count, 30)))
    report.first = min(report.first, first)
    report.last = max(report.last, last)
    report.transport = port.transport
    report.ports = [port.port]
    var grounds = Grounds()
    for (host, state) in zip(hosts, states) {
      report.sources.insert(host.host)
      for target in state.failedTargets.union(state.reachedTargets).sorted() {
        report.targets.insert(target)
      }
      grounds.formUnion(state.grounds)
    }
    grounds.apply(to: &report)
    return report
  }
}
