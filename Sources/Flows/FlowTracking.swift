import Packets
import Terms

/// What a packet does to its flow, whatever the transport.
extension FlowEngine {
  /// Frames longer than this on the wire count as this long: beyond any link, and 128 of them fit
  /// 32 bits.
  private static let frameCeiling: UInt32 = 1 << 24

  /// - Parameter position: of the slot in the ring.
  @inline(__always) mutating func track(
    _ slot: UnsafeMutablePointer<PacketRing.Slot>, _ position: Int
  ) {
    let key = FlowKey(slot.pointee.packet)
    var place = Int(slot.pointee.candidate)
    var direction = place >= 0 ? table.flows[place].direction(of: key) : nil
    if direction == nil {
      place = table.find(key, hash: slot.pointee.hash)
      if place >= 0 { direction = table.flows[place].direction(of: key) }
    }
    guard let direction else {
      place = open(slot.packet, key, hash: slot.pointee.hash)
      if place >= 0 { begin(place, key, position) }
      return
    }
    if needsSoundness(place, slot), !isSound(place, direction, position) {
      count(place, direction, slot.packet)
      return
    }
    if slot.pointee.packet.transport == .tcp {
      if slot.pointee.packet.tcpFlags.rawValue & 0x3f != TCPFlags.ack.rawValue,
        reopens(place, direction, slot.packet)
      {
        reopen(place, slot.packet, key)
        begin(place, key, position)
        return
      }
      count(place, direction, slot.packet)
      converse(place, direction, position)
      continueTCP(place, direction, slot.packet)
    } else {
      if reopensOther(place, direction, slot.packet) {
        reopen(place, slot.packet, key)
        begin(place, key, position)
        return
      }
      count(place, direction, slot.packet)
      converse(place, direction, position)
      continueOther(place, direction, slot.packet)
    }
  }

  /// The first packet of a flow counts whatever its checksum, which tells of its sender.
  private mutating func begin(_ place: Int, _ key: FlowKey, _ position: Int) {
    let direction = table.flows[place].direction(of: key) ?? .out
    _ = isSound(place, direction, position)
    converse(place, direction, position)
  }

  /// Whether a packet of a known flow can change its state or is read: only then is its checksum
  /// worth the time.
  @inline(__always) private func needsSoundness(
    _ place: Int, _ slot: UnsafeMutablePointer<PacketRing.Slot>
  ) -> Bool {
    let mark = sessions.marks[place]
    if !mark.isDismissed, slot.pointee.payloadCount > 0 || mark.isWaiting { return true }
    guard slot.pointee.packet.transport == .tcp else { return false }
    return slot.pointee.packet.tcpFlags.rawValue & 7 != 0
      || table.flows[place].state.phase != .established
  }

  /// Gives a packet of a flow to those who read payload, if somebody wants it.
  @inline(__always) private mutating func converse(
    _ place: Int, _ direction: FlowDirection, _ position: Int
  ) {
    if let inspector,
      !inspector._withUnsafeGuaranteedRef({ show($0, place, direction, position) })
    {
      return
    }
    let mark = sessions.marks[place]
    let slot = ring.slots + position
    if mark.isDismissed || slot.pointee.payloadCount == 0 && !mark.isWaiting { return }
    sessions.take(
      place, direction, slot.packet, ring.payload(position), table.flows + place,
      table.records + place)
  }

  /// Adds a packet to the flow's counts.
  @inline(__always) private mutating func count(
    _ place: Int, _ direction: FlowDirection, _ packet: UnsafePointer<Packet>
  ) {
    let flow = table.flows + place
    let bytes = min(packet.pointee.wireLength, Self.frameCeiling)
    flow.pointee.lastSeen = FlowClock.units(packet.pointee.time.nanoseconds)
    switch direction {
    case .out:
      flow.pointee.packetsOut &+= 1
      flow.pointee.bytesOut &+= bytes
      flow.pointee.payloadOut &+= UInt32(packet.pointee.statedPayloadLength)
    case .back:
      flow.pointee.packetsIn &+= 1
      flow.pointee.bytesIn &+= bytes
      flow.pointee.payloadIn &+= UInt32(packet.pointee.statedPayloadLength)
    }
    if !flow.pointee.state.isQueued {
      flow.pointee.state.isQueued = true
      timeouts.awaitProgress(
        place, stamp: UInt32(truncatingIfNeeded: packet.pointee.index),
        from: packet.pointee.time.nanoseconds)
    }
    if flow.pointee.pendingPackets >= limits.progressPackets {
      tellCounts(.progress, place, packet: packet.pointee.index)
    }
  }

  /// A new flow, if there is room for one; returns its place, or -1.
  private mutating func open(
    _ packet: UnsafePointer<Packet>, _ key: FlowKey, hash: UInt64
  ) -> Int {
    switch table.room(for: hash, at: FlowClock.units(packet.pointee.time.nanoseconds)) {
    case .free: break
    case .replacing(let place):
      switch table.standing(place) {
      case .unproven: counts.evictedUnanswered &+= 1
      case .answered: counts.evictedAnswered &+= 1
      case .proven: counts.evictedEstablished &+= 1
      }
      end(place, .evicted, packet: packet.pointee.index)
    case .none:
      counts.refusedPackets &+= 1
      return -1
    }
    let start = FlowStart(packet)
    let place = table.insert(hash: hash)
    var state = start.state
    state.isQueued = table.flows[place].state.isQueued
    table.flows[place] = Flow(key, isReversed: start.isReversed, state: state)
    begin(place, packet, start)
    return place
  }

  /// A new flow between the ports of an old one, in its place.
  private mutating func reopen(_ place: Int, _ packet: UnsafePointer<Packet>, _ key: FlowKey) {
    settle(place, .replaced, packet: packet.pointee.index)
    let start = FlowStart(packet)
    var flow = Flow(key, isReversed: start.isReversed, state: start.state)
    flow.state.isQueued = table.flows[place].state.isQueued
    table.flows[place] = flow
    table.setStanding(.unproven, of: place)
    begin(place, packet, start)
  }

  private mutating func begin(_ place: Int, _ packet: UnsafePointer<Packet>, _ start: FlowStart) {
    let flow = table.flows + place
    flow.pointee.lastSeen = FlowClock.units(packet.pointee.time.nanoseconds)
    flow.pointee.answerSequence = packet.pointee.sequence
    var record = FlowRecord(
      packet, isReversed: start.isReversed, probe: start.probe,
      shownPort: start.isReversed ? packet.pointee.sourcePort : packet.pointee.targetPort)
    let payload = UInt64(packet.pointee.statedPayloadLength)
    let bytes = UInt64(min(packet.pointee.wireLength, Self.frameCeiling))
    if start.isReversed {
      record.packetsIn = 1
      record.payloadIn = payload
    } else {
      record.packetsOut = 1
      record.payloadOut = payload
    }
    table.records[place] = record
    sessions.marks[place] = .none
    inspector?._withUnsafeGuaranteedRef { $0.closed(place: place, time: packet.pointee.time) }
    counts.flowsOpened &+= 1
    timeouts.startSweep(after: packet.pointee.time.nanoseconds)
    if start.awaitsAnswer {
      if timeouts.answersAreFull {
        counts.judgedEarly &+= 1
        judgeNextAnswer()
        timeouts.findNext()
      }
      timeouts.awaitAnswer(
        place, stamp: UInt32(truncatingIfNeeded: packet.pointee.index),
        from: packet.pointee.time.nanoseconds)
    }
    let event = tell(.opened, place, packet: packet.pointee.index)
    if start.isReversed {
      event.pointee.packetsIn = 1
      event.pointee.bytesIn = bytes
    } else {
      event.pointee.packetsOut = 1
      event.pointee.bytesOut = bytes
    }
  }

  /// Says that a flow is over; it stays for its stragglers.
  mutating func close(_ place: Int, _ ending: FlowEvent.Ending, packet: UInt64) {
    let flow = table.flows + place
    let record = table.records + place
    record.pointee.ending = ending
    record.pointee.wasEstablished = flow.pointee.state.phase == .established
    flow.pointee.state.phase = .closed
    table.setStanding(.unproven, of: place)
    tellCounts(.closed, place, packet: packet)
    if sessions.marks[place] != .none {
      sessions.close(
        place, flow, record, packet: packet, at: time, lingers: ending == .reset)
    }
    let now = time
    inspector?._withUnsafeGuaranteedRef { $0.closed(place: place, time: now) }
  }

  /// Says the last of a flow: that it is over, or what stragglers came after it was.
  mutating func settle(_ place: Int, _ ending: FlowEvent.Ending, packet: UInt64) {
    if table.flows[place].state.phase != .closed {
      close(place, ending, packet: packet)
    } else {
      if table.flows[place].pendingPackets > 0 { tellCounts(.progress, place, packet: packet) }
      if sessions.marks[place].place >= 0 {
        sessions.settle(place, table.flows + place, table.records + place, at: time)
      }
    }
  }

  /// Says the last of a flow and removes it.
  mutating func end(_ place: Int, _ ending: FlowEvent.Ending, packet: UInt64) {
    settle(place, ending, packet: packet)
    table.remove(place)
  }

  /// The first answer, or the end of the handshake.
  mutating func establish(
    _ place: Int, _ standing: FlowTable.Standing, packet: UInt64
  ) {
    table.flows[place].state.phase = .established
    table.setStanding(standing, of: place)
    tell(.established, place, packet: packet)
  }

  mutating func refuse(_ place: Int, packet: UInt64) {
    guard !table.flows[place].state.isRefused else { return }
    table.flows[place].state.isRefused = true
    tell(.refused, place, packet: packet)
  }
}
