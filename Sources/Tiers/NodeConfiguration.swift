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
  /// The peers that this monitor reports to, with what each wants; and those that report here.
  public let peersTold: [MonitorName: Subscription]
  public let peersHeard: Set<MonitorName>
  public let schema: Schema
  /// What the preferred parent wants.
  public let subscription: Subscription
  /// Makes the engines and resolver of a new lane.
  let makeLane: @Sendable (LaneName) -> CorrelationLane
  /// Makes the council of a new lane; nil where no peer reports.
  let makeCouncil: (@Sendable (LaneName) -> CorrelationLane)?

  /// Every monitor of the topology.
  public let allMonitors: Set<MonitorName>
  /// Where a new outbox starts to count. A process takes the host's clock (µs), so that sequences
  /// after a lost state directory are still new to the parent; the simulator takes 0.
  public var sequenceBase: UInt64 = 0
  /// Host time without a word after which a child is declared dead, in milliseconds.
  public var leaseMilliseconds: UInt64 = NodeConfiguration.standardLease

  /// How much of a child's reports is held while event time waits for others.
  public var intakeLimits = IntakeLimits()
  /// What each child's own budget lets through, in reports per second of event time; none for a
  /// child without a budget.
  let childBudgets: [MonitorName: Double]

  public static let standardLease: UInt64 = 15_000
  /// Reports that wait for a peer at most; what a peer misses beyond is counted, so that one that
  /// is gone for good cannot fill the store.
  public static let peerSpoolLimit: UInt64 = 1_000_000

  private static func council(
    _ own: CorrelationContext, members: [MonitorName]
  ) -> @Sendable (LaneName) -> CorrelationLane {
    var context = own
    context.tier = own.tier.above
    return { [context] in
      CorrelationLane($0, context, scope: "council ", expecting: members)
    }
  }

  /// What each of those wants that this monitor reports to; none at a root.
  var subscriptions: [Subscription] {
    (parents.isEmpty ? [] : [subscription]) + peersTold.sorted { $0.key < $1.key }.map(\.value)
  }

  /// The widest budget among them, in reports per second of event time; nil for none.
  var budget: Double? {
    let budgets = subscriptions.map(\.budget)
    return budgets.contains(nil) ? nil : budgets.compactMap { $0 }.max()
  }

  /// What a monitor's budget is by the same topology: the widest of its parent's and its peers'.
  private static func budget(of name: MonitorName, in topology: Topology) -> Double? {
    let told = topology.peersTold(by: name)
    let listeners = (topology.monitor(name)?.parents.prefix(1) ?? []) + told
    let budgets = listeners.map { topology.subscription(of: $0, to: name).budget }
    return budgets.contains(nil) ? nil : budgets.compactMap { $0 }.max()
  }

  /// nil when the topology has no such monitor.
  public init?(topology: Topology, monitor name: MonitorName) {
    guard let definition = topology.monitor(name) else { return nil }
    self.name = name
    tier = definition.tier
    parents = definition.parents
    let heard = topology.peersHeard(by: name)
    peersHeard = Set(heard)
    peersTold = Dictionary(
      uniqueKeysWithValues: topology.peersTold(by: name).map {
        ($0, topology.subscription(of: $0, to: name))
      })
    allowedChildren = Set(topology.children(of: name).map(\.name)).union(heard)
    childBudgets = Dictionary(
      uniqueKeysWithValues: allowedChildren.compactMap { child in
        Self.budget(of: child, in: topology).map { (child, $0) }
      })
    let expected = topology.preferredChildren(of: name).map(\.name).sorted()
    expectedChildren = expected
    allMonitors = Set(topology.monitors.map(\.name))
    schema = topology.schema
    subscription =
      definition.parents.first.map { topology.subscription(of: $0, to: name) }
      ?? Subscription(kinds: ["*"], leastSeverity: 0, budget: nil)
    var context = CorrelationContext(topology: topology, monitor: definition)
    for child in allowedChildren { context.duties[child] = ChildDuty(of: child, in: topology) }
    makeLane = { [context] in CorrelationLane($0, context, expecting: expected) }
    makeCouncil = heard.isEmpty ? nil : Self.council(context, members: [name] + heard)
  }
}

extension CorrelationLane {
  /// A lane with every correlator, for one monitor's eyes.
  init(
    _ lane: LaneName, _ context: CorrelationContext, scope: String = "",
    expecting children: [MonitorName]
  ) {
    self.init(
      name: lane, monitor: context.monitor, tier: context.tier, scope: scope,
      expecting: children, engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(
        monitor: context.monitor, tier: context.tier, exercise: lane.exercise,
        schema: context.schema, limits: context.limits))
  }
}

extension ChildDuty {
  init(of child: MonitorName, in topology: Topology) {
    var monitors: Set<MonitorName> = [child]
    var unseen = [child]
    while let next = unseen.popLast() {
      for below in topology.children(of: next) where monitors.insert(below.name).inserted {
        unseen.append(below.name)
      }
    }
    let watched = Set(monitors.compactMap { topology.monitor($0)?.segment })
    let segments = topology.segments.filter { watched.contains($0.name) }
    let seesAll = segments.contains { $0.isPerimeter || $0.prefixes.isEmpty }
    self.init(
      monitors: monitors, segments: watched.union(seesAll ? [CorrelationContext.outside] : []),
      prefixes: seesAll ? nil : segments.flatMap(\.prefixes))
  }
}

extension CorrelationContext {
  init(topology: Topology, monitor: MonitorDefinition) {
    var values: [IPAddress: Int] = [:]
    var assets: [IPAddress: Asset] = [:]
    for asset in topology.assets {
      for address in asset.addresses {
        values[address] = asset.value
        assets[address] = asset
      }
    }
    self.init(
      monitor: monitor.name, tier: monitor.tier, limits: topology.limits(for: monitor.name),
      schema: topology.schema, home: topology.homePrefixes,
      segments: Dictionary(
        topology.segments.map { ($0.name, $0.prefixes) }, uniquingKeysWith: { first, _ in first }),
      assetValues: values, assets: assets, directives: topology.directives)
    for segment in topology.segments { reaches[segment.name] = segment.reaches.map { Set($0) } }
    for monitor in topology.monitors where monitor.tier == .local {
      if let segment = monitor.segment { sensors[segment, default: []].append(monitor.name) }
    }
  }
}
