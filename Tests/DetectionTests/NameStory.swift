import Analysis
import Packets
import Reports
import Terms
import Testing

@testable import Detection
@testable import Flows

/// DNS and DHCP messages made by hand and what one engine says of them.
struct NameStory<Engine: AnalysisEngine<SessionEvent>> {
  var engine: Engine
  var sink: ReportSink
  private(set) var clock = CaptureTime(seconds: 1000)
  private var packet: UInt64 = 0

  init(_ engine: Engine) throws {
    self.engine = engine
    sink = ReportSink(monitor: try #require(MonitorName("story")), tier: .local)
  }

  mutating func wait(_ seconds: Double) { clock = clock + .seconds(seconds) }

  mutating func finish() -> [Report] {
    engine.runDeadlines(through: .distantFuture, into: &sink)
    return Lab.newest(sink.drain())
  }

  /// A message from `sender` to `receiver`; `isFromClient` says who of them opened.
  mutating func tell(
    _ what: SessionEvent.Content, from sender: String, _ port: UInt16, to receiver: String,
    _ otherPort: UInt16, mac: UInt64, isFromClient: Bool = true,
    transport: TransportProtocol = .udp
  ) throws {
    packet += 1
    let source = try #require(IPAddress(sender))
    let target = try #require(IPAddress(receiver))
    let event = SessionEvent(
      time: clock, packet: packet, firstPacket: packet, opened: clock,
      client: isFromClient ? source : target, server: isFromClient ? target : source,
      clientPort: isFromClient ? port : otherPort, serverPort: isFromClient ? otherPort : port,
      transport: transport, sourceMAC: MACAddress(bits: mac), sender: source, timeToLive: 64,
      what: what)
    withUnsafePointer(to: event) {
      engine.analyse(batch: UnsafeBufferPointer(start: $0, count: 1), into: &sink)
    }
  }

  /// A question, with its name's lengths as on the wire.
  static func question(_ name: String, _ type: UInt16 = 1, id: UInt16 = 7) -> DNSMessage {
    var message = DNSMessage()
    message.id = id
    message.flags = 0x0100
    message.questionCount = 1
    message.name = name
    message.nameLength = name.utf8.count + 2
    message.queryType = type
    message.queryClass = 1
    message.size = 18 + name.utf8.count
    return message
  }

  mutating func ask(
    _ client: String, _ server: String, _ name: String, _ type: UInt16 = 1, id: UInt16 = 7,
    port: UInt16 = 40_000, mac: UInt64 = 0x02_0000_0000_10, transport: TransportProtocol = .udp
  ) throws {
    try tell(
      .dns(Self.question(name, type, id: id)), from: client, port, to: server, 53, mac: mac,
      transport: transport)
  }

  mutating func answer(
    _ server: String, _ client: String, _ name: String, _ addresses: [String], _ type: UInt16 = 1,
    id: UInt16 = 7, port: UInt16 = 40_000, mac: UInt64 = 0x02_0000_0000_53, bytes: UInt16 = 4,
    transport: TransportProtocol = .udp
  ) throws {
    var message = Self.question(name, type, id: id)
    message.flags = 0x8180
    message.answerCount = UInt16(addresses.count)
    message.records = try addresses.map {
      DNSMessage.Record(
        section: .answer, name: name, type: type, recordClass: 1, timeToLive: 60, length: bytes,
        value: .address(try #require(IPAddress($0))))
    }
    try tell(
      .dns(message), from: server, 53, to: client, port, mac: mac, isFromClient: false,
      transport: transport)
  }

  /// A DHCP client's message.
  mutating func lease(
    _ kind: DHCPMessage.Kind, hardware: UInt64, mac: UInt64? = nil, transaction: UInt32 = 1
  ) throws {
    var message = DHCPMessage()
    message.kind = kind
    message.operation = 1
    message.transaction = transaction
    message.hardware = MACAddress(bits: hardware)
    try tell(
      .dhcp(message), from: "0.0.0.0", 68, to: "255.255.255.255", 67, mac: mac ?? hardware)
  }

  /// A DHCP server's message, sent by itself or by a relay agent.
  mutating func serve(
    _ kind: DHCPMessage.Kind, _ server: String, mac: UInt64, router: String, dns: String,
    offered: String, by relay: String? = nil, hardware: UInt64 = 0x02_0000_0000_20
  ) throws {
    var message = DHCPMessage()
    message.kind = kind
    message.operation = 2
    message.hardware = MACAddress(bits: hardware)
    message.serverIdentifier = try #require(IPAddress(server))
    message.offeredAddress = try #require(IPAddress(offered))
    message.routers = [try #require(IPAddress(router))]
    message.nameServers = [try #require(IPAddress(dns))]
    if let relay { message.relay = try #require(IPAddress(relay)) }
    try tell(.dhcp(message), from: relay ?? server, 67, to: offered, 68, mac: mac)
  }
}
