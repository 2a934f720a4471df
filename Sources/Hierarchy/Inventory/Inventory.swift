import Terms

/// What scans (nmap's XML) and lists (CSV) say of the site's hosts.
public struct Inventory: Sendable, Equatable {
  /// The longest file, in bytes: nmap's of some ten thousand hosts.
  public static let byteLimit = 64 << 20
  /// Addresses known at once.
  public static let hostLimit = 65_536

  public private(set) var hosts: [IPAddress: KnownHost] = [:]

  public init() {}

  public var serviceCount: Int { hosts.values.reduce(0) { $0 + $1.services.count } }
  /// Without those that were looked for and not found.
  public var vulnerabilityCount: Int {
    hosts.values.reduce(0) { $0 + $1.vulnerabilities.count { $0.state != .absent } }
  }

  /// Takes what a later file says of a host; false when there is no room for another.
  mutating func add(_ host: KnownHost, at address: IPAddress) -> Bool {
    guard hosts[address] == nil else {
      hosts[address]?.merge(host)
      return true
    }
    guard hosts.count < Self.hostLimit else { return false }
    hosts[address] = host
    return true
  }

  /// Reads a file of either form; its faults are in `log`.
  package mutating func read(_ bytes: [UInt8], _ log: inout FaultLog) {
    // Foundation's parser traps on names that are no UTF-8.
    guard let text = String(validating: bytes, as: UTF8.self) else {
      log.add(.start, .notText)
      return
    }
    let start = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    guard let first = bytes[start...].first(where: { ![9, 10, 13, 32].contains($0) }) else {
      log.add(.start, .empty)
      return
    }
    if first == UInt8(ascii: "<") {
      NmapReader.read(bytes, text, into: &self, &log)
    } else {
      HostList.read(text, into: &self, &log)
    }
  }
}

extension TopologyParser {
  /// Files of scans and lists, relative to the topology's folder; later ones know better.
  mutating func readInventory(_ value: YAMLValue?) {
    for item in log.items(value) {
      guard let name = log.scalar(item) else { continue }
      guard !name.isEmpty else {
        log.add(item.position, .malformed(name, .text))
        continue
      }
      let file = name.hasPrefix("/") ? name : folder + name
      var inner = FaultLog(file: file)
      guard let bytes = YAMLFile.bytes(file, &inner, limit: Inventory.byteLimit) else {
        if case .unreadable(let reason)? = inner.faults.first?.kind {
          // What is not there is the topology's fault, and is told where it is named.
          log.add(item.position, .unreadable("\(file): \(reason)"))
        } else {
          otherFaults += inner.sorted
        }
        continue
      }
      inventory.read(bytes, &inner)
      otherFaults += inner.sorted
    }
  }
}
