import Analysis
import Terms

/// Learns which hardware addresses forward other hosts' traffic: those that frames from or to several networks
/// bear.
struct Routers: Sendable {
  /// Networks (/24, /64) that one hardware address must have carried to pass for a router.
  static let networkLimit = 3
  /// Hardware addresses remembered at once.
  static let capacity = 1024
  static let holdSpan = TimeSpan.minutes(10)

  private struct Networks: Sendable {
    var seen = SIMD4<UInt64>()
    var count = 0
  }

  private let gateways: [IPAddress]
  private var known = BoundedTable<Networks>(capacity: Routers.capacity, empty: Networks())

  init(gateways: [IPAddress]) { self.gateways = gateways }

  mutating func note(_ mac: MACAddress, carries address: IPAddress, at time: CaptureTime) {
    guard !mac.isGroup else { return }
    let slot = known.admit(Self.key(mac), asOf: time, until: time)
    guard slot >= 0, known[slot].count < Self.networkLimit else { return }
    let network = address.isIPv4 ? address.low >> 8 : address.high
    let seen = known[slot].seen
    guard seen[0] != network, seen[1] != network, seen[2] != network else { return }
    known[slot].seen[known[slot].count] = network
    known[slot].count += 1
    known.keep(
      slot, until: time + (known[slot].count >= Self.networkLimit ? Self.holdSpan : .seconds(10)))
  }

  func contains(_ address: IPAddress, _ mac: MACAddress) -> Bool {
    if gateways.contains(address) { return true }
    let slot = known.find(Self.key(mac))
    return slot >= 0 && known[slot].count >= Self.networkLimit
  }

  private static func key(_ mac: MACAddress) -> TableKey {
    TableKey(.unspecified, detail: mac.bits)
  }
}
