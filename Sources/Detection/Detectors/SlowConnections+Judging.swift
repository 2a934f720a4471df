import Analysis
import Reports
import Terms

// MARK: - Judging

extension SlowConnections {
  /// Counts the slow connections of a server and reports them when there are too many.
  mutating func judge(_ server: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let address = servers.key(server).address
    let port = UInt16(truncatingIfNeeded: servers.key(server).detail)
    let (fed, held) = slowOnes(address, port, at: now)
    var slow = (fed + held).sorted { mute[$0].packet < mute[$1].packet }
    let isMany = slow.count >= connectionLimit
    if !isMany { slow = fewFed(slow, port) }
    guard isMany || slow.count >= fedLimit else { return }
    let sources = AddressSet(slow.map { mute[$0].source })
    let perSource = Double(slow.count) / Double(max(sources.count, 1))
    // What is asked under TLS is unseen: devices that report without an answer come one by one.
    let isVeiled = slow.contains { mute[$0].heard > 0 }
    guard
      isVeiled
        ? perSource >= Self.heldPerSource
        : perSource >= shareLimit || Self.webPorts.contains(port)
    else { return }
    if !servers[server].thread.isOpen {
      servers[server].limit = isMany ? connectionLimit : fedLimit
    }
    servers[server].stalled = slow.count { mute[$0].isStalled }
    note(slow, idle: slow.count { mute[$0].payload == 0 }, sources, perSource, server, at: now)
    let peak = UInt64(servers[server].peak)
    if !servers[server].thread.isOpen || servers[server].thread.isDue(count: peak, at: now) {
      emit(server, at: now, into: &sink)
    }
  }

  /// A server's connections that are fed drop by drop, and those that are only held, by sources that
  /// hold many.
  private mutating func slowOnes(_ address: IPAddress, _ port: UInt16, at now: CaptureTime)
    -> (fed: [Int], held: [Int])
  {
    var fed: [Int] = []
    var held: [Int] = []
    var over: [Int] = []
    for slot in mute.slots
    where mute[slot].port == port && mute.key(slot).address == address {
      let age = now - mute[slot].opened
      if mute[slot].isEnded, now - mute[slot].last > Self.endedSpan {
        over.append(slot)
      } else if mute[slot].drops >= 2, age >= ageSpan {
        fed.append(slot)
      } else if age >= crowdedSpan, mute[slot].heard == 0 {
        held.append(slot)
      }
    }
    for slot in over { forget(slot) }
    let crowd = Double(max(AddressSet(held.map { mute[$0].source }).count, 1))
    if !Self.webPorts.contains(port) || Double(held.count) < Self.crowdedPerSource * crowd {
      held = held.filter { now - mute[$0].opened >= idleSpan }
      let sources = Double(max(AddressSet(held.map { mute[$0].source }).count, 1))
      if Double(held.count) < Self.heldPerSource * sources { held = [] }
    }
    return (fed, held)
  }

  /// Of a web server's slow connections those that are fed over and over; none where their sources
  /// are too many for so few.
  private func fewFed(_ slow: [Int], _ port: UInt16) -> [Int] {
    guard Self.webPorts.contains(port) else { return [] }
    let fed = slow.filter { mute[$0].drops >= Self.dropsOfFew && !mute[$0].isStalled }
    let sources = AddressSet(fed.map { mute[$0].source })
    return Double(fed.count) >= Self.heldPerSource * Double(max(sources.count, 1)) ? fed : []
  }

  private mutating func note(
    _ slow: [Int], idle: Int, _ sources: AddressSet, _ perSource: Double, _ server: Int,
    at now: CaptureTime
  ) {
    let first = slow.map { mute[$0].opened }.min() ?? now
    if servers[server].first == .distantPast { servers[server].first = first }
    servers[server].last = now
    servers[server].peak = max(servers[server].peak, slow.count)
    servers[server].idle = idle
    servers[server].perSource = perSource
    servers[server].longest = max(servers[server].longest, now - first)
    servers[server].sources.formUnion(sources)
    for slot in slow.prefix(PacketSample.firstLimit) where !servers[server].thread.isOpen {
      servers[server].packets.add(mute[slot].packet)
    }
    servers.keep(server, until: now + .minutes(10))
  }

  private func technique(_ server: Server) -> String {
    if server.stalled * 2 > server.peak { return "slow-read" }
    return server.idle * 2 > server.peak ? "idle-connections" : "slow-requests"
  }

  mutating func emit(_ slot: Int, at now: CaptureTime, into sink: inout ReportSink) {
    let server = servers[slot]
    let key = servers.key(slot)
    let port = UInt16(truncatingIfNeeded: key.detail)
    let margin = Double(server.peak) / Double(max(server.limit, 1))
    var report = sink.opening(
      .slowHTTP, subject: "\(key.address):\(port)", first: server.first, last: server.last,
      at: now, severity: 7, confidence: min(0.97, 1 - 0.4 / max(margin, 1)))
    report.sources = server.sources
    report.targets.insert(key.address)
    report.ports = [port]
    report.transport = .tcp
    report.attributes = [
      "connections": .count(UInt64(server.peak)), "duration": .duration(server.longest),
      "sources": .count(UInt64(server.sources.count)),
      "technique": .text(technique(server)),
    ]
    report.evidence = [sink.evidence(server.packets.indices)]
    report.terms = [
      Term(
        "slow connections at once", Double(server.peak), threshold: Double(server.limit),
        unit: "connections"),
      Term(
        "connections per source", server.perSource,
        threshold: Self.webPorts.contains(port) ? nil : shareLimit, unit: "connections"),
      Term("longest", server.longest.seconds, threshold: ageSpan.seconds, unit: "s"),
    ]
    servers[slot].thread.emit(report, count: UInt64(server.peak), at: now, into: &sink)
  }
}
