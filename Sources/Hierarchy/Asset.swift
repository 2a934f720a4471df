import Terms

/// A host that the site cares about.
public struct Asset: Sendable, Hashable {
  public let name: String
  /// The name of the segment it lives in.
  public let segment: String
  /// At least one; no two assets share one.
  public let addresses: [IPAddress]
  /// What it is worth to the site: 0 (nothing) to 5 (everything).
  public let value: Int
  public let services: [Service]
  /// `linux`, `windows`, …; nil when unknown.
  public let os: String?

  /// The value of an asset for which the file names none.
  public static let standardValue = 1
  /// The values an asset can have.
  public static let values = 0...5

  public init(
    name: String, segment: String, addresses: [IPAddress], value: Int = standardValue,
    services: [Service] = [], os: String? = nil
  ) {
    self.name = name
    self.segment = segment
    self.addresses = addresses
    self.value = value
    self.services = services
    self.os = os
  }
}

/// A service that an asset offers, written `tcp/80`.
public struct Service: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let transport: TransportProtocol
  /// 1…65535.
  public let port: UInt16

  public init(transport: TransportProtocol, port: UInt16) {
    self.transport = transport
    self.port = port
  }

  /// Parses `tcp/80`, `udp/53` or `sctp/3868`; nil for anything else.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let transport = Self.transports[String(parts[0])],
      let port = ListenAddress.port(parts[1])
    else { return nil }
    self.init(transport: transport, port: port)
  }

  private static let transports: [String: TransportProtocol] = [
    "tcp": .tcp, "udp": .udp, "sctp": .sctp,
  ]

  public var description: String { "\(transport)/\(port)" }

  public static func < (left: Service, right: Service) -> Bool {
    (left.transport, left.port) < (right.transport, right.port)
  }
}
