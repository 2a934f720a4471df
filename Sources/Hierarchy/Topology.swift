import Reports
import Terms

/// The whole system as one file describes it: network, assets, monitors and message schema.
///
/// A value made by `Topology.load` is free of faults; one made by hand is the maker's concern.
public struct Topology: Sendable {
  /// The site's name.
  public let enterprise: String
  public let schema: Schema
  /// In file order, as are assets and monitors.
  public let segments: [Segment]
  public let assets: [Asset]
  public internal(set) var monitors: [MonitorDefinition]
  /// What parents want, where it differs from the standard; see `subscription(of:to:)`.
  public let subscriptions: [SubscriptionLink: Subscription]
  /// Engine limits for every monitor, by limit name; durations in seconds.
  public let defaults: [String: Double]
  /// What the monitors above the local tier follow from report to report.
  public let directives: [Directive]
  /// What scans and lists say of its hosts.
  public let inventory: Inventory
  /// Interest in kinds, 0–1, by whole kinds, `family.*` or `*`; the rest goes by severity.
  public let interest: [String: Double]
  /// The file it came from; empty for a topology made by hand.
  public let path: String

  private let positions: [MonitorName: Int]
  private let childrenOf: [MonitorName: [MonitorName]]
  private let peersOf: [MonitorName: [MonitorName]]
  private let assetsByAddress: [IPAddress: Int]

  /// Of two monitors with one name the first counts.
  public init(
    enterprise: String, schema: Schema, segments: [Segment] = [], assets: [Asset] = [],
    monitors: [MonitorDefinition],
    subscriptions: [SubscriptionLink: Subscription] = [:], defaults: [String: Double] = [:],
    directives: [Directive] = [], inventory: Inventory = Inventory(),
    interest: [String: Double] = [:], path: String = ""
  ) {
    self.enterprise = enterprise
    self.schema = schema
    self.segments = segments
    self.assets = assets
    self.monitors = monitors
    self.subscriptions = subscriptions
    self.defaults = defaults
    self.directives = directives
    self.inventory = inventory
    self.interest = interest
    self.path = path
    var positions: [MonitorName: Int] = [:]
    var childrenOf: [MonitorName: [MonitorName]] = [:]
    var peersOf: [MonitorName: [MonitorName]] = [:]
    for (position, monitor) in monitors.enumerated() where positions[monitor.name] == nil {
      positions[monitor.name] = position
      for parent in monitor.parents { childrenOf[parent, default: []].append(monitor.name) }
      for peer in monitor.peers {
        if peersOf[monitor.name]?.contains(peer) == true { continue }
        peersOf[monitor.name, default: []].append(peer)
        peersOf[peer, default: []].append(monitor.name)
      }
    }
    self.positions = positions
    self.childrenOf = childrenOf
    self.peersOf = peersOf.mapValues { $0.sorted() }
    assetsByAddress = Dictionary(
      assets.enumerated().flatMap { index, asset in asset.addresses.map { ($0, index) } },
      uniquingKeysWith: { first, _ in first })
  }
}

extension Topology {
  public func monitor(_ name: MonitorName) -> MonitorDefinition? {
    positions[name].map { monitors[$0] }
  }

  /// Every monitor that names `parent` among its parents, in file order.
  public func children(of parent: MonitorName) -> [MonitorDefinition] {
    (childrenOf[parent] ?? []).compactMap { monitor($0) }
  }

  /// The children whose first choice is `parent`: those that report here when all is well.
  public func preferredChildren(of parent: MonitorName) -> [MonitorDefinition] {
    children(of: parent).filter { $0.parents.first == parent }
  }

  /// How many tiers of monitors report to `name`, directly or through others; 0 for a local one.
  public func height(of name: MonitorName) -> Int {
    var height = 0
    var tier = [name]
    // A checked topology has no cycle; the count bounds one that is not.
    while height < monitors.count {
      tier = Set(tier.flatMap { childrenOf[$0] ?? [] }).sorted()
      if tier.isEmpty { break }
      height += 1
    }
    return height
  }

  /// The monitors that exchange evidence with `name`, by name; peering holds both ways, whoever
  /// wrote it.
  public func peers(of name: MonitorName) -> [MonitorName] { peersOf[name] ?? [] }

  /// The peers that `name` reports to: those without parents, since nobody above joins what they and
  /// their peers see. Where there is a parent, it does.
  public func peersTold(by name: MonitorName) -> [MonitorName] {
    let parents = monitor(name)?.parents ?? []
    return peers(of: name).filter {
      monitor($0)?.parents.isEmpty ?? false && !parents.contains($0)
    }
  }

  /// The peers that report to `name` as peers: when it has no parent, all that are not its children.
  public func peersHeard(by name: MonitorName) -> [MonitorName] {
    guard monitor(name)?.parents.isEmpty ?? false else { return [] }
    return peers(of: name).filter { !(monitor($0)?.parents.contains(name) ?? false) }
  }

  /// The monitors without parents, in file order.
  public var roots: [MonitorDefinition] { monitors.filter(\.parents.isEmpty) }

  /// The engine limits in force at `name`: the defaults, overridden by the monitor's own.
  public func limits(for name: MonitorName) -> LimitTable {
    let own = monitor(name)?.limits ?? [:]
    return LimitTable(overrides: defaults.merging(own) { _, own in own })
  }

  /// What `parent` wants of `child`; `Subscription.standard` where the file says nothing.
  public func subscription(of parent: MonitorName, to child: MonitorName) -> Subscription {
    subscriptions[SubscriptionLink(parent: parent, child: child)] ?? .standard
  }

  public func segment(_ name: String) -> Segment? { segments.first { $0.name == name } }

  /// The prefixes of all segments, sorted: what counts as inside.
  public var homePrefixes: [IPPrefix] { segments.flatMap(\.prefixes).sorted() }

  /// The segment whose prefixes hold `address`, else the perimeter, else nil.
  public func segment(containing address: IPAddress) -> Segment? {
    segments.first { $0.contains(address) } ?? segments.first(where: \.isPerimeter)
  }

  public func asset(at address: IPAddress) -> Asset? { assetsByAddress[address].map { assets[$0] } }
}
