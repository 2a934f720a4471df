import Terms

/// All that is known of one address: what the topology says of it, and what was found there.
public struct HostFacts: Sendable, Hashable {
  public let asset: Asset?
  public let found: KnownHost?

  public init(asset: Asset?, found: KnownHost?) {
    self.asset = asset
    self.found = found
  }

  /// Whether a host runs a service, and how that is known.
  public enum Running: Sendable, Hashable {
    /// A scan or list found it.
    case found
    /// The topology names it.
    case named
    /// A scan found the port closed.
    case closed
    /// The topology names others.
    case unnamed
    case unknown
  }

  public var value: Int { asset?.value ?? Asset.standardValue }

  /// The family; what the topology says comes first.
  public var os: String? { asset?.os.flatMap { OSFamily.name($0) } ?? found?.os }

  public func running(_ service: Service) -> Running {
    switch found?.runs(service) {
    case true: return .found
    case false: return .closed
    default: break
    }
    guard let services = asset?.services, !services.isEmpty else { return .unknown }
    return services.contains(service) ? .named : .unnamed
  }

  /// What a service is, where somebody said.
  public func product(_ service: Service) -> Product? { found?.services[service] }

  /// Everything that it runs, sorted.
  public var services: [Service] {
    Set(asset?.services ?? []).union(found.map { Array($0.services.keys) } ?? []).sorted()
  }
}

extension Topology {
  /// What is known of each address that an asset or the inventory names.
  public var hosts: [IPAddress: HostFacts] {
    var hosts: [IPAddress: HostFacts] = [:]
    for asset in assets {
      for address in asset.addresses where hosts[address] == nil {
        hosts[address] = HostFacts(asset: asset, found: inventory.hosts[address])
      }
    }
    for (address, found) in inventory.hosts where hosts[address] == nil {
      hosts[address] = HostFacts(asset: nil, found: found)
    }
    return hosts
  }
}
