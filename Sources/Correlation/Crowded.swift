import Reports
import Terms

/// What a window holds of one scan spread over sources, over one transport: the failed contacts on
/// ports that several sources failed at, by slot.
struct Crowded {
  private(set) var ports: Set<PortKey> = []
  /// Contacts that failed, and those of the same sources on the same ports that did not.
  private(set) var probes: [Int32] = []
  private(set) var answered: [Int32] = []
  /// Probes of which no two share a source or a target, at most.
  private(set) var pairs = 0
  private(set) var sources = 0
  /// Whether the probes come to the same doors again and again in haste, by ever other sources, as a
  /// flood in invented names does: sources that share a scan leave each other's doors alone, or try
  /// several each.
  private(set) var isFlood = false
  /// Sources that may yet turn out to be clients of one host.
  private(set) var doubted = 0

  /// Share of the contacts that succeeded.
  var success: Double {
    Double(answered.count) / Double(max(1, answered.count + probes.count))
  }

  /// - Parameters:
  ///   - loud: failed contacts beyond which a source is left out.
  ///   - isHome: whether a host is ours.
  init(
    _ window: ScanWindow, _ transport: TransportProtocol, loud: Int, ports limit: Int,
    _ services: KnownServices, now: CaptureTime, isHome: (IPPrefix) -> Bool
  ) {
    let contacts = window.contacts
    let candidates = contacts.indices.filter {
      contacts[$0].source >= 0 && contacts[$0].port.transport == transport
        && Int(window.failures[Int(contacts[$0].source)]) <= loud
    }
    let faithful = faithful(candidates, window, now: now, isHome)
    let failed = candidates.filter {
      contacts[$0].hasFailed && !faithful[Int(contacts[$0].source)]
        && !services.offers(window.hosts.name(contacts[$0].target), contacts[$0].port)
    }
    ports = Self.commonPorts(failed, contacts, limit: limit)
    guard !ports.isEmpty else { return }
    var isCommon = PortMemo(ports)
    let relayed = Self.relays(candidates, contacts, hosts: window.hosts.numbers, &isCommon)
    var seen = [Bool](repeating: false, count: window.hosts.numbers)
    var edges: [(Int32, Int32)] = []
    for slot in failed where isCommon.holds(contacts[slot].port) {
      let (source, target) = (contacts[slot].source, contacts[slot].target)
      guard !relayed[Int(source)] else { continue }
      probes.append(Int32(slot))
      if edges.count < Matching.edgeLimit { edges.append((source, target)) }
      if !seen[Int(source)] { sources += 1 }
      seen[Int(source)] = true
    }
    pairs = Matching.independent(edges)
    isFlood = isFlood(contacts)
    for slot in candidates
    where !contacts[slot].hasFailed && seen[Int(contacts[slot].source)]
      && isCommon.holds(contacts[slot].port)
    {
      answered.append(Int32(slot))
    }
  }

  /// Probes of each door, and probes per second, from which no scan made them.
  private static let floodDepth = 3.0
  private static let floodRate = 10.0
  /// Probes of each source up to which it may be invented.
  private static let inventedProbes = 1.5

  private func isFlood(_ contacts: [ScanWindow.Contact]) -> Bool {
    let probes = probes.map { contacts[Int($0)] }
    guard let start = probes.map(\.first).min(), let end = probes.map(\.first).max(),
      Double(probes.count) <= Self.inventedProbes * Double(sources)
    else { return false }
    let doors = Set(
      probes.map { UInt64(UInt32(bitPattern: $0.target)) << 32 | UInt64($0.port.bits) })
    return Double(probes.count) >= Self.floodDepth * Double(doors.count)
      && Double(probes.count) >= Self.floodRate * max(1, (end - start).seconds)
  }

  /// How long an own host that failed at one host only may try it again, before it counts: two epochs
  /// and what they are late.
  static let doubtSpan = TimeSpan.seconds(25)

  /// Own hosts, by number, that fail at one host only and try it again: clients of a server that is
  /// gone, each perhaps of its own. Those that may yet do so are left out as well, and counted.
  private mutating func faithful(
    _ candidates: [Int], _ window: ScanWindow, now: CaptureTime, _ isHome: (IPPrefix) -> Bool
  ) -> [Bool] {
    var latest = [Int](repeating: -1, count: window.hosts.numbers)
    var isFaithful = [Bool](repeating: false, count: window.hosts.numbers)
    for slot in candidates where window.contacts[slot].hasFailed {
      let contact = window.contacts[slot]
      let source = Int(contact.source)
      if latest[source] < 0 {
        isFaithful[source] = isHome(window.hosts.name(contact.source))
      } else if window.contacts[latest[source]].target != contact.target {
        isFaithful[source] = false
      }
      latest[source] = slot
    }
    for source in isFaithful.indices where isFaithful[source] {
      let contact = window.contacts[latest[source]]
      let isYoung = now - contact.first < Self.doubtSpan
      isFaithful[source] = contact.isRepeated || isYoung
      if isYoung, !contact.isRepeated { doubted += 1 }
    }
    return isFaithful
  }

  /// Ports on which at least two sources failed at different targets, the busiest first.
  private static func commonPorts(
    _ failed: [Int], _ contacts: [ScanWindow.Contact], limit: Int
  ) -> Set<PortKey> {
    var numbers: [PortKey: Int] = [:]
    var edges: [[(Int32, Int32)]] = []
    // Contacts of one row stand together.
    var last: (port: PortKey, number: Int)?
    for slot in failed {
      let contact = contacts[slot]
      let known = last?.port == contact.port ? last?.number : numbers[contact.port]
      let number = known ?? edges.count
      if number == edges.count {
        numbers[contact.port] = number
        edges.append([])
      }
      last = (contact.port, number)
      guard edges[number].count < Matching.edgeLimit else { continue }
      edges[number].append((contact.source, contact.target))
    }
    let shared = numbers.map { (port: $0.key, pairs: Matching.independent(edges[$0.value])) }
      .filter { $0.pairs >= 2 }
      .sorted { ($1.pairs, $0.port) < ($0.pairs, $1.port) }
    return Set(shared.prefix(limit).map(\.port))
  }

  /// Sources, by number, that were themselves contacted on such a port before their own first: a worm's
  /// hosts, not a scan's.
  private static func relays(
    _ candidates: [Int], _ contacts: [ScanWindow.Contact], hosts: Int, _ isCommon: inout PortMemo
  ) -> [Bool] {
    var began = [CaptureTime](repeating: .distantFuture, count: hosts)
    var reached: [Int] = []
    for slot in candidates where isCommon.holds(contacts[slot].port) {
      let contact = contacts[slot]
      let source = Int(contact.source)
      began[source] = min(began[source], contact.first)
      if !contact.hasFailed { reached.append(slot) }
    }
    var relays = [Bool](repeating: false, count: hosts)
    for slot in reached {
      let target = Int(contacts[slot].target)
      let start = began[target]
      if start < .distantFuture, contacts[slot].first <= start { relays[target] = true }
    }
    return relays
  }

  /// Remembers the port that was asked for last: contacts of one row stand together.
  private struct PortMemo {
    private let ports: Set<PortKey>
    private var last: (port: PortKey, isHeld: Bool)?

    init(_ ports: Set<PortKey>) { self.ports = ports }

    mutating func holds(_ port: PortKey) -> Bool {
      if let last, last.port == port { return last.isHeld }
      let isHeld = ports.contains(port)
      last = (port, isHeld)
      return isHeld
    }
  }
}
