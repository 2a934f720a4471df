import Terms

/// A login, or a session of somebody who works on another host, as one tap saw it: what an actor is
/// followed by over hosts.
public struct LoginRow: Hashable, Sendable, Codable {
  public enum Outcome: UInt8, Sendable, Codable, CaseIterable {
    case refused, accepted
    /// It goes on, and nobody saw how it began.
    case unknown
  }

  public var client: IPAddress
  public var server: IPAddress
  public var clientPort: UInt16
  public var serverPort: UInt16
  /// `ssh`, `telnet`, `rdp`, `vnc`, `smb-admin` (shares and pipes of administrators), `smb`, `ftp`.
  public var service: String
  /// As it was said in clear; empty otherwise.
  public var user: String
  public var outcome: Outcome
  /// Tries that the row stands for: refused ones of one client at one service share a row.
  public var count: UInt64
  /// When the connection was opened, and what is newest of it.
  public var opened: CaptureTime
  public var last: CaptureTime
  /// The connection is over; before, the bytes are not known.
  public var isClosed: Bool
  /// Payload from client and from server.
  public var bytesOut: UInt64
  public var bytesIn: UInt64
  /// A digest of what the client said in clear of its key exchange, which no other session repeats,
  /// and which address translation leaves alone; 0 without one.
  public var mark: UInt64
  /// Packet indices in the reporting monitor's capture.
  public var packets: [UInt64]

  public init(
    client: IPAddress, server: IPAddress, clientPort: UInt16, serverPort: UInt16,
    service: String, user: String = "", outcome: Outcome, count: UInt64 = 1, opened: CaptureTime,
    last: CaptureTime, isClosed: Bool = false, bytesOut: UInt64 = 0, bytesIn: UInt64 = 0,
    mark: UInt64 = 0, packets: [UInt64] = []
  ) {
    self.client = client
    self.server = server
    self.clientPort = clientPort
    self.serverPort = serverPort
    self.service = service
    self.user = user
    self.outcome = outcome
    self.count = count
    self.opened = opened
    self.last = last
    self.isClosed = isClosed
    self.bytesOut = bytesOut
    self.bytesIn = bytesIn
    self.mark = mark
    self.packets = packets
  }
}

extension LoginRow {
  public var withoutPackets: LoginRow {
    var row = self
    row.packets = []
    return row
  }

  /// Two sightings of one session, or of one client's refused tries, as one, without packets.
  public func united(with other: LoginRow) -> LoginRow {
    var row = withoutPackets
    // Of two tries at once the first shows the connection.
    if (other.opened, other.clientPort, other.mark) < (opened, clientPort, mark) {
      row.clientPort = other.clientPort
      row.mark = other.mark == 0 ? mark : other.mark
    } else if mark == 0 {
      row.mark = other.mark
    }
    if outcome != .accepted, other.outcome != .refused { row.outcome = other.outcome }
    if user.isEmpty || (!other.user.isEmpty && other.user < user) { row.user = other.user }
    row.count = max(count, other.count)
    row.opened = min(opened, other.opened)
    row.last = max(last, other.last)
    row.isClosed = isClosed || other.isClosed
    row.bytesOut = max(bytesOut, other.bytesOut)
    row.bytesIn = max(bytesIn, other.bytesIn)
    return row
  }
}

/// An address that a DHCP server gave a client, or that the client gave back.
public struct LeaseRow: Hashable, Sendable, Codable {
  public var hardware: MACAddress
  /// A digest of the client identifier (RFC 2132, 9.14), where it is more than the hardware address;
  /// else 0.
  public var client: UInt64
  public var address: IPAddress
  /// The client's own name for itself; may be empty.
  public var name: String
  public var server: IPAddress
  public var granted: CaptureTime
  /// When it ends; for an address given back, when that was.
  public var until: CaptureTime
  public var isReleased: Bool
  public var packets: [UInt64]

  public init(
    hardware: MACAddress, client: UInt64 = 0, address: IPAddress, name: String = "",
    server: IPAddress, granted: CaptureTime, until: CaptureTime, isReleased: Bool = false,
    packets: [UInt64] = []
  ) {
    self.hardware = hardware
    self.client = client
    self.address = address
    self.name = name
    self.server = server
    self.granted = granted
    self.until = until
    self.isReleased = isReleased
    self.packets = packets
  }
}

extension LoginRow: CustomStringConvertible {
  /// `10.0.0.5 → 10.0.1.9 ssh as root, accepted, 120 s`
  public var description: String {
    var text = "\(client) → \(server) \(service)"
    if !user.isEmpty { text += " as \(user)" }
    switch outcome {
    case .refused: text += ", refused" + (count > 1 ? " \(count) times" : "")
    case .accepted: text += ", accepted"
    case .unknown: text += ", goes on"
    }
    return isClosed ? text + ", over after \(last - opened)" : text
  }
}

extension LeaseRow: CustomStringConvertible {
  /// `10.0.0.5 is 02:00:00:00:00:07 (laptop), by 10.0.0.2`
  public var description: String {
    let owner = name.isEmpty ? "\(hardware)" : "\(hardware) (\(name))"
    return isReleased ? "\(address) given back by \(owner)" : "\(address) is \(owner), by \(server)"
  }
}
