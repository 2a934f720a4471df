import Analysis
import Flows
import Terms

/// Learns which hardware address speaks for an address on the segment: the one seen first, or
/// nearer by its time to live, until it falls silent.
struct HardwareOwners: Sendable {
  /// Addresses remembered at once.
  static let capacity = 4096
  /// Silence after which another hardware address may take over.
  static let silence = TimeSpan.minutes(10)
  /// Addresses beyond its own that show a hardware address to be a router.
  static let routedLimit = 4

  struct Owner: Sendable {
    var mac = MACAddress.unknown
    var timeToLive: UInt8 = 0
    var frames: UInt64 = 0
    var last = CaptureTime.distantPast
  }

  private var owners = BoundedTable<Owner>(capacity: HardwareOwners.capacity, empty: Owner())
  /// The owner's hardware address of each slot, for a quick look through all.
  private var macs = [UInt64](repeating: 0, count: HardwareOwners.capacity)

  /// Well-known owners that were seen within the second, by a hash of all that could change: for
  /// speed alone.
  private var recent = [UInt64](repeating: 0, count: 128)
  /// Frames from which an owner is well known: beyond, its seconds are counted instead of frames.
  private static let knownFrames: UInt64 = 16

  private func key(_ address: IPAddress, _ vlan: UInt16) -> TableKey {
    TableKey(address, detail: UInt64(vlan))
  }

  /// Asks for the memory that `learn` will need.
  @inline(__always) func foresee(_ event: UnsafePointer<SessionEvent>) {
    owners.foresee(key(event.pointee.sender, event.pointee.vlan))
  }

  /// Takes in who sent the event's packet.
  mutating func learn(_ event: SessionEvent) {
    let mac = event.sourceMAC
    guard mac != .unknown, !mac.isGroup, !event.sender.isUnspecified else { return }
    let sight = TableKey(
      event.sender,
      detail: mac.bits ^ UInt64(event.vlan) << 48 ^ UInt64(event.timeToLive) << 56
        ^ UInt64(bitPattern: event.time.wholeSeconds) << 16
    ).hash
    let place = Int(truncatingIfNeeded: sight >> 32) & (recent.count - 1)
    guard recent[place] != sight else { return }
    let slot = owners.admit(
      key(event.sender, event.vlan), asOf: event.time, until: event.time + .seconds(1))
    guard slot >= 0 else { return }
    var owner = owners[slot]
    if owner.mac == mac {
      owner.frames &+= 1
      owner.last = event.time
      owner.timeToLive = event.timeToLive
      owners[slot] = owner
      if owner.frames >= Self.knownFrames { recent[place] = sight }
      if owner.frames > 2 { owners.keep(slot, until: event.time + .minutes(1)) }
      return
    }
    // A forwarder's copy has come a hop farther than what the owner sent.
    let isNearer = owner.frames <= 1 && event.timeToLive > owner.timeToLive
    guard owner.mac == .unknown || isNearer || event.time - owner.last > Self.silence else {
      return
    }
    owners[slot] = Owner(
      mac: mac, timeToLive: event.timeToLive, frames: 1, last: event.time)
    macs[slot] = mac.bits
  }

  private func slots(of mac: MACAddress) -> [Int] {
    let bits = mac.bits
    return macs.withUnsafeBufferPointer { macs in
      var found: [Int] = []
      for slot in macs.indices where macs[slot] == bits { found.append(slot) }
      return found
    }
  }

  func owner(of address: IPAddress, vlan: UInt16) -> Owner? {
    let slot = owners.find(key(address, vlan))
    return slot < 0 ? nil : owners[slot]
  }

  /// What `mac` owns, the most used first, at most `limit`; nothing for a router, whose addresses
  /// are others'.
  func addresses(of mac: MACAddress, limit: Int = 4) -> [IPAddress] {
    guard mac != .unknown else { return [] }
    let owned = slots(of: mac)
    guard !isRouting(owned.map { owners.key($0).address }) else { return [] }
    let ranked = owned.map { (owners[$0].frames, owners.key($0).address) }
      .sorted { ($1.0, $0.1) < ($0.0, $1.1) }
    return ranked.prefix(limit).map(\.1)
  }

  func isRouter(_ mac: MACAddress) -> Bool {
    mac != .unknown && isRouting(slots(of: mac).map { owners.key($0).address })
  }

  /// Whether the addresses lie in more networks (/24, /64) than a host has.
  private func isRouting(_ addresses: [IPAddress]) -> Bool {
    let networks = addresses.map { $0.isIPv4 ? $0.low >> 8 : $0.high }
    return Set(networks).count >= 2 && addresses.count >= Self.routedLimit
  }
}

extension HardwareOwners {
  var losses: UInt64 { owners.refusedCount }
}
