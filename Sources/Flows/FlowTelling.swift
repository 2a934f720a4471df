import Packets
import Terms

/// Flows and packets as events.
extension FlowEngine {
  /// A new event of a flow, at the time that stands; its counts since the last `progress` are zero,
  /// for the caller to fill in.
  @discardableResult @inline(__always)
  mutating func tell(
    _ kind: FlowEvent.Kind, _ place: Int, packet: UInt64
  ) -> UnsafeMutablePointer<FlowEvent> {
    let event = buffer.append(at: sessions.output.order)
    fill(event, kind, place, packet: packet)
    return event
  }

  /// Fills in every field: a blank event first would be as much to write again. Mutating, and without
  /// `time`: to lend the engine would be to copy it.
  private mutating func fill(
    _ event: UnsafeMutablePointer<FlowEvent>, _ kind: FlowEvent.Kind, _ place: Int, packet: UInt64
  ) {
    let flow = table.flows + place
    let record = table.records + place
    event.pointee.time = CaptureTime(nanoseconds: timeouts.clock)
    event.pointee.packet = packet
    event.pointee.source = flow.pointee.source
    event.pointee.target = flow.pointee.target
    event.pointee.sourceMAC = record.pointee.sourceMAC
    event.pointee.targetMAC = record.pointee.targetMAC
    event.pointee.opened = record.pointee.opened
    event.pointee.firstPacket = record.pointee.firstPacket
    event.pointee.packetsOut = 0
    event.pointee.packetsIn = 0
    event.pointee.bytesOut = 0
    event.pointee.bytesIn = 0
    event.pointee.totalPacketsOut = record.pointee.packetsOut &+ UInt32(flow.pointee.packetsOut)
    event.pointee.totalPacketsIn = record.pointee.packetsIn &+ UInt32(flow.pointee.packetsIn)
    event.pointee.payloadOut = record.pointee.payloadOut &+ UInt64(flow.pointee.payloadOut)
    event.pointee.payloadIn = record.pointee.payloadIn &+ UInt64(flow.pointee.payloadIn)
    event.pointee.sourcePort =
      record.pointee.showsReply ? flow.pointee.targetPort : flow.pointee.sourcePort
    event.pointee.targetPort = record.pointee.shownPort
    event.pointee.vlan = record.pointee.vlan
    event.pointee.arpOperation = 0
    event.pointee.kind = kind
    event.pointee.probe = record.pointee.probe
    event.pointee.ending = record.pointee.ending
    event.pointee.transport = TransportProtocol(number: flow.pointee.transport)
    event.pointee.timeToLive = record.pointee.timeToLive
    event.pointee.isEstablished =
      flow.pointee.state.phase == .established || record.pointee.wasEstablished
    event.pointee.fragmentFault = .none
    event.pointee.frameMAC = .unknown
  }

  /// `progress` or `closed`: the counts since the last one move to the totals.
  mutating func tellCounts(_ kind: FlowEvent.Kind, _ place: Int, packet: UInt64) {
    let flow = table.flows + place
    let record = table.records + place
    let event = tell(kind, place, packet: packet)
    event.pointee.packetsOut = UInt32(flow.pointee.packetsOut)
    event.pointee.packetsIn = UInt32(flow.pointee.packetsIn)
    event.pointee.bytesOut = UInt64(flow.pointee.bytesOut)
    event.pointee.bytesIn = UInt64(flow.pointee.bytesIn)
    record.pointee.packetsOut = event.pointee.totalPacketsOut
    record.pointee.packetsIn = event.pointee.totalPacketsIn
    record.pointee.payloadOut = event.pointee.payloadOut
    record.pointee.payloadIn = event.pointee.payloadIn
    flow.pointee.packetsOut = 0
    flow.pointee.packetsIn = 0
    flow.pointee.bytesOut = 0
    flow.pointee.bytesIn = 0
    flow.pointee.payloadOut = 0
    flow.pointee.payloadIn = 0
  }

  mutating func tellARP(_ packet: borrowing Packet) {
    let event = tell(.arp, packet)
    event.pointee.sourceMAC = packet.arpSender
    event.pointee.targetMAC = packet.arpTarget
    event.pointee.arpOperation = packet.arpOperation
    if packet.sourceMAC != packet.arpSender { event.pointee.frameMAC = packet.sourceMAC }
    event.pointee.packetsOut = 1
    event.pointee.bytesOut = UInt64(packet.wireLength)
  }

  mutating func tellOverlap(_ packet: borrowing Packet) {
    let event = tell(.fragmentOverlap, packet)
    event.pointee.fragmentFault =
      packet.malformations.contains(.fragmentPastEnd) ? .pastEnd : .contradiction
    event.pointee.payloadOut = UInt64(packet.fragmentOffset)
    event.pointee.payloadIn =
      UInt64(packet.fragmentOffset) + UInt64(packet.statedPayloadLength)
  }

  mutating func tellNotice(_ notice: NeighbourNotice, _ packet: borrowing Packet) {
    let event = tell(.neighbour, packet)
    event.pointee.arpOperation = notice.type
    event.pointee.subject = notice.subject
    event.pointee.sourcePort = notice.detail
    if notice.mac != .unknown {
      event.pointee.sourceMAC = notice.mac
      if packet.sourceMAC != notice.mac { event.pointee.frameMAC = packet.sourceMAC }
    }
  }

  mutating func tellControl(_ packet: borrowing Packet) {
    let event = tell(.control, packet)
    event.pointee.arpOperation = packet.control.rawValue
    event.pointee.frameMAC = packet.arpSender
    if packet.control == .spanningTree { event.pointee.targetMAC = packet.arpTarget }
    event.pointee.packetsOut = 1
    event.pointee.bytesOut = UInt64(packet.wireLength)
  }

  /// The fragments lost by the time that `packet` was taken.
  mutating func tellLosses(upTo packet: borrowing Packet) {
    while let loss = defragmenter.nextLoss(upTo: packet.index) {
      let event = tell(.lostFragments, packet)
      event.pointee.source = loss.source
      event.pointee.target = loss.target
      event.pointee.transport = loss.transport
      event.pointee.packetsOut = loss.fragments
      event.pointee.bytesOut = loss.bytes
    }
  }

  /// A new event of a packet outside any flow.
  @discardableResult
  private mutating func tell(
    _ kind: FlowEvent.Kind, _ packet: borrowing Packet
  ) -> UnsafeMutablePointer<FlowEvent> {
    let event = buffer.append(at: sessions.output.order)
    event.initialize(to: FlowEvent())
    event.pointee.time = packet.time
    event.pointee.packet = packet.index
    event.pointee.source = packet.source
    event.pointee.target = packet.target
    event.pointee.sourceMAC = packet.sourceMAC
    event.pointee.targetMAC = packet.targetMAC
    event.pointee.opened = packet.time
    event.pointee.firstPacket = packet.index
    event.pointee.sourcePort = packet.sourcePort
    event.pointee.targetPort = packet.targetPort
    event.pointee.vlan = packet.vlan
    event.pointee.kind = kind
    event.pointee.transport = packet.transport
    event.pointee.timeToLive = packet.timeToLive
    return event
  }
}
