import Reports
import Terms

/// Who acts from a host at some moment, as far as logins and leases show: the *network user
/// identification* of DIDS (Snapp et al., "DIDS – Motivation, Architecture, and an Early Prototype",
/// NCSC 1991).
struct Actor: Hashable, Sendable, Codable {
  /// What stays the same while he changes hosts and addresses.
  enum Identity: Hashable, Comparable, Sendable {
    case address(IPAddress)
    case client(LeaseBook.Client)

    private var order: (UInt8, IPAddress, UInt64) {
      switch self {
      case .address(let address): (0, address, 0)
      case .client(let client): (1, .unspecified, client.hardware)
      }
    }

    static func < (left: Identity, right: Identity) -> Bool { left.order < right.order }
  }

  /// One session of the way, with how surely it is his.
  struct Hop: Hashable, Sendable, Codable {
    var client: IPAddress
    var server: IPAddress
    var service: String
    var user: String
    var opened: CaptureTime
    /// nil while it goes on.
    var closed: CaptureTime?
    var confidence: Double
    /// What the client's address was translated to on the way.
    var translated: IPAddress?
    var reports: [ReportID]

    var text: String {
      var text = "\(client)"
      if let translated { text += " (as \(translated))" }
      text += " → \(server) \(service)"
      if !user.isEmpty { text += " as \(user)" }
      text += ", \(Actor.clock(opened))"
      return text + (closed.map { "–\(Actor.clock($0))" } ?? " on")
    }
  }

  /// Somebody else who may have been it.
  struct Candidate: Hashable, Sendable, Codable {
    var origin: IPAddress
    var confidence: Double
  }

  var identity: Identity
  /// His own address when he set out.
  var origin: IPAddress
  /// How he is called: the host's hardware address and name where a lease tells, else the address.
  var name: String
  /// The way from the origin to the host.
  var hops: [Hop] = []
  /// The product of what was chosen at each host.
  var confidence = 1.0
  /// The addresses that a lease gave him, in order of time, where there are several.
  var addresses: [IPAddress] = []
  /// The leases behind them.
  var leases: [ReportID] = []
  /// The address under which he was seen, where his own is hidden behind it; and the sessions seen on
  /// both sides.
  var translated: IPAddress?
  var twins: [ReportID] = []
  /// Where the way could not be followed back further: between whom nobody could choose.
  var candidates: [Candidate] = []

  /// He came from another host, or had another address.
  var isElsewhere: Bool { !hops.isEmpty || addresses.count > 1 || translated != nil }

  /// `10.0.0.5 > 10.0.1.9 > 10.0.2.2`
  var path: [IPAddress] { [origin] + hops.map(\.server) }

  var users: [String] {
    var users: [String] = []
    for hop in hops where !hop.user.isEmpty && !users.contains(hop.user) { users.append(hop.user) }
    return users
  }

  var reports: [ReportID] {
    var known: [ReportID] = []
    for id in leases + hops.flatMap(\.reports) + twins where !known.contains(id) {
      known.append(id)
    }
    return known
  }

  /// Time of day, UTC.
  static func clock(_ time: CaptureTime) -> String {
    let seconds = Int((time.nanoseconds / 1_000_000_000) % 86_400)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
  }
}

extension Actor.Identity: Codable {
  init(from decoder: any Decoder) throws {
    var list = try decoder.unkeyedContainer()
    let hardware = try list.decode(UInt64?.self)
    let address = try list.decode(IPAddress.self)
    self = hardware.map { .client(LeaseBook.Client(hardware: $0)) } ?? .address(address)
  }

  func encode(to encoder: any Encoder) throws {
    var list = encoder.unkeyedContainer()
    switch self {
    case .address(let address):
      try list.encode(UInt64?.none)
      try list.encode(address)
    case .client(let client):
      try list.encode(UInt64?.some(client.hardware))
      try list.encode(IPAddress.unspecified)
    }
  }
}
