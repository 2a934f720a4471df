import Terms

/// ARP requests that wait for an answer: a ring of distinct targets, the oldest overwritten.
struct ARPRequests: Sendable {
  private struct Request: Sendable {
    var target = IPAddress.unspecified
    var asker = IPAddress.unspecified
    var mac = MACAddress.unknown
    var first = CaptureTime.distantPast
    var isOpen = false
  }

  private var ring: [Request]
  private var places: [IPAddress: Int] = [:]
  private var cursor = 0

  init(capacity: Int) { ring = Array(repeating: Request(), count: max(capacity, 8)) }

  mutating func ask(
    _ target: IPAddress, by asker: IPAddress, _ mac: MACAddress, at time: CaptureTime
  ) {
    let request = Request(target: target, asker: asker, mac: mac, first: time, isOpen: true)
    if let place = places[target] {
      if !ring[place].isOpen {
        ring[place] = request
      }
      return
    }
    if ring[cursor].first != .distantPast { places[ring[cursor].target] = nil }
    ring[cursor] = request
    places[target] = cursor
    cursor = (cursor + 1) % ring.count
  }

  mutating func answer(_ address: IPAddress) {
    if let place = places[address] { ring[place].isOpen = false }
  }

  /// Targets first asked for within a time and not answered since, by one host at one hardware
  /// address.
  func unanswered(
    from first: CaptureTime, through last: CaptureTime, by asker: IPAddress, _ mac: MACAddress
  ) -> UInt64 {
    count { $0.first >= first && $0.first <= last && $0.asker == asker && $0.mac == mac }
  }

  /// Targets in the neighbourhood (/24, /64) of `address`, first asked for within a time by routers
  /// other than `source`, and not answered since.
  func unanswered(
    near address: IPAddress, from first: CaptureTime, through last: CaptureTime,
    except source: IPAddress, routers: Routers
  ) -> UInt64 {
    count {
      $0.first >= first && $0.first <= last && $0.asker != source
        && $0.target.isNeighbour(of: address) && routers.contains($0.asker, $0.mac)
    }
  }

  /// Those of them that came while somebody was active.
  func unanswered(near address: IPAddress, during activity: Activity, through last: CaptureTime)
    -> UInt64
  {
    count { $0.first <= last && activity.covers($0.first) && $0.target.isNeighbour(of: address) }
  }

  private func count(_ condition: (Request) -> Bool) -> UInt64 {
    ring.reduce(0) { $1.isOpen && condition($1) ? $0 &+ 1 : $0 }
  }
}

extension IPAddress {
  /// Whether both stand in one /24 or /64.
  func isNeighbour(of other: IPAddress) -> Bool {
    guard isIPv4 == other.isIPv4 else { return false }
    return isIPv4 ? v4 >> 8 == other.v4 >> 8 : high == other.high
  }
}
