import Analysis
import Flows
import Terms

/// Remembers hosts that somebody provokes with answers to nothing (SYN/ACK), which they reset: so a
/// scanner reads the identification counter of the host in whose name he scans others (idle scan;
/// Antirez, "new tcp scan method", Bugtraq 1998).
struct ZombieProbes: Sendable {
  /// Provoked hosts remembered, and answers to nothing after which a host is taken for a zombie.
  static let capacity = 256
  static let leastCount = 4
  /// How long before and after a scan the provocations may lie.
  static let slack = TimeSpan.minutes(2)

  private struct Zombie: Sendable {
    var prober = IPAddress.unspecified
    var count = 0
    var first = CaptureTime.distantPast
    var last = CaptureTime.distantPast
  }

  private var known = BoundedTable<Zombie>(capacity: ZombieProbes.capacity, empty: Zombie())

  /// Whether a flow is over that was an answer to nothing, and its reset.
  static func isProvocation(_ event: UnsafePointer<FlowEvent>) -> Bool {
    event.pointee.probe == .midstream && event.pointee.ending == .reset
      && !event.pointee.isEstablished
      && event.pointee.totalPacketsIn > 0 && event.pointee.totalPacketsIn <= 2
      && event.pointee.totalPacketsOut == 1
      && event.pointee.payloadIn == 0 && event.pointee.payloadOut == 0
  }

  mutating func note(_ event: UnsafePointer<FlowEvent>) {
    let slot = known.admit(
      TableKey(event.pointee.source), asOf: event.pointee.time, until: event.pointee.time)
    guard slot >= 0 else { return }
    if known[slot].prober != event.pointee.target {
      known[slot] = Zombie(
        prober: event.pointee.target, first: event.pointee.time, last: event.pointee.time)
    }
    known[slot].count += 1
    known[slot].last = event.pointee.time
    known.keep(slot, until: event.pointee.time + .seconds(min(known[slot].count, 60) * 5))
  }

  /// Who reads the counter of `host` while a scan in its name goes on.
  func prober(of host: IPAddress, from first: CaptureTime, through last: CaptureTime) -> IPAddress?
  {
    let slot = known.find(TableKey(host))
    guard slot >= 0, known[slot].count >= Self.leastCount,
      known[slot].first <= last + Self.slack, known[slot].last >= first - Self.slack
    else { return nil }
    return known[slot].prober
  }
}
