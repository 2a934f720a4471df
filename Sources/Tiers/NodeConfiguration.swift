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

  /// Host time in which a child that holds the others back must come on, in milliseconds; more for
  /// each tier below it, so that a child that waits for a child of its own is not blamed for it.
  public var stallMilliseconds: UInt64

  /// How much of a child's reports is held while event time waits for others.
  public var intakeLimits = IntakeLimits()
  /// What each child's own budget lets through, in reports per second of event time; none for a
  /// child without a budget.
  let childBudgets: [MonitorName: Double]
  /// A checkpoint is made after so many reports, or after so much event time, but never before so
  /// many reports came that it costs no more than this, in bytes each.
  public var checkpointReports: UInt64 = 2048
  public var checkpointSpan = TimeSpan.minutes(5)
  public var checkpointBytesPerReport = 256
  /// A digest of everything from the topology that a state depends on.
  let digest: UInt64

  public static let standardLease: UInt64 = 15_000
  /// `stallMilliseconds` of a monitor whose children are local ones.
  public static let standardStall: UInt64 = 60_000
  /// Reports that wait for a peer at most; what a peer misses beyond is counted, so that one that
  /// is gone for good cannot fill the store.
  public static let peerSpoolLimit: UInt64 = 1_000_000

  /// The schema's digest and its kinds'.
  let schemaDigest: String
  let kindDigests: [String: String]

  private static func council(
    _ site: SiteFacts, _ monitor: MonitorDefinition, members: [MonitorName]
  ) -> @Sendable (LaneName) -> CorrelationLane {
    {
      var context = site.context(of: monitor)
      context.tier = monitor.tier.above
      return CorrelationLane(
        $0, context, site.knowledge, scope: "council ", expecting: members)
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
    self.init(site: SiteFacts(topology), monitor: name)
  }

  /// For one of many monitors in one process.
  public init?(site: SiteFacts, monitor name: MonitorName) {
    let topology = site.topology
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
    digest = site.digest(of: definition)
    let expected = topology.preferredChildren(of: name).map(\.name).sorted()
    expectedChildren = expected
    allMonitors = site.monitors
    let height = topology.height(of: name) + (heard.isEmpty ? 0 : 1)
    stallMilliseconds = Self.standardStall * UInt64(max(1, height))
    schema = topology.schema
    schemaDigest = site.schemaDigest
    kindDigests = site.kindDigests
    subscription =
      definition.parents.first.map { topology.subscription(of: $0, to: name) }
      ?? Subscription(kinds: ["*"], leastSeverity: 0, budget: nil)
    makeLane = {
      CorrelationLane($0, site.context(of: definition), site.knowledge, expecting: expected)
    }
    makeCouncil = heard.isEmpty ? nil : Self.council(site, definition, members: [name] + heard)
  }
}

extension CorrelationLane {
  /// A lane with every correlator, for one monitor's eyes.
  init(
    _ lane: LaneName, _ context: CorrelationContext, _ site: SiteKnowledge, scope: String = "",
    expecting children: [MonitorName]
  ) {
    self.init(
      name: lane, monitor: context.monitor, tier: context.tier, scope: scope,
      expecting: children, engines: CorrelatorCatalog.engines(context),
      resolver: Resolver(
        monitor: context.monitor, tier: context.tier, exercise: lane.exercise,
        schema: context.schema, site: site, limits: context.limits),
      facts: [
        .correlationContext: context, .caseFields: CaseFields(schema: context.schema, site: site),
      ])
  }
}
