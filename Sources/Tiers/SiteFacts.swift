import Correlation
import Hierarchy
import Monitoring
import Reports
import Response
import Terms

/// What is the same for every monitor of a topology, reckoned once: thousands of monitors in one
/// process share it.
public struct SiteFacts: Sendable {
  public let topology: Topology
  let monitors: Set<MonitorName>
  let schemaDigest: String
  let kindDigests: [String: String]
  private let segmentsByName: [String: Segment]
  private let base: CorrelationContext
  /// What incidents are ranked by.
  let knowledge: SiteKnowledge
  /// A digest of what all monitors' states depend on.
  private let digest: UInt64

  public init(_ topology: Topology) {
    self.topology = topology
    monitors = Set(topology.monitors.map(\.name))
    schemaDigest = topology.schema.digest
    kindDigests = topology.schema.kindDigests
    digest = Self.digest(topology, schemaDigest)
    knowledge = SiteKnowledge(topology)
    segmentsByName = Dictionary(
      topology.segments.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var values: [IPAddress: Int] = [:]
    var assets: [IPAddress: Asset] = [:]
    for asset in topology.assets {
      for address in asset.addresses {
        values[address] = asset.value
        assets[address] = asset
      }
    }
    // Whoever asks puts its own name and tier in their place.
    var base = CorrelationContext(
      monitor: Self.nobody, tier: .domain, schema: topology.schema, home: topology.homePrefixes,
      segments: Dictionary(
        topology.segments.map { ($0.name, $0.prefixes) }, uniquingKeysWith: { first, _ in first }),
      assetValues: values, assets: assets, directives: topology.directives)
    for segment in topology.segments {
      base.reaches[segment.name] = segment.reaches.map { Set($0) }
    }
    for monitor in topology.monitors where monitor.tier == .local {
      if let segment = monitor.segment { base.sensors[segment, default: []].append(monitor.name) }
    }
    self.base = base
  }

  /// A digest of what the topology says and the state of one monitor depends on.
  func digest(of monitor: MonitorDefinition) -> UInt64 {
    guard monitor.tier != .local else { return 0 }
    let limits = topology.limits(for: monitor.name).overrides.sorted { $0.key < $1.key }
    let subscriptions = monitor.parents.map { topology.subscription(of: $0, to: monitor.name) }
    let own = "\(digest) \(monitor.name) \(monitor.tier) \(limits) \(subscriptions)"
    return own.utf8.fnv1a
  }

  private static func digest(_ topology: Topology, _ schema: String) -> UInt64 {
    var text = schema
    for segment in topology.segments { text += "\n\(segment)" }
    for monitor in topology.monitors {
      text += "\n\(monitor.name) \(monitor.tier) \(monitor.segment ?? "-") \(monitor.parents)"
    }
    for asset in topology.assets { text += "\n\(asset)" }
    for var directive in topology.directives {
      text += "\n\(directive.tiers.sorted())"
      // The only part without an order.
      directive.tiers = []
      text += "\(directive)"
    }
    return text.utf8.fnv1a
  }

  private static let nobody = Tier.allCases.compactMap { MonitorName($0.rawValue) }[0]

  /// What the correlators of a monitor know.
  func context(of monitor: MonitorDefinition) -> CorrelationContext {
    var context = base
    context.monitor = monitor.name
    context.tier = monitor.tier
    context.limits = topology.limits(for: monitor.name)
    let heard = topology.peersHeard(by: monitor.name)
    for child in topology.children(of: monitor.name).map(\.name) + heard {
      context.duties[child] = duty(of: child)
    }
    return context
  }

  /// What a child answers for.
  private func duty(of child: MonitorName) -> ChildDuty {
    var monitors: Set<MonitorName> = [child]
    var unseen = [child]
    while let next = unseen.popLast() {
      for below in topology.children(of: next) where monitors.insert(below.name).inserted {
        unseen.append(below.name)
      }
    }
    let watched = Set(monitors.compactMap { topology.monitor($0)?.segment })
    let segments = watched.sorted().compactMap { segmentsByName[$0] }
    let seesAll = segments.contains { $0.isPerimeter || $0.prefixes.isEmpty }
    return ChildDuty(
      monitors: monitors, segments: watched.union(seesAll ? [CorrelationContext.outside] : []),
      prefixes: seesAll ? nil : segments.flatMap(\.prefixes))
  }
}
