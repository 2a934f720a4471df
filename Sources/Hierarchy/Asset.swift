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
