import Packets
import Terms

/// Session events that wait for the caller, and the packet that the next ones are about.
struct SessionOutput {
  /// Events after which the caller is asked to drain.
  static let drainThreshold = 512

  private(set) var events: [SessionEvent] = []
  /// The place of each event among those of the same time, and that of the next ones.
  private(set) var orders: [EventOrder] = []
  var order = EventOrder(.packet, packet: 0)
  /// Everything of the next event but `what`.
  private(set) var scene = SessionScene()

  mutating func clear() {
    events.removeAll(keepingCapacity: true)
    orders.removeAll(keepingCapacity: true)
  }

  mutating func enter(_ scene: SessionScene) { self.scene = scene }

  /// - Parameters:
  ///   - direction: who said it, where that may not be the sender of the packet at hand.
  ///   - isSwapped: the packet shows that the flow's originator is the server.
  mutating func tell(
    _ what: consuming SessionEvent.Content, from direction: FlowDirection? = nil,
    isSwapped: Bool = false
  ) {
    var event = SessionEvent(
      time: scene.time, packet: scene.packet, firstPacket: scene.firstPacket,
      opened: scene.opened, client: scene.client, server: scene.server,
      clientPort: scene.clientPort, serverPort: scene.serverPort, transport: scene.transport,
      sourceMAC: scene.sourceMAC, targetMAC: scene.targetMAC, sender: scene.sender,
      timeToLive: scene.timeToLive, vlan: scene.vlan, what: what)
    if let direction {
      let speaker = direction == .out ? scene.client : scene.server
      if speaker != scene.sender {
        event.sender = speaker
        swap(&event.sourceMAC, &event.targetMAC)
        event.timeToLive = 0
      }
    }
    if isSwapped {
      swap(&event.client, &event.server)
      swap(&event.clientPort, &event.serverPort)
    }
    events.append(consume event)
    orders.append(order)
  }
}

/// Where and when something was said: a flow, and the packet at hand.
struct SessionScene: BitwiseCopyable {
  var time = CaptureTime.distantPast
  var packet: UInt64 = 0
  var firstPacket: UInt64 = 0
  var opened = CaptureTime.distantPast
  var client = IPAddress.unspecified
  var server = IPAddress.unspecified
  var clientPort: UInt16 = 0
  var serverPort: UInt16 = 0
  var transport = TransportProtocol(number: 0)
  var sourceMAC = MACAddress.unknown
  var targetMAC = MACAddress.unknown
  var sender = IPAddress.unspecified
  var timeToLive: UInt8 = 0
  var vlan: UInt16 = 0

  init() {}

  /// A flow at an instant, without a packet: seen from its client.
  init(_ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>, at time: CaptureTime) {
    self.time = time
    packet = record.pointee.firstPacket
    firstPacket = record.pointee.firstPacket
    opened = record.pointee.opened
    client = flow.pointee.source
    server = flow.pointee.target
    clientPort = flow.pointee.sourcePort
    serverPort = flow.pointee.targetPort
    transport = TransportProtocol(number: flow.pointee.transport)
    sourceMAC = record.pointee.sourceMAC
    targetMAC = record.pointee.targetMAC
    sender = client
    timeToLive = record.pointee.timeToLive
    vlan = record.pointee.vlan
  }

  /// A packet of a flow.
  init(
    _ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>,
    _ packet: UnsafePointer<Packet>
  ) {
    self.init(flow, record, at: packet.pointee.time)
    self.packet = packet.pointee.index
    sourceMAC = packet.pointee.sourceMAC
    targetMAC = packet.pointee.targetMAC
    sender = packet.pointee.source
    timeToLive = packet.pointee.timeToLive
    vlan = packet.pointee.vlan
  }
}
