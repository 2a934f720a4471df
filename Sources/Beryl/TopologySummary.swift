import Foundation
import Hierarchy
import Reports
import Terms

/// What a sound topology holds.
struct TopologySummary: Encodable {
  let file: String
  let sound = true
  let faults: [String] = []
  let enterprise: String
  let monitors: Int
  let segments: Int
  let assets: Int
  let kinds: Int
  let digest: String
  let inventory: Inventory

  /// What scans and lists say.
  struct Inventory: Encodable {
    let hosts: Int
    let services: Int
    let vulnerabilities: Int
  }

  init(file: String, topology: Topology) {
    self.file = file
    enterprise = topology.enterprise
    monitors = topology.monitors.count
    segments = topology.segments.count
    assets = topology.assets.count
    kinds = topology.schema.kinds.count
    digest = topology.schema.digest
    let known = topology.inventory
    inventory = Inventory(
      hosts: known.hosts.count, services: known.serviceCount,
      vulnerabilities: known.vulnerabilityCount)
  }

  var line: String {
    let found =
      inventory.hosts == 0
      ? ""
      : "\(inventory.hosts) scanned or listed hosts with \(inventory.services) services and "
        + "\(inventory.vulnerabilities) vulnerabilities, "
    return "\(file): no faults: \(monitors) monitors, \(segments) segments, \(assets) assets, "
      + found + "\(kinds) report kinds, schema \(digest)"
  }
}

/// The faults of a topology.
struct FaultSummary: Encodable {
  struct Fault: Encodable {
    let file: String
    let line: Int
    let column: Int
    let rule: String
    let message: String
    @Nullable var suggestion: String?

    init(_ fault: TopologyFault) {
      file = fault.file
      line = fault.line
      column = fault.column
      rule = fault.kind.rule
      message = fault.message
      _suggestion = Nullable(wrappedValue: fault.suggestion)
    }
  }

  let file: String
  let sound = false
  let faults: [Fault]

  init(file: String, _ error: TopologyFaults) {
    self.file = file
    faults = error.faults.map(Fault.init)
  }

  /// Faults on standard error, for verbs that need sound input.
  static func complain(_ faults: some CustomStringConvertible) {
    FileHandle.standardError.write(Data("\(faults)\n".utf8))
  }
}

/// A whole topology.
struct TreeSummary: Encodable {
  struct SegmentRow: Encodable {
    let name: String
    let prefixes: [String]
    let gateways: [String]
    let dhcp: [String]
    let dns: [String]
    let perimeter: Bool
  }

  struct AssetRow: Encodable {
    let name: String
    let segment: String
    let addresses: [String]
    let value: Int
    let services: [String]
    @Nullable var os: String?
  }

  struct MonitorRow: Encodable {
    let name: String
    let tier: String
    @Nullable var segment: String?
    let parents: [String]
    let peers: [String]
    let children: [String]
    @Nullable var listen: String?
    @Nullable var console: String?
    @Nullable var interface: String?
  }

  let enterprise: String
  let digest: String
  let segments: [SegmentRow]
  let assets: [AssetRow]
  let monitors: [MonitorRow]

  init(_ topology: Topology) {
    enterprise = topology.enterprise
    digest = topology.schema.digest
    segments = topology.segments.map { segment in
      SegmentRow(
        name: segment.name, prefixes: segment.prefixes.map(\.description),
        gateways: segment.gateways.map(\.description), dhcp: segment.dhcp.map(\.description),
        dns: segment.dns.map(\.description), perimeter: segment.isPerimeter)
    }
    assets = topology.assets.map { asset in
      AssetRow(
        name: asset.name, segment: asset.segment, addresses: asset.addresses.map(\.description),
        value: asset.value, services: asset.services.map(\.description), os: asset.os)
    }
    monitors = topology.monitors.map { monitor in
      MonitorRow(
        name: monitor.name.text, tier: monitor.tier.rawValue, segment: monitor.segment,
        parents: monitor.parents.map(\.text), peers: topology.peers(of: monitor.name).map(\.text),
        children: topology.preferredChildren(of: monitor.name).map(\.name.text),
        listen: monitor.listen?.description, console: monitor.console?.description,
        interface: monitor.capture?.interface)
    }
  }
}

/// An optional that is written as `null` when it is nil.
@propertyWrapper
struct Nullable<Value: Encodable>: Encodable {
  let wrappedValue: Value?

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(wrappedValue)
  }
}
