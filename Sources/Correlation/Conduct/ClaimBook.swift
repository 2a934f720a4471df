import Reports
import Terms

/// Claims of children about hosts that another child watches and they do not, until their owner has
/// had time to say something of the same hosts.
struct ClaimBook: Sendable, Codable {
  /// How long before and after a claim its owner's word counts.
  private static let patience = TimeSpan.minutes(2)
  /// How long a claim that nobody confirmed counts.
  private static let memory = TimeSpan.minutes(30)
  /// Claims that wait, per child; reports that are remembered, of all.
  private static let claimLimit = 64
  private static let wordLimit = 2048

  private struct Claim: Sendable, Codable {
    var report: Report
    var owner: MonitorName
    var hosts: [IPPrefix]
    var due: CaptureTime
  }

  private let duties: [MonitorName: ChildDuty]
  private let owners: [MonitorName]
  private var table = WatchTable()
  private var waiting: [Claim] = []
  private var unconfirmed: [MonitorName: [CaptureTime]] = [:]
  /// The newest reports of all children, in a ring: searched only when there is a claim.
  private var words: [Report] = []
  private var nextWord = 0
  private var silent: Set<MonitorName> = []

  init(_ duties: [MonitorName: ChildDuty]) {
    self.duties = duties
    // Where one child sees everything, nobody else's silence means anything of its claims.
    owners = duties.filter { $0.value.prefixes?.isEmpty == false }.keys.sorted()
  }

  var nextDeadline: CaptureTime { waiting.first?.due ?? .distantFuture }

  mutating func setSilent(_ child: MonitorName) { silent.insert(child) }

  /// A child's word confirms what others claim of its hosts.
  mutating func hear(_ event: Report) {
    silent.remove(event.monitor)
    if !waiting.isEmpty {
      let hosts = Self.hosts(of: event)
      waiting.removeAll { claim in
        claim.owner == event.monitor && claim.hosts.contains { hosts.contains($0) }
      }
    }
    guard event.reportClass != .evidence else { return }
    guard owners.count > 1 else { return }
    if words.count < Self.wordLimit {
      words.append(event)
    } else {
      words[nextWord] = event
      nextWord = (nextWord + 1) % Self.wordLimit
    }
  }

  /// Whether the owner spoke of one of the hosts a short while ago.
  private func isConfirmed(_ hosts: [IPPrefix], by owner: MonitorName, asOf now: CaptureTime)
    -> Bool
  {
    words.contains { word in
      word.monitor == owner && word.emitted >= now - Self.patience
        && hosts.contains { word.sources.listed.contains($0) || word.targets.listed.contains($0) }
    }
  }

  /// Whether the report speaks only of hosts that its child does not watch, and another does.
  mutating func consider(_ event: Report, _ duty: ChildDuty) {
    guard duty.prefixes?.isEmpty == false, event.revision == 0 else { return }
    let parties = event.sources.listed + event.targets.listed
    guard !parties.isEmpty, !parties.contains(where: duty.watches) else { return }
    for owner in owners(of: parties) where owner != event.monitor && !silent.contains(owner) {
      let hosts = parties.filter { duties[owner]?.watches($0) == true }
      guard !hosts.isEmpty else { continue }
      let mine = waiting.count { $0.report.monitor == event.monitor }
      guard mine < Self.claimLimit, !isConfirmed(hosts, by: owner, asOf: event.emitted) else {
        return
      }
      waiting.append(
        Claim(report: event, owner: owner, hosts: hosts, due: event.emitted + Self.patience))
      return
    }
  }

  /// The children that watch any of the parties, by name.
  private mutating func owners(of parties: [IPPrefix]) -> [MonitorName] {
    guard owners.count > 1 else { return owners }
    var found: Set<MonitorName> = []
    for party in parties { found.formUnion(table.watchers(of: party, duties)) }
    return found.sorted()
  }

  /// The children with at least `least` unconfirmed claims by now, each with the newest of them.
  mutating func settle(_ now: CaptureTime, least: Int) -> [(MonitorName, Report)] {
    var found: [(MonitorName, Report)] = []
    while let claim = waiting.first, claim.due <= now {
      waiting.removeFirst()
      guard !silent.contains(claim.owner) else { continue }
      let child = claim.report.monitor
      var times = (unconfirmed[child] ?? []).filter { $0 >= claim.due - Self.memory }
      times.append(claim.due)
      unconfirmed[child] = times
      guard times.count >= least else { continue }
      unconfirmed[child] = nil
      var report = claim.report
      report.emitted = now
      found.append((child, report))
    }
    return found
  }

  private static func hosts(of event: Report) -> Set<IPPrefix> {
    var hosts = Set(event.sources.listed + event.targets.listed)
    switch event.summary {
    case nil: break
    case .contacts(let rows):
      for row in rows {
        hosts.insert(row.source)
        hosts.formUnion(row.targets.listed)
      }
    case .rates(let rows):
      for row in rows {
        hosts.insert(IPPrefix(host: row.target))
        hosts.formUnion(row.sources.listed)
      }
    case .logins(let rows):
      for row in rows {
        hosts.insert(IPPrefix(host: row.client))
        hosts.insert(IPPrefix(host: row.server))
      }
    case .leases(let rows):
      for row in rows { hosts.insert(IPPrefix(host: row.address)) }
    }
    return hosts
  }
}
