import Terms

/// What an attack works against. A part that is empty says nothing.
///
/// That an attack depends on a service, a system or a product is what M-Correlator holds against a
/// map of the network (Porras, Fong and Valdes, "A Mission-Impact-Based Approach to INFOSEC Alarm
/// Correlation", RAID 2002).
public struct Concerns: Sendable, Hashable {
  /// One of these must run.
  public var services: [Service]
  /// One of the ports that the report names must be open.
  public var hasReportedPorts: Bool
  /// Families of systems, such as `windows`; one must fit.
  public var systems: [String]
  /// One must fit.
  public var products: [ProductRange]
  /// CVE numbers of what it uses.
  public var vulnerabilities: [String]

  public init(
    services: [Service] = [], hasReportedPorts: Bool = false, systems: [String] = [],
    products: [ProductRange] = [], vulnerabilities: [String] = []
  ) {
    self.services = services
    self.hasReportedPorts = hasReportedPorts
    self.systems = systems
    self.products = products
    self.vulnerabilities = vulnerabilities
  }

  public var isEmpty: Bool {
    services.isEmpty && !hasReportedPorts && systems.isEmpty && products.isEmpty
      && vulnerabilities.isEmpty
  }

  /// Takes what more is known of one attack.
  public mutating func add(_ more: Concerns) {
    services += more.services
    hasReportedPorts = hasReportedPorts || more.hasReportedPorts
    systems += more.systems
    products += more.products
    vulnerabilities += more.vulnerabilities.filter { !vulnerabilities.contains($0) }
  }

  /// What the schema's digest is computed over.
  var canonical: String {
    [
      services.map(\.description).joined(separator: ","), "\(hasReportedPorts)",
      systems.joined(separator: ","), products.map(\.canonical).joined(separator: ","),
      vulnerabilities.joined(separator: ","),
    ].joined(separator: ";")
  }
}
