import Analysis
import Flows
import Packets
import Terms

/// Learns which hardware addresses rightly bear which kinds of addresses: those that completed TCP
/// handshakes, which nobody can do for an address that is not routed to him.
struct AddressBearers: Sendable {
  /// Kinds of addresses as a segment sees them.
  struct Kinds: OptionSet, Sendable {
    let rawValue: UInt8
    /// The segment's own prefixes.
    static let own = Kinds(rawValue: 1)
    /// Other prefixes of the site.
    static let home = Kinds(rawValue: 2)
    /// Private addresses of nobody known.
    static let unknown = Kinds(rawValue: 4)
    /// The rest of the world.
    static let foreign = Kinds(rawValue: 8)
  }

  struct Bearer: Sendable {
    var kinds = Kinds()
    /// Addresses borne, as long as they are few.
    var addresses: [IPAddress] = []
    /// Connections from elsewhere that it brought, forwarded and so with less time to live than
    /// systems begin with; and whether it has brought one that was not, as proxies do.
    var forwarded: UInt8 = 0
    var regenerates = false
  }

  /// Addresses from which on a hardware address is a router's.
  static let hostLimit = 4
  /// Forwarded connections from which on a hardware address is known to forward.
  private static let forwardedLeast: UInt8 = 8
  /// Hardware addresses remembered, and how long one is protected from newcomers.
  private static let capacity = 2048
  private static let holdSpan = TimeSpan.hours(1)

  private let own: AddressRanges
  private let home: AddressRanges
  private let gateways: [IPAddress]
  private var known = BoundedTable<Bearer>(capacity: AddressBearers.capacity, empty: Bearer())
  /// Addresses of the segment that hardware addresses speak for in ARP or neighbour discovery.
  private var spoken = ContactMemory(
    capacity: AddressBearers.capacity, span: AddressBearers.holdSpan)
  /// What some hardware address was seen to bear.
  private(set) var proven = Kinds()

  init(_ context: DetectionContext) {
    own = AddressRanges(context.prefixes)
    home = AddressRanges(context.home)
    gateways = context.gateways
  }

  @inline(__always) func kind(_ address: IPAddress) -> Kinds {
    if own.contains(address) { return .own }
    if home.contains(address) { return .home }
    return AddressRanges.privateUse.contains(address) ? .unknown : .foreign
  }

  @inline(__always) func isGateway(_ address: IPAddress) -> Bool { gateways.contains(address) }

  @inline(__always) func kinds(of mac: MACAddress) -> Kinds {
    let slot = known.find(Self.key(mac))
    return slot < 0 ? [] : known[slot].kinds
  }

  /// The addresses of a hardware address that is no router's.
  func addresses(of mac: MACAddress) -> [IPAddress] {
    let slot = known.find(Self.key(mac))
    guard slot >= 0, known[slot].addresses.count <= Self.hostLimit else { return [] }
    return known[slot].addresses
  }

  /// Notes both ends of a flow; whether a hardware address got a new kind.
  mutating func learn(_ event: UnsafePointer<FlowEvent>) -> (source: Bool, target: Bool) {
    guard event.pointee.kind == .established, event.pointee.transport == .tcp,
      event.pointee.probe == .syn,
      event.pointee.source != event.pointee.target
    else { return (false, false) }
    noteTimeToLive(event)
    return (
      prove(event.pointee.sourceMAC, event.pointee.source, at: event.pointee.time),
      prove(event.pointee.targetMAC, event.pointee.target, at: event.pointee.time)
    )
  }

  /// Whether a hardware address forwards all that it brings from elsewhere: what comes from there with
  /// the time to live of a first hop came from nowhere else than this segment (cf. RFC 5082).
  func forwards(_ mac: MACAddress) -> Bool {
    let slot = known.find(Self.key(mac))
    return slot >= 0 && known[slot].forwarded >= Self.forwardedLeast && !known[slot].regenerates
  }

  /// The times to live that systems begin with, from which no route through the Internet leads to
  /// another of them.
  @inline(__always) static func isUnforwarded(_ timeToLive: UInt8) -> Bool {
    timeToLive == 64 || timeToLive == 128 || timeToLive == 255
  }

  private mutating func noteTimeToLive(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.sourceMAC != .unknown, !isGateway(event.pointee.source),
      kind(event.pointee.source) != .own, event.pointee.timeToLive > 0
    else { return }
    let slot = known.find(Self.key(event.pointee.sourceMAC))
    guard slot >= 0 else { return }
    if Self.isUnforwarded(event.pointee.timeToLive) {
      known[slot].regenerates = true
    } else if known[slot].forwarded < Self.forwardedLeast {
      known[slot].forwarded += 1
    }
  }

  /// A gateway that speaks ARP shows its hardware address: it bears everything from elsewhere.
  mutating func learnGateway(_ event: UnsafePointer<FlowEvent>) {
    guard event.pointee.kind == .arp, gateways.contains(event.pointee.source), !own.isEmpty else {
      return
    }
    let slot = admit(event.pointee.sourceMAC, at: event.pointee.time)
    if slot >= 0 { known[slot].kinds.formUnion([.home, .unknown, .foreign]) }
  }

  /// Notes what an interface says it is called on the segment: a router has addresses there that the
  /// topology need not name, above all those of IPv6.
  mutating func hear(_ event: UnsafePointer<FlowEvent>) {
    let mac =
      event.pointee.frameMAC == .unknown ? event.pointee.sourceMAC : event.pointee.frameMAC
    let isAdvertised =
      event.pointee.kind == .neighbour
      && event.pointee.arpOperation == NeighbourNotice.neighbourAdvertisement
    let address = isAdvertised ? event.pointee.subject : event.pointee.source
    guard mac != .unknown, own.contains(address) else { return }
    _ = spoken.insert(Self.word(mac, address), at: event.pointee.time)
  }

  /// Whether an interface said so of itself within the hour.
  func speaks(_ mac: MACAddress, for address: IPAddress, asOf now: CaptureTime) -> Bool {
    spoken.contains(Self.word(mac, address), asOf: now)
  }

  private static func word(_ mac: MACAddress, _ address: IPAddress) -> UInt64 {
    max(TableKey(address, detail: mac.bits).hash, 1)
  }

  private mutating func prove(_ mac: MACAddress, _ address: IPAddress, at time: CaptureTime) -> Bool
  {
    guard mac != .unknown, !mac.isGroup, !isGateway(address) else { return false }
    let slot = admit(mac, at: time)
    guard slot >= 0 else { return false }
    let kind = kind(address)
    if known[slot].addresses.count <= Self.hostLimit, !known[slot].addresses.contains(address) {
      known[slot].addresses.append(address)
    }
    guard !known[slot].kinds.contains(kind) else { return false }
    known[slot].kinds.formUnion(kind)
    proven.formUnion(kind)
    return true
  }

  private mutating func admit(_ mac: MACAddress, at time: CaptureTime) -> Int {
    known.admit(Self.key(mac), asOf: time, until: time + Self.holdSpan)
  }

  private static func key(_ mac: MACAddress) -> TableKey {
    TableKey(.unspecified, detail: mac.bits)
  }
}
