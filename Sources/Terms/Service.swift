/// A service that a host offers, written `tcp/80`.
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
      (1...5).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (48...57).contains($0) }),
      let port = UInt16(parts[1]), port > 0
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
