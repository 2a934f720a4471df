import Packets
import Terms

/// Session events that wait for the caller, and the packet that the next ones are about.
struct SessionOutput {
  /// Events after which the caller is asked to drain.
  static let drainThreshold = 512

  private(set) var events: [SessionEvent] = []
  /// Everything of the next event but `what`.
  private(set) var scene = SessionScene()
  /// What the packet at hand is to its flow.
  var isReversed = false

  mutating func clear() { events.removeAll(keepingCapacity: true) }

  mutating func enter(_ scene: SessionScene) { self.scene = scene }

  /// `isSwapped` when the packet shows that the flow's originator is the server.
  mutating func tell(_ what: SessionEvent.Content, isSwapped: Bool = false) {
    let (client, server) =
      isSwapped ? (scene.server, scene.client) : (scene.client, scene.server)
    let (clientPort, serverPort) =
      isSwapped ? (scene.serverPort, scene.clientPort) : (scene.clientPort, scene.serverPort)
    events.append(
      SessionEvent(
        time: scene.time, packet: scene.packet, firstPacket: scene.firstPacket,
        opened: scene.opened, client: client, server: server, clientPort: clientPort,
        serverPort: serverPort, transport: scene.transport, sourceMAC: scene.sourceMAC,
        targetMAC: scene.targetMAC, sender: scene.sender, timeToLive: scene.timeToLive,
        vlan: scene.vlan, what: what))
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
    _ flow: UnsafePointer<Flow>, _ record: UnsafePointer<FlowRecord>, _ packet: borrowing Packet
  ) {
    self.init(flow, record, at: packet.time)
    self.packet = packet.index
    sourceMAC = packet.sourceMAC
    targetMAC = packet.targetMAC
    sender = packet.source
    timeToLive = packet.timeToLive
    vlan = packet.vlan
  }
}
