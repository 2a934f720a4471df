import Terms

/// A DHCP message (RFC 2131, options by RFC 2132), or one of DHCPv6 (RFC 8415) in its words.
public struct DHCPMessage: Sendable, Hashable {
  public enum Kind: UInt8, Sendable {
    /// BOOTP, or a message without option 53.
    case none
    case discover, offer, request, decline, ack, nak, release, inform
  }

  /// Addresses kept of an option that lists them.
  public static let addressLimit = 4

  /// Whether it is DHCPv6: clients there are told by `clientIdentifier`, whose `hardware` is that of
  /// any interface they have, and servers name no routers.
  public var isVersion6 = false
  public var kind = Kind.none
  /// `op`: 1 from a client, 2 from a server.
  public var operation: UInt8 = 0
  public var transaction: UInt32 = 0
  /// `chaddr`; 48 bits of it.
  public var hardware = MACAddress.unknown
  /// `ciaddr`, `yiaddr`, `siaddr`, `giaddr`; `.unspecified` for 0.0.0.0.
  public var clientAddress = IPAddress.unspecified
  public var offeredAddress = IPAddress.unspecified
  public var nextServer = IPAddress.unspecified
  public var relay = IPAddress.unspecified
  /// Options 50, 54, 3, 6, 51 (seconds), 12.
  public var requestedAddress = IPAddress.unspecified
  public var serverIdentifier = IPAddress.unspecified
  public var routers: [IPAddress] = []
  public var nameServers: [IPAddress] = []
  public var leaseTime: UInt32 = 0
  public var hostName: [UInt8] = []
  /// A digest of option 61, where it says more than the hardware address; else 0. In DHCPv6 of the
  /// client's DUID.
  public var clientIdentifier: UInt64 = 0
  /// Whether the options ended as they should.
  public var isWellFormed = true

  public init() {}
}
