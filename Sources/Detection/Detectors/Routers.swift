import Analysis
import Terms

/// Learns which hardware addresses forward other hosts' traffic: those that frames from or to other
/// networks bear.
struct Routers: Sendable {
  /// Networks (/24, and as many /64) remembered per hardware address.
  static let networkLimit = 4
  /// Hardware addresses remembered at once, and for how long one is protected from newcomers.
  static let capacity = 1024
  static let holdSpan = TimeSpan.minutes(10)

  private struct Networks: Sendable {
    var seen = SIMD4<UInt64>(repeating: .max)
    var count = 0
    /// The same of IPv6, by the upper half of the address. A host has several there (of old and new
    /// prefixes, and its own site's), so only four make a router.
    var seen6 = SIMD4<UInt64>(repeating: .max)
    var count6 = 0

    var isForwarder: Bool { count > 1 || count6 == Routers.networkLimit }
  }

  private struct Settled: Sendable {
    var mac: UInt64
    var bucket: UInt64
  }

  private let gateways: [IPAddress]
  /// Whether some hardware address carries more networks than one.
  private(set) var knowsAny = false
  /// Pairs noted within the last seconds, by a hash of both: for speed alone.
  private var recent = [UInt64](repeating: 0, count: 256)
  /// Hardware addresses of which no more is to be learnt, and the seconds that this was seen in: both
  /// ends of a frame are asked for, and a few routers bear nearly all of them.
  private var settled = [Settled](repeating: Settled(mac: .max, bucket: 0), count: 16)
  private var known = BoundedTable<Networks>(capacity: Routers.capacity, empty: Networks())

  init(gateways: [IPAddress]) { self.gateways = gateways }

  /// Notes that a frame of `mac` carried, or was meant for, `address`. Asked for each flow: inlined as
  /// far as there is nothing to learn.
  @inline(__always)
  mutating func note(_ mac: MACAddress, carries address: IPAddress, at time: CaptureTime) {
    let bucket = UInt64(bitPattern: time.nanoseconds >> 34)
    let home = Int(truncatingIfNeeded: mac.bits ^ mac.bits >> 8 ^ mac.bits >> 40) & 15
    if settled[home].mac == mac.bits, settled[home].bucket == bucket { return }
    learn(mac, address, at: time, bucket, home)
  }

  private mutating func learn(
    _ mac: MACAddress, _ address: IPAddress, at time: CaptureTime, _ bucket: UInt64, _ home: Int
  ) {
    // 2000::/3: link-local and multicast addresses say nothing of networks.
    let isIPv4 = address.isIPv4
    guard isIPv4 || address.high >> 61 == 1, !mac.isGroup else { return }
    let network = isIPv4 ? address.low >> 8 : address.high
    let pair =
      mac.bits &* 0x9e37_79b9_7f4a_7c15 ^ network ^ bucket << 48
    let place = Int(truncatingIfNeeded: pair >> 24 ^ pair) & 255
    guard recent[place] != pair else { return }
    recent[place] = pair
    let slot = known.admit(Self.key(mac), asOf: time, until: time)
    guard slot >= 0 else { return }
    guard known[slot].count < Self.networkLimit, known[slot].count6 < Self.networkLimit else {
      settled[home] = Settled(mac: mac.bits, bucket: bucket)
      return
    }
    let seen = isIPv4 ? known[slot].seen : known[slot].seen6
    guard seen[0] != network, seen[1] != network, seen[2] != network, seen[3] != network
    else { return }
    if isIPv4 {
      known[slot].seen[known[slot].count] = network
      known[slot].count += 1
    } else {
      known[slot].seen6[known[slot].count6] = network
      known[slot].count6 += 1
    }
    let isForwarder = known[slot].isForwarder
    if isForwarder { knowsAny = true }
    known.keep(slot, until: time + (isForwarder ? Self.holdSpan : .seconds(10)))
  }

  /// Whether the host that speaks ARP for `address` also bears other networks' addresses.
  func contains(_ address: IPAddress, _ mac: MACAddress) -> Bool {
    if gateways.contains(address) { return true }
    let slot = known.find(Self.key(mac))
    guard slot >= 0 else { return false }
    // An interface has addresses of both families: that it bears the other shows no router.
    guard address.isIPv4 else { return known[slot].isForwarder }
    let own = address.low >> 8
    return (0..<known[slot].count).contains { known[slot].seen[$0] != own }
  }

  /// Whether the hardware address bears addresses of several networks.
  func forwards(_ mac: MACAddress) -> Bool {
    let slot = known.find(Self.key(mac))
    return slot >= 0 && known[slot].isForwarder
  }

  private static func key(_ mac: MACAddress) -> TableKey {
    TableKey(.unspecified, detail: mac.bits)
  }
}
