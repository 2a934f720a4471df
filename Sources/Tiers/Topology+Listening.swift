import Hierarchy
import Terms

extension Topology {
  /// The same topology with other addresses to listen on.
  public func listening(at addresses: [MonitorName: ListenAddress]) -> Topology {
    Topology(
      enterprise: enterprise, schema: schema, segments: segments, assets: assets,
      monitors: monitors.map { monitor in
        MonitorDefinition(
          name: monitor.name, tier: monitor.tier, segment: monitor.segment,
          parents: monitor.parents, peers: monitor.peers,
          listen: addresses[monitor.name] ?? monitor.listen, console: monitor.console,
          capture: monitor.capture, limits: monitor.limits, rules: monitor.rules)
      }, subscriptions: subscriptions, defaults: defaults, directives: directives, path: path)
  }

  /// Reads `name=host:port,…` as `listening(at:)` wants it; nil when a part is no such pair.
  public func listening(atText text: String) -> Topology? {
    var addresses: [MonitorName: ListenAddress] = [:]
    for pair in text.split(separator: ",") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let name = MonitorName(parts[0]),
        let address = ListenAddress(String(parts[1]))
      else { return nil }
      addresses[name] = address
    }
    return listening(at: addresses)
  }
}
