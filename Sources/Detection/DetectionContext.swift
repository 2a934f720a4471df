import Flows
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

extension DetectionContext {
  /// Whether an address is known to be one of the site's.
  func isHome(_ address: IPAddress) -> Bool {
    home.contains { $0.contains(address) } || prefixes.contains { $0.contains(address) }
  }

  /// Whether a host of the site let go of a web site outside that took its call, before a word: of
  /// connections that are tried side by side all but the first are dropped (RFC 8305, 5). Whoever did
  /// that to find out what answers would find out nothing of the site.
  func isLostRace(_ event: UnsafePointer<FlowEvent>) -> Bool {
    event.pointee.probe == .syn && event.pointee.kind == .closed
      && !event.pointee.isEstablished && event.pointee.totalPacketsIn > 0
      && event.pointee.ending != .refused
      && (event.pointee.targetPort == 443 || event.pointee.targetPort == 80)
      && isHome(event.pointee.source) && !isHome(event.pointee.target)
  }
}

extension IPAddress {
  /// `::` or 0.0.0.0: no address at all.
  var isUnspecified: Bool { self == .unspecified || (isIPv4 && v4 == 0) }
  /// 127.0.0.0/8 or `::1`.
  var isLoopback: Bool { isIPv4 ? v4 >> 24 == 127 : high == 0 && low == 1 }
}
