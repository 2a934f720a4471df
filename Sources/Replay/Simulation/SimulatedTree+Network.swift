import Links
import Monitoring
import Terms
import Tiers

/// One simulated TCP connection, child to parent.
struct SimulatedConnection {
  let child: MonitorName
  let parent: MonitorName
  /// Neither side may send any more.
  var isBroken = false
  /// Messages of one direction arrive in order: not before these instants.
  var parentBusyUntil = HostTime(nanoseconds: 0)
  var childBusyUntil = HostTime(nanoseconds: 0)
}

/// The network between simulated monitors.
extension SimulatedTree {
  func dial(from child: MonitorName, to parent: MonitorName) {
    guard monitors[parent]?.node != nil, !isPartitioned(child) else {
      schedule(
        .dialFailed(child, parent, reason: "connection refused"), afterMilliseconds: 1 + delay())
      return
    }
    newestConnection += 1
    let id = ConnectionID(newestConnection)
    connections[id] = SimulatedConnection(child: child, parent: parent)
    schedule(.opened(id), afterMilliseconds: delay())
  }

  func send(_ message: LinkMessage, on id: ConnectionID, toParent: Bool) {
    guard var connection = connections[id], !connection.isBroken else { return }
    if now < .milliseconds(faults.horizon), generator.chance(faults.breakProbability) {
      breakConnection(id, reason: "connection reset")
      return
    }
    let busy = toParent ? connection.parentBusyUntil : connection.childBusyUntil
    let arrival = max(busy, now.adding(milliseconds: delay()))
    if toParent {
      connection.parentBusyUntil = arrival
    } else {
      connection.childBusyUntil = arrival
    }
    connections[id] = connection
    schedule(toParent ? .toParent(id, message) : .toChild(id, message), at: arrival)
  }

  /// Closes in order: what was sent before still arrives.
  func close(_ id: ConnectionID, reason: String) {
    guard let connection = connections[id], !connection.isBroken else { return }
    connections[id]?.isBroken = true
    schedule(.closed(id, atParent: true, reason: reason), at: connection.parentBusyUntil)
    schedule(.closed(id, atParent: false, reason: reason), at: connection.childBusyUntil)
  }

  /// Both ends notice at their own time; what is on its way to the parent may still arrive, or not.
  func breakConnection(_ id: ConnectionID, reason: String) {
    guard let connection = connections[id], !connection.isBroken else { return }
    connections[id]?.isBroken = true
    let late = max(connection.parentBusyUntil, now.adding(milliseconds: delay()))
    let atParent = generator.chance(0.5) ? late : now
    schedule(.closed(id, atParent: true, reason: reason), at: atParent)
    schedule(.closed(id, atParent: false, reason: reason), afterMilliseconds: delay())
  }

  func breakConnections(of name: MonitorName, reason: String) {
    for (id, connection) in connections.sorted(by: { $0.key < $1.key })
    where connection.child == name || connection.parent == name {
      breakConnection(id, reason: reason)
    }
  }

  /// A partition begins: the links of this monitor to its parents break, and cannot be opened until
  /// it heals.
  func cut(_ name: MonitorName) {
    for (id, connection) in connections.sorted(by: { $0.key < $1.key })
    where connection.child == name {
      breakConnection(id, reason: "network unreachable")
    }
  }

  private func isPartitioned(_ child: MonitorName) -> Bool {
    faults.partitions.contains { cut in
      cut.monitor == child && now >= .milliseconds(cut.start)
        && now < .milliseconds(min(faults.horizon, cut.start + cut.length))
    }
  }

  private func delay() -> UInt64 {
    faults.longestDelay == 0 ? 0 : UInt64.random(in: 0...faults.longestDelay, using: &generator)
  }

  func transport(_ happening: Happening) {
    switch happening {
    case .opened(let id): opened(id)
    case .toParent(let id, let message):
      guard let connection = connections[id] else { return }
      monitors[connection.parent]?.node?.childSaid(message, id, now)
      obey(connection.parent)
    case .toChild(let id, let message):
      guard let connection = connections[id],
        monitors[connection.child]?.uplinks[connection.parent] == id
      else { return }
      monitors[connection.child]?.node?.parentSaid(message, connection.parent, now)
      obey(connection.child)
    case .closed(let id, let atParent, let reason): closed(id, atParent, reason)
    case .dialFailed(let child, let parent, let reason):
      monitors[child]?.node?.parentClosed(parent, reason: reason, now)
      obey(child)
    default: break
    }
  }

  private func opened(_ id: ConnectionID) {
    guard let connection = connections[id], !connection.isBroken else { return }
    monitors[connection.parent]?.node?.childOpened(id, .monitor(connection.child), now)
    obey(connection.parent)
    monitors[connection.child]?.uplinks[connection.parent] = id
    monitors[connection.child]?.node?.parentOpened(connection.parent, now)
    obey(connection.child)
  }

  private func closed(_ id: ConnectionID, _ atParent: Bool, _ reason: String) {
    guard let connection = connections[id] else { return }
    if atParent {
      monitors[connection.parent]?.node?.childClosed(id, reason: reason, now)
      obey(connection.parent)
    } else {
      // A connection that broke before it opened is not yet the child's link in use.
      let known = monitors[connection.child]?.uplinks[connection.parent]
      guard known == id || known == nil else { return }
      monitors[connection.child]?.uplinks[connection.parent] = nil
      monitors[connection.child]?.node?.parentClosed(connection.parent, reason: reason, now)
      obey(connection.child)
    }
  }
}
