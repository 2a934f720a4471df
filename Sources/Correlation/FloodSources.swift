import Analysis
import Reports
import Terms

/// Which of a flooded target's sources make the flood: those that come far oftener than people do,
/// and than they did themselves in calm times. Its usual clients come too, and are none.
struct FloodSources: Sendable, Codable {
  /// Clients whose usual rate is known, per target; those who come most are kept.
  static let clientLimit = 128

  /// The most contacts of a calm epoch, by client.
  private var usual: [IPAddress: UInt64] = [:]
  /// Everybody who came since a flood is suspected.
  private(set) var all = AddressSet()
  /// Those of them who insist.
  private(set) var insistent = AddressSet()

  /// Takes what an epoch brought: of a flood, perhaps.
  mutating func take(_ load: IngressLoad, insistence: Double) {
    all.formUnion(load.sources)
    for (source, contacts) in load.busiest.sorted(by: { $0.key < $1.key })
    where Double(contacts) >= max(insistence, 2 * Double(usual[source] ?? 0)) {
      insistent.insert(source)
    }
  }

  /// No flood is suspected any more, or yet.
  mutating func reset() {
    all = AddressSet()
    insistent = AddressSet()
  }

  /// The epoch was calm: whoever came is a client.
  mutating func learn(_ load: IngressLoad) {
    for (source, contacts) in load.busiest {
      usual[source] = max(usual[source] ?? 0, contacts)
    }
    let excess = usual.count - Self.clientLimit
    guard excess > 0 else { return }
    let clients = usual.map { Client(contacts: $0.value, address: $0.key) }
    for client in clients.least(excess) { usual[client.address] = nil }
  }

  private struct Client: Comparable {
    var contacts: UInt64
    var address: IPAddress

    static func < (left: Client, right: Client) -> Bool {
      (left.contacts, left.address) < (right.contacts, right.address)
    }
  }

  /// Whom to name: those who insist, and whom monitors name in full; where nobody does, as with
  /// forged sources, everybody who came.
  func named(with detections: [AddressSet]) -> AddressSet {
    var named = insistent
    for sources in detections where sources.isComplete { named.formUnion(sources) }
    if named.isEmpty {
      named = all
      for sources in detections { named.formUnion(sources) }
    }
    return named
  }
}
