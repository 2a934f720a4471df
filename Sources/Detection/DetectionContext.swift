import Signatures
import Terms

/// What the detectors of one segment are told before the first packet; everything may be empty.
public struct DetectionContext: Sendable {
  public var limits: LimitTable
  /// The segment's name, as it stands in evidence rows.
  public var segment: String
  /// The segment's own prefixes.
  public var prefixes: [IPPrefix]
  /// Addresses of the segment's routers.
  public var gateways: [IPAddress]
  /// All prefixes of the site.
  public var home: [IPPrefix]
  /// The servers that may answer DHCP on the segment, and anywhere on the site.
  public var dhcp: [IPAddress] = []
  public var siteDHCP: [IPAddress] = []
  /// The name servers of the whole site.
  public var nameServers: [IPAddress] = []
  /// Rules to hold traffic against; nil for none.
  public var signatures: SignatureSet?

  public init(
    limits: LimitTable = LimitTable(), segment: String = "", prefixes: [IPPrefix] = [],
    gateways: [IPAddress] = [], home: [IPPrefix] = []
  ) {
    self.limits = limits
    self.segment = segment
    self.prefixes = prefixes
    self.gateways = gateways
    self.home = home
  }

  /// Group addresses and the broadcast addresses that are known: whoever sends there contacts no
  /// host.
  @inline(__always) func isBroadcast(_ address: IPAddress) -> Bool {
    if address.isMulticast || address.isLimitedBroadcast || address.isUnspecified { return true }
    for prefix in prefixes where prefix.base.isIPv4 && prefix.lastAddress == address { return true }
    return false
  }
}

extension IPAddress {
  /// `::` or 0.0.0.0: no address at all.
  var isUnspecified: Bool { self == .unspecified || (isIPv4 && v4 == 0) }
  /// 127.0.0.0/8 or `::1`.
  var isLoopback: Bool { isIPv4 ? v4 >> 24 == 127 : high == 0 && low == 1 }
}
