import Foundation
import Hierarchy
import Terms
import Tiers

#if canImport(Glibc)
  import Glibc
#endif

/// Where the monitors of one replay listen: free ports of the loopback interface, so that replays
/// neither meet each other nor a tree that is running.
public enum Endpoints {
  /// The topology with every monitor on a free loopback port.
  public static func onLoopback(_ topology: Topology) throws -> Topology {
    let ports = try freePorts(topology.monitors.count)
    let pairs = zip(topology.monitors.map(\.name), ports)
    return topology.listening(
      at: Dictionary(
        pairs.map { ($0, ListenAddress(host: "127.0.0.1", port: $1)) },
        uniquingKeysWith: { first, _ in first }))
  }

  /// `name=host:port,…` for a monitor's command line.
  public static func text(_ topology: Topology) -> String {
    topology.monitors.compactMap { monitor in monitor.listen.map { "\(monitor.name)=\($0)" } }
      .joined(separator: ",")
  }

  /// Ports that were free a moment ago: all are held open until the last is found, so that they
  /// differ.
  private static func freePorts(_ count: Int) throws -> [UInt16] {
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    return try (0..<count).map { _ in
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      descriptors.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
      return UInt16(bigEndian: address.sin_port)
    }
  }
}
