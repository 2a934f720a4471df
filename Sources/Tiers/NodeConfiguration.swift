import Analysis
import Correlation
import Hierarchy
import Monitoring
import Reports
import Response
import Terms

/// What the topology makes of one monitor.
public struct NodeConfiguration: Sendable {
  public let name: MonitorName
  public let tier: Tier
  /// Parents by preference; none for a root.
  public let parents: [MonitorName]
  /// Every monitor that may report here, and those whose first choice this is: time waits for the
  /// latter.
  public let allowedChildren: Set<MonitorName>
  public let expectedChildren: [MonitorName]
  public let schema: Schema
  /// What the preferred parent wants.
  public let subscription: Subscription
  /// Makes the engines and resolver of a new lane.
  let makeLane: @Sendable (LaneName) -> CorrelationLane

  /// Every monitor of the topology.
  public let allMonitors: Set<MonitorName>
  /// Where a new outbox starts to count. A process takes the host's clock (µs), so that sequences
  /// after a lost state directory are still new to the parent; the simulator takes 0.
  public var sequenceBase: UInt64 = 0
  /// Host time without a word after which a child is declared dead, in milliseconds.
  public var leaseMilliseconds: UInt64 = NodeConfiguration.standardLease

  public static let standardLease: UInt64 = 15_000

  /// nil when the topology has no such monitor.
  public init?(topology: Topology, monitor name: MonitorName) {
    guard let definition = topology.monitor(name) else { return nil }
    self.name = name
    tier = definition.tier
    parents = definition.parents
    allowedChildren = Set(topology.children(of: name).map(\.name))
    let expected = topology.preferredChildren(of: name).map(\.name).sorted()
    expectedChildren = expected
    allMonitors = Set(topology.monitors.map(\.name))
    schema = topology.schema
    subscription =
      definition.parents.first.map { topology.subscription(of: $0, to: name) }
      ?? Subscription(kinds: ["*"], leastSeverity: 0, budget: nil)
    let context = CorrelationContext(topology: topology, monitor: definition)
    makeLane = { lane in
      CorrelationLane(
        name: lane, monitor: definition.name, tier: definition.tier, expecting: expected,
        engines: CorrelatorCatalog.engines(context),
        resolver: Resolver(
          monitor: definition.name, tier: definition.tier, exercise: lane.exercise,
          limits: context.limits))
    }
  }
}

extension CorrelationContext {
  init(topology: Topology, monitor: MonitorDefinition) {
    var values: [IPAddress: Int] = [:]
    for asset in topology.assets {
      for address in asset.addresses { values[address] = asset.value }
    }
    self.init(
      monitor: monitor.name, tier: monitor.tier, limits: topology.limits(for: monitor.name),
      schema: topology.schema, home: topology.homePrefixes,
      segments: Dictionary(
        topology.segments.map { ($0.name, $0.prefixes) }, uniquingKeysWith: { first, _ in first }),
      assetValues: values)
  }
}
