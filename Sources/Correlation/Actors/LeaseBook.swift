import Reports
import Terms

/// Who had which address when, by the leases of DHCP servers: the same client under a new address is
/// the same actor, another client under an old address is another.
struct LeaseBook: Sendable, Codable {
  /// A client: the hardware address under which it was first seen.
  struct Client: Hashable, Comparable, Sendable, Codable {
    var hardware: UInt64

    static func < (left: Client, right: Client) -> Bool { left.hardware < right.hardware }
  }

  /// A stretch of time in which a client had an address.
  struct Tenure: Sendable, Codable {
    var client: Client
    var address: IPAddress
    var from: CaptureTime
    var until: CaptureTime
    var report: ReportID
  }

  /// Tenures kept of one address, and of one client; the newest.
  private static let addressLimit = 8
  private static let clientLimit = 8
  /// A lease is asked for before the first packet under its address, and renewed in good time; clocks
  /// of taps differ by less.
  private static let slack = TimeSpan.seconds(2)

  private let capacity: Int
  private var byAddress: [IPAddress: [Tenure]] = [:]
  private var byClient: [Client: [Tenure]] = [:]
  private var names: [Client: String] = [:]
  /// Clients by the identifier that they gave, which outlives a hardware address.
  private var identified: [UInt64: Client] = [:]
  /// Clients that gave way.
  private(set) var evicted: UInt64 = 0

  init(capacity: Int) { self.capacity = max(2, capacity) }

  var isEmpty: Bool { byAddress.isEmpty }

  /// Takes what a server granted or a client gave back; true when somebody's address has changed.
  mutating func note(_ row: LeaseRow, _ report: ReportID) -> Bool {
    guard row.hardware != .unknown, row.granted <= row.until else { return false }
    let client = client(of: row)
    if !row.name.isEmpty { names[client] = row.name }
    if row.isReleased { return end(client, row.address, at: row.granted) }
    if byClient[client] == nil { makeRoom() }
    if let index = byClient[client]?.lastIndex(where: {
      $0.address == row.address && $0.until + Self.slack >= row.granted
        && $0.from <= row.until + Self.slack
    }), var known = byClient[client]?[index] {
      // Renewed.
      known.from = min(known.from, row.granted)
      known.until = max(known.until, row.until)
      byClient[client]?[index] = known
      replace(known)
      return false
    }
    // Who has a new address has left the old one, and whoever had this one has it no more.
    let moved = byClient[client]?.last { $0.until > row.granted && $0.from < row.granted }
    if let moved { _ = end(client, moved.address, at: row.granted) }
    for other in byAddress[row.address] ?? []
    where other.client != client && other.until > row.granted && other.from < row.granted {
      _ = end(other.client, row.address, at: row.granted)
    }
    let tenure = Tenure(
      client: client, address: row.address, from: row.granted, until: row.until, report: report)
    insert(tenure)
    return true
  }

  private mutating func client(of row: LeaseRow) -> Client {
    let own = Client(hardware: row.hardware.bits)
    guard row.client != 0 else { return own }
    if let known = identified[row.client] { return known }
    if identified.count < capacity { identified[row.client] = own }
    return own
  }

  private mutating func insert(_ tenure: Tenure) {
    func add(_ list: [Tenure]?, limit: Int) -> [Tenure] {
      var list = (list ?? []) + [tenure]
      list.sort { ($0.from, $0.client, $0.address) < ($1.from, $1.client, $1.address) }
      if list.count > limit { list.removeFirst(list.count - limit) }
      return list
    }
    byClient[tenure.client] = add(byClient[tenure.client], limit: Self.clientLimit)
    byAddress[tenure.address] = add(byAddress[tenure.address], limit: Self.addressLimit)
  }

  private mutating func replace(_ tenure: Tenure) {
    guard
      let index = byAddress[tenure.address]?.firstIndex(where: {
        $0.client == tenure.client && $0.report == tenure.report
      })
    else { return }
    byAddress[tenure.address]?[index] = tenure
  }

  private mutating func end(
    _ client: Client, _ address: IPAddress, at time: CaptureTime
  ) -> Bool {
    guard
      let index = byClient[client]?.lastIndex(where: {
        $0.address == address && $0.until > time && $0.from <= time
      }), var tenure = byClient[client]?[index]
    else { return false }
    tenure.until = time
    byClient[client]?[index] = tenure
    replace(tenure)
    return true
  }

  /// Clients whose last lease ended longest ago go, those that never moved first: a flood of invented
  /// clients evicts itself.
  private mutating func makeRoom() {
    guard byClient.count >= capacity else { return }
    let order = byClient.map { (moves: min(2, $0.value.count), client: $0.key, list: $0.value) }
      .sorted {
        ($0.moves, $0.list.last?.until ?? .distantPast, $0.client)
          < ($1.moves, $1.list.last?.until ?? .distantPast, $1.client)
      }
    var gone: Set<Client> = []
    for entry in order.prefix(byClient.count / 8 + 1) {
      gone.insert(entry.client)
      byClient[entry.client] = nil
      names[entry.client] = nil
      for tenure in entry.list {
        byAddress[tenure.address]?.removeAll { $0.client == entry.client }
        if byAddress[tenure.address]?.isEmpty == true { byAddress[tenure.address] = nil }
      }
      evicted &+= 1
    }
    identified = identified.filter { !gone.contains($0.value) }
  }

  // MARK: Questions

  /// The tenure of whoever had the address then; nil where nobody knows.
  func tenure(of address: IPAddress, at time: CaptureTime) -> Tenure? {
    byAddress[address]?.last { $0.from <= time + Self.slack && time <= $0.until }
  }

  func tenures(of client: Client) -> [Tenure] { byClient[client] ?? [] }

  /// `02:00:00:00:00:07 (laptop)`
  func name(_ client: Client) -> String {
    let hardware = MACAddress(bits: client.hardware)
    return names[client].map { "\(hardware) (\($0))" } ?? "\(hardware)"
  }

  /// Whether the address certainly passed from one client to another between two moments.
  func changedHands(_ address: IPAddress, _ one: CaptureTime, _ other: CaptureTime) -> Bool {
    guard let first = tenure(of: address, at: min(one, other)),
      let second = tenure(of: address, at: max(one, other))
    else { return false }
    return first.client != second.client
  }
}
