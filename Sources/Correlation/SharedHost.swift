import Reports
import Terms

/// One host whose ports several sources try among themselves: each a few that the others leave out.
///
/// Sources that all try the same ports are decoys of one scanner, or clients of a server that is down;
/// sources that try one port each are a forged flood. What clients of transfers fail at behind a filter
/// are ports that the server chose, and those are high.
struct SharedHost {
  /// Least distinct ports that one source must have failed at, and all together.
  static let portsOfSource = 3
  static let leastPorts = 24
  /// Least share of the failures that no other source shared the port of.
  static let leastSpread = 0.6
  /// Least share of well-known ports (RFC 6335, 6).
  static let leastKnown = 0.2
  private static let knownPorts: UInt16 = 1024

  /// Sources beyond this say no more.
  static let sourceLimit = 4096

  private(set) var target: IPPrefix
  /// The failed contacts, by slot of the window.
  private(set) var slots: [Int32]
  private(set) var sources: Int
  private(set) var ports: Int
  /// Distinct ports per failure.
  private(set) var spread: Double

  /// The hosts so shared, by address.
  ///
  /// - Parameters:
  ///   - loud: failed contacts beyond which a source is left out.
  ///   - least: sources that it takes.
  static func all(
    in window: ScanWindow, _ transport: TransportProtocol, loud: Int, least: Int,
    _ services: KnownServices
  ) -> [SharedHost] {
    guard transport == .tcp || transport == .udp || transport == .sctp else { return [] }
    let contacts = window.contacts
    func counts(_ contact: ScanWindow.Contact) -> Bool {
      contact.source >= 0 && contact.hasFailed && contact.port.transport == transport
        && Int(window.failures[Int(contact.source)]) <= loud
    }
    // Few hosts have so many: they are counted before they are gathered.
    var failures = [Int32](repeating: 0, count: window.hosts.numbers)
    for contact in contacts where counts(contact) { failures[Int(contact.target)] += 1 }
    guard failures.contains(where: { $0 >= leastPorts }) else { return [] }
    var failed: [Int32: [Int32]] = [:]
    for slot in contacts.indices
    where failures[Int(contacts[slot].target)] >= leastPorts && counts(contacts[slot]) {
      failed[contacts[slot].target, default: []].append(Int32(slot))
    }
    return failed.compactMap { target, slots in
      SharedHost(slots, of: target, window, least, services)
    }
    .sorted { $0.target < $1.target }
  }

  /// Whether the contacts are on as many ports as it takes, whoever made them.
  private static func hasEnoughPorts(_ slots: [Int32], _ window: ScanWindow) -> Bool {
    var ports: [UInt16] = []
    for slot in slots {
      let port = window.contacts[Int(slot)].port.port
      guard !ports.contains(port) else { continue }
      ports.append(port)
      if ports.count == leastPorts { return true }
    }
    return false
  }

  private init?(
    _ all: [Int32], of number: Int32, _ window: ScanWindow, _ least: Int,
    _ services: KnownServices
  ) {
    target = window.hosts.name(number)
    guard target.isHost, Self.hasEnoughPorts(all, window) else { return nil }
    var portsOf: [Int32: Set<UInt16>] = [:]
    for slot in all {
      let contact = window.contacts[Int(slot)]
      guard portsOf[contact.source] != nil || portsOf.count < Self.sourceLimit,
        window.hosts.name(contact.source).isHost, !services.offers(target, contact.port)
      else { continue }
      portsOf[contact.source, default: []].insert(contact.port.port)
    }
    portsOf = portsOf.filter { $0.value.count >= Self.portsOfSource }
    let union = portsOf.values.reduce(into: Set<UInt16>()) { $0.formUnion($1) }
    let failures = portsOf.values.reduce(0) { $0 + $1.count }
    let known = union.count { $0 < Self.knownPorts }
    spread = Double(union.count) / Double(max(1, failures))
    guard portsOf.count >= least, union.count >= Self.leastPorts, spread >= Self.leastSpread,
      Double(known) >= Self.leastKnown * Double(union.count)
    else { return nil }
    sources = portsOf.count
    ports = union.count
    slots = all.filter { portsOf[window.contacts[Int($0)].source] != nil }
  }
}
