import Terms

/// A part of the network that one tap can watch.
public struct Segment: Sendable, Hashable {
  public let name: String
  /// No two segments overlap; empty for a perimeter that stands for everything else.
  public let prefixes: [IPPrefix]
  /// The routers' addresses on this segment.
  public let gateways: [IPAddress]
  /// The servers allowed to answer DHCP here; empty when nobody said.
  public let dhcp: [IPAddress]
  /// The resolvers that hosts of this segment use; empty when nobody said.
  public let dns: [IPAddress]
  /// The link to the outside: holds every address that no other segment holds.
  public let isPerimeter: Bool
  /// The segments whose hosts this one's can open connections to, besides itself; nil when nobody
  /// said, which is all.
  public let reaches: [String]?

  public init(
    name: String, prefixes: [IPPrefix] = [], gateways: [IPAddress] = [], dhcp: [IPAddress] = [],
    dns: [IPAddress] = [], isPerimeter: Bool = false, reaches: [String]? = nil
  ) {
    self.name = name
    self.prefixes = prefixes
    self.gateways = gateways
    self.dhcp = dhcp
    self.dns = dns
    self.isPerimeter = isPerimeter
    self.reaches = reaches
  }

  /// Whether one of the segment's own prefixes holds `address`; always false for a bare perimeter.
  public func contains(_ address: IPAddress) -> Bool {
    prefixes.contains { $0.contains(address) }
  }
}
