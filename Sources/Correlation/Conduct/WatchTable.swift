import Analysis
import Reports
import Terms

/// Which children watch a host, found by its address: to ask every child's duty would make each
/// report dearer with each child.
struct WatchTable: Sendable, Codable {
  private var children = Remade<[IPPrefix: [MonitorName]]>()
  /// Lengths in use.
  private var lengths = Remade<[UInt8]>()

  /// The children whose segments hold the host, or overlap the prefix, by name; not those that watch
  /// a perimeter, and so everything.
  mutating func watchers(
    of host: IPPrefix, _ duties: [MonitorName: ChildDuty]
  ) -> [MonitorName] {
    guard host.isHost else {
      return duties.filter { $0.value.prefixes != nil && $0.value.watches(host) }.keys.sorted()
    }
    if children.value.isEmpty { read(duties) }
    var found: [MonitorName] = []
    for length in lengths.value where length <= host.length {
      for child in children.value[IPPrefix(host.base, length: Int(length))] ?? []
      where !found.contains(child) {
        found.append(child)
      }
    }
    return found.count > 1 ? found.sorted() : found
  }

  private mutating func read(_ duties: [MonitorName: ChildDuty]) {
    for (child, duty) in duties {
      for prefix in duty.prefixes ?? [] {
        children.value[prefix, default: []].append(child)
        if !lengths.value.contains(prefix.length) { lengths.value.append(prefix.length) }
      }
    }
  }
}
