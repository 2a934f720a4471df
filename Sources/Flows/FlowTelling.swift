import Packets
import Terms

/// Flows and packets as events.
extension FlowEngine {
  /// An event of a flow, at the time that stands; its counts since the last `progress` are zero.
  func event(_ kind: FlowEvent.Kind, _ place: Int, packet: UInt64) -> FlowEvent {
    let flow = table.flows + place
    let record = table.records + place
    var event = FlowEvent()
    event.time = time
    event.packet = packet
    event.source = flow.pointee.source
    event.target = flow.pointee.target
    event.sourceMAC = record.pointee.sourceMAC
    event.targetMAC = record.pointee.targetMAC
    event.opened = record.pointee.opened
    event.firstPacket = record.pointee.firstPacket
    event.totalPacketsOut = record.pointee.packetsOut &+ UInt32(flow.pointee.packetsOut)
    event.totalPacketsIn = record.pointee.packetsIn &+ UInt32(flow.pointee.packetsIn)
    event.payloadOut = record.pointee.payloadOut &+ UInt64(flow.pointee.payloadOut)
    event.payloadIn = record.pointee.payloadIn &+ UInt64(flow.pointee.payloadIn)
    event.sourcePort = record.pointee.showsReply ? flow.pointee.targetPort : flow.pointee.sourcePort
    event.targetPort = record.pointee.shownPort
    event.vlan = record.pointee.vlan
    event.kind = kind
    event.probe = record.pointee.probe
    event.ending = record.pointee.ending
    event.transport = TransportProtocol(number: flow.pointee.transport)
    event.timeToLive = record.pointee.timeToLive
    event.isEstablished =
      flow.pointee.state.phase == .established || record.pointee.wasEstablished
    return event
  }

  /// `progress` or `closed`: the counts since the last one move to the totals.
  mutating func tellCounts(_ kind: FlowEvent.Kind, _ place: Int, packet: UInt64) {
    let flow = table.flows + place
    let record = table.records + place
    var event = event(kind, place, packet: packet)
    event.packetsOut = UInt32(flow.pointee.packetsOut)
    event.packetsIn = UInt32(flow.pointee.packetsIn)
    event.bytesOut = UInt64(flow.pointee.bytesOut)
    event.bytesIn = UInt64(flow.pointee.bytesIn)
    record.pointee.packetsOut = event.totalPacketsOut
    record.pointee.packetsIn = event.totalPacketsIn
    record.pointee.payloadOut = event.payloadOut
    record.pointee.payloadIn = event.payloadIn
    flow.pointee.packetsOut = 0
    flow.pointee.packetsIn = 0
    flow.pointee.bytesOut = 0
    flow.pointee.bytesIn = 0
    flow.pointee.payloadOut = 0
    flow.pointee.payloadIn = 0
    buffer.append(event)
  }

  mutating func tellARP(_ packet: Packet) {
    var event = Self.event(.arp, packet)
    event.sourceMAC = packet.arpSender
    event.targetMAC = packet.arpTarget
    event.arpOperation = packet.arpOperation
    if packet.sourceMAC != packet.arpSender { event.frameMAC = packet.sourceMAC }
    event.packetsOut = 1
    event.bytesOut = UInt64(packet.wireLength)
    buffer.append(event)
  }

  mutating func tellOverlap(_ packet: Packet) {
    buffer.append(Self.event(.fragmentOverlap, packet))
  }

  /// An event of a packet outside any flow.
  private static func event(_ kind: FlowEvent.Kind, _ packet: Packet) -> FlowEvent {
    var event = FlowEvent()
    event.time = packet.time
    event.packet = packet.index
    event.source = packet.source
    event.target = packet.target
    event.sourceMAC = packet.sourceMAC
    event.targetMAC = packet.targetMAC
    event.opened = packet.time
    event.firstPacket = packet.index
    event.sourcePort = packet.sourcePort
    event.targetPort = packet.targetPort
    event.vlan = packet.vlan
    event.kind = kind
    event.transport = packet.transport
    event.timeToLive = packet.timeToLive
    return event
  }
}
