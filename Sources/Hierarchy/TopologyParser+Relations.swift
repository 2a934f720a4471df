import Terms

/// The rules between monitors.
extension TopologyParser {
  mutating func checkMonitors() {
    let byName = Dictionary(
      monitors.enumerated().map { ($0.element.definition.name, $0.offset) },
      uniquingKeysWith: { first, _ in first })
    let names = monitors.map(\.definition.name.text)
    for index in monitors.indices {
      checkParents(of: monitors[index], byName, names)
      checkPeers(of: monitors[index], byName, names)
    }
    checkCycles(byName)
    checkChildrenAndRoots()
    checkSockets()
  }

  private mutating func checkParents(
    of monitor: ParsedMonitor, _ byName: [MonitorName: Int], _ names: [String]
  ) {
    let own = monitor.definition
    if monitor.tierIsKnown, own.tier == .enterprise, let first = monitor.parents.first {
      log.add(first.position, .wrongTier("enterprise monitor '\(own.name)' cannot have parents"))
    }
    for parent in monitor.parents {
      guard let index = byName[parent.value] else {
        let text = parent.value.text
        log.add(parent.position, .unknownName(.parent, text), wrong: text, among: names)
        continue
      }
      guard monitors[index].tierIsKnown, monitors[index].definition.tier == .local else { continue }
      log.add(
        parent.position, .wrongTier("local monitor '\(parent.value)' cannot be a parent"))
    }
  }

  private mutating func checkPeers(
    of monitor: ParsedMonitor, _ byName: [MonitorName: Int], _ names: [String]
  ) {
    let own = monitor.definition
    for peer in monitor.peers {
      guard let index = byName[peer.value] else {
        let text = peer.value.text
        log.add(peer.position, .unknownName(.peer, text), wrong: text, among: names)
        continue
      }
      let other = monitors[index]
      if peer.value == own.name {
        log.add(peer.position, .wrongTier("'\(own.name)' cannot be its own peer"))
      } else if monitor.tierIsKnown, other.tierIsKnown, other.definition.tier != own.tier {
        log.add(
          peer.position,
          .wrongTier(
            "\(own.tier.rawValue) monitor '\(own.name)' cannot be a peer of "
              + "\(other.definition.tier.rawValue) monitor '\(peer.value)'"))
      }
    }
  }

  /// Depth first over parents, without recursion; each edge that closes a cycle is a fault where it
  /// is written.
  private mutating func checkCycles(_ byName: [MonitorName: Int]) {
    enum Mark { case new, open, done }
    var marks = [Mark](repeating: .new, count: monitors.count)
    for start in monitors.indices where marks[start] == .new {
      var path: [(monitor: Int, next: Int)] = [(start, 0)]
      marks[start] = .open
      while let (current, next) = path.last {
        guard next < monitors[current].parents.count else {
          marks[current] = .done
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let parent = monitors[current].parents[next]
        guard let index = byName[parent.value] else { continue }
        switch marks[index] {
        case .new:
          marks[index] = .open
          path.append((index, 0))
        case .open:
          let from = path.firstIndex { $0.monitor == index } ?? 0
          let names = path[from...].map { monitors[$0.monitor].definition.name.text }
          log.add(parent.position, .cycle(Self.shortened(names) + [parent.value.text]))
        case .done: break
        }
      }
    }
  }

  /// A message names at most 16 monitors of a cycle.
  private static func shortened(_ names: [String]) -> [String] {
    names.count <= 16 ? names : names.prefix(8) + ["…"] + names.suffix(7)
  }

  private mutating func checkChildrenAndRoots() {
    // A misspelt parent is one fault, not also a parent without children.
    let names = monitors.map(\.definition.name.text)
    let known = Set(monitors.map(\.definition.name))
    var parents = Set(monitors.flatMap { $0.parents.map(\.value) })
    for unknown in parents.subtracting(known).sorted().prefix(FaultLog.faultLimit) {
      let meant = NearestName.of(unknown.text, among: names)
      if let meant = meant.flatMap({ MonitorName($0) }) { parents.insert(meant) }
    }
    let allAreKnown = monitors.allSatisfy(\.relationsAreKnown)
    let peered = Set(monitors.flatMap { $0.peers.map(\.value) })
    for monitor in monitors where monitor.tierIsKnown {
      let own = monitor.definition
      let hasChildren = parents.contains(own.name)
      if own.tier != .local, !hasChildren, allAreKnown {
        log.add(monitor.position, .noChildren(own.name.text))
      }
      if own.tier != .local, hasChildren, !monitor.namesListen {
        log.add(monitor.position, .missingKey("listen", of: "monitor '\(own.name)'"))
      }
      let takesPeers = !own.peers.isEmpty || peered.contains(own.name)
      if own.parents.isEmpty, takesPeers, !hasChildren, !monitor.namesListen {
        log.add(monitor.position, .missingKey("listen", of: "monitor '\(own.name)'"))
      }
      let isRoot = own.tier == .enterprise || takesPeers
      if own.parents.isEmpty, !isRoot, monitor.relationsAreKnown {
        log.add(monitor.position, .noRoot(own.name.text))
      }
    }
  }

  /// The sockets of one port, each with the monitor that has it.
  private struct Port {
    var owners: [String: String] = [:]
    var first: String?
    var anyHost: String?
  }

  /// Two sockets of a port meet when their hosts are equal, or when one of them is any host.
  private mutating func checkSockets() {
    var ports: [UInt16: Port] = [:]
    for monitor in monitors {
      for socket in monitor.sockets {
        let address = socket.value
        var port = ports[address.port] ?? Port()
        let other =
          address.isWildcard ? port.first : port.owners[address.bound] ?? port.anyHost
        if let other { log.add(socket.position, .sharedAddress("\(address)", with: "'\(other)'")) }
        let owner = monitor.definition.name.text
        port.owners[address.bound] = port.owners[address.bound] ?? owner
        port.first = port.first ?? owner
        if address.isWildcard { port.anyHost = port.anyHost ?? owner }
        ports[address.port] = port
      }
    }
  }
}
