import Analysis
import Reports
import Terms

/// Claims of children about hosts that another child watches and they do not, until their owner has
/// had time to say something of the same hosts.
struct ClaimBook: Sendable, Codable {
  /// How long before and after a claim its owner's word counts.
  private static let patience = TimeSpan.minutes(2)
  /// How long a claim that nobody confirmed counts.
  private static let memory = TimeSpan.minutes(30)
  /// Claims that wait, per child; hosts of which it is remembered when their child spoke of them.
  private static let claimLimit = 64
  private static let wordLimit = 4096

  private struct Claim: Sendable, Codable {
    var report: Report
    var owner: MonitorName
    var hosts: [IPPrefix]
    var due: CaptureTime
  }

  /// A host in the mouth of a child that watches it.
  private struct Word: Hashable, Comparable, Sendable, Codable {
    var host: IPPrefix
    var owner: MonitorName

    func hash(into hasher: inout Hasher) { hasher.combine(host) }

    // Hardly a host has two who watch it.
    func _rawHashValue(seed: Int) -> Int { host._rawHashValue(seed: seed) }

    static func < (left: Word, right: Word) -> Bool {
      (left.host, left.owner) < (right.host, right.owner)
    }
  }

  private let duties: [MonitorName: ChildDuty]
  private let owners: [MonitorName]
  private var table = WatchTable()
  private var waiting: [Claim] = []
  private var unconfirmed: [MonitorName: [CaptureTime]] = [:]
  /// When each was said last; asked only when there is a claim.
  private var words: [Word: CaptureTime] = [:]
  private var silent: Set<MonitorName> = []

  init(_ duties: [MonitorName: ChildDuty]) {
    self.duties = duties
    // Where one child sees everything, nobody else's silence means anything of its claims.
    owners = duties.filter { $0.value.prefixes?.isEmpty == false }.keys.sorted()
  }

  var nextDeadline: CaptureTime { waiting.first?.due ?? .distantFuture }

  mutating func setSilent(_ child: MonitorName) { silent.insert(child) }

  /// A child's word confirms what others claim of its hosts.
  mutating func hear(_ event: Report, _ duty: ChildDuty) {
    if !silent.isEmpty { silent.remove(event.monitor) }
    if !waiting.isEmpty {
      let hosts = Self.hosts(of: event)
      waiting.removeAll { claim in
        claim.owner == event.monitor && claim.hosts.contains { hosts.contains($0) }
      }
    }
    guard event.reportClass != .evidence, owners.count > 1, duty.prefixes?.isEmpty == false
    else { return }
    remember(event.sources, of: event, duty)
    remember(event.targets, of: event, duty)
    guard words.count > Self.wordLimit else { return }
    let oldest = event.emitted - Self.patience
    words = words.filter { $0.value >= oldest }
    guard words.count > Self.wordLimit / 2 else { return }
    let order = words.map { Age(time: $0.value, word: $0.key) }
    for entry in order.least(words.count - Self.wordLimit / 2) { words[entry.word] = nil }
  }

  private mutating func remember(_ hosts: AddressSet, of event: Report, _ duty: ChildDuty) {
    for host in hosts.listed where duty.watches(host) {
      words[Word(host: host, owner: event.monitor)] = event.emitted
    }
  }

  /// What is forgotten first.
  private struct Age: Comparable {
    var time: CaptureTime
    var word: Word

    static func < (left: Age, right: Age) -> Bool {
      (left.time, left.word) < (right.time, right.word)
    }
  }

  /// Whether the owner spoke of one of the hosts a short while ago.
  private func isConfirmed(_ hosts: [IPPrefix], by owner: MonitorName, asOf now: CaptureTime)
    -> Bool
  {
    hosts.contains { host in
      words[Word(host: host, owner: owner)].map { $0 >= now - Self.patience } ?? false
    }
  }

  /// Whether the report speaks only of hosts that its child does not watch, and another does.
  mutating func consider(_ event: Report, _ duty: ChildDuty) {
    guard event.revision == 0, duty.prefixes?.isEmpty == false,
      !event.targets.listed.contains(where: { duty.watches($0) }),
      !event.sources.listed.contains(where: { duty.watches($0) })
    else { return }
    let parties = event.sources.listed + event.targets.listed
    guard !parties.isEmpty else { return }
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
