import Monitoring
import Terms

/// Children that live but do not come on: live traffic goes on without them.
///
/// Drills are left alone: their operator sees who does not come on, and can end them.
extension MonitorNode {
  mutating func watchStalls(_ now: HostTime) {
    guard let lane = lanes[.live] else { return }
    // Who is refused more until time has moved is held back, however little ahead.
    let lag = intake.held.isEmpty ? StallWatch.lag : TimeSpan(nanoseconds: 0)
    var holders = lane.correlation?.holders(lag: lag) ?? [:]
    holders.merge(lane.council?.holders(lag: lag) ?? [:]) { own, _ in own }
    holders[configuration.name] = nil
    let found = stalls.note(holders, patience: configuration.stallMilliseconds, now)
    guard !found.isEmpty else { return }
    for child in found {
      log(
        .warning, "child has stalled: event time goes on without it",
        ["child": child.text, "promised": "\(holders[child] ?? .distantPast)"])
      setAlive(false, child, .live, because: .stalled)
    }
    process(.live, now)
    deliberate(.live)
  }

  /// Time waits for a stalled child again once it has passed what was concluded without it.
  mutating func recognise(_ child: MonitorName) {
    guard stalls.stalled.contains(child), let lane = lanes[.live] else { return }
    let isPeer = configuration.peersHeard.contains(child)
    let promise =
      isPeer ? lane.council?.watermark(of: child) : lane.correlation?.watermark(of: child)
    let reached = isPeer ? lane.council?.watermark : lane.correlation?.watermark
    guard let promise, let reached, promise > reached else { return }
    stalls.forget(child)
    log(.info, "child has caught up", ["child": child.text])
    if leases[child]?.isAlive ?? true { setAlive(true, child, .live, because: .stalled) }
  }
}
