import Terms

/// Draws a topology as a tree of text: one line per monitor, below it what it watches.
public struct TopologyDrawing: Sendable {
  private let topology: Topology
  private var lines: [String] = []
  private var drawn: Set<MonitorName> = []

  public init(_ topology: Topology) {
    self.topology = topology
    let roots = topology.roots
    for root in roots { draw(root, indent: "", branch: "", below: "") }
  }

  /// The lines joined, without a last newline.
  public var text: String { lines.joined(separator: "\n") }

  /// A monitor below its first parent; `branch` is the connector before its name, `below` what
  /// stands under it.
  private mutating func draw(
    _ monitor: MonitorDefinition, indent: String, branch: String, below: String
  ) {
    guard drawn.insert(monitor.name).inserted else { return }
    lines.append(indent + branch + title(monitor))
    let inner = indent + below
    let children = topology.preferredChildren(of: monitor.name)
    let details = watched(monitor)
    for (index, detail) in details.enumerated() {
      let isLast = index == details.count - 1 && children.isEmpty
      lines.append(inner + (isLast ? "└╴ " : children.isEmpty ? "├╴ " : "│  ") + detail)
    }
    for (index, child) in children.enumerated() {
      let isLast = index == children.count - 1
      draw(
        child, indent: inner, branch: isLast ? "└─ " : "├─ ", below: isLast ? "   " : "│  ")
    }
  }

  private func title(_ monitor: MonitorDefinition) -> String {
    var parts = ["\(monitor.name)", "(\(monitor.tier.rawValue))"]
    if let listen = monitor.listen { parts.append("\(listen)") }
    if let console = monitor.console { parts.append("console \(console)") }
    let others = monitor.parents.dropFirst().map(\.text)
    if !others.isEmpty { parts.append("else → " + others.joined(separator: ", ")) }
    let peers = topology.peers(of: monitor.name).map(\.text)
    if !peers.isEmpty { parts.append("peers ↔ " + peers.joined(separator: ", ")) }
    return parts.joined(separator: "  ")
  }

  private func watched(_ monitor: MonitorDefinition) -> [String] {
    guard let name = monitor.segment, let segment = topology.segment(name) else { return [] }
    let prefixes =
      segment.prefixes.isEmpty
      ? "everything else" : segment.prefixes.map(\.description).joined(separator: ", ")
    var first = ["segment \(name)", prefixes]
    func add(_ label: String, _ addresses: [IPAddress]) {
      guard !addresses.isEmpty else { return }
      first.append("\(label) " + addresses.map(\.description).joined(separator: ", "))
    }
    add("gateway", segment.gateways)
    add("dhcp", segment.dhcp)
    add("dns", segment.dns)
    if let capture = monitor.capture { first.append("on \(capture.interface)") }
    let assets = topology.assets.filter { $0.segment == name }
    return [first.joined(separator: "  ")] + assets.map(line)
  }

  private func line(_ asset: Asset) -> String {
    var parts = [
      asset.name, asset.addresses.map(\.description).joined(separator: ", "),
      "value \(asset.value)",
    ]
    if !asset.services.isEmpty {
      parts.append(asset.services.map(\.description).joined(separator: " "))
    }
    if let os = asset.os { parts.append(os) }
    return parts.joined(separator: "  ")
  }
}
