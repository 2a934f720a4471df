import Terms

extension Topology {
  /// The same topology with other addresses to listen on.
  public func listening(at addresses: [MonitorName: ListenAddress]) -> Topology {
    var topology = self
    for index in monitors.indices {
      guard let address = addresses[monitors[index].name] else { continue }
      topology.monitors[index].listen = address
    }
    return topology
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
