import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

/// Flow events made by hand and what one engine says of them.
struct Story<Engine: AnalysisEngine<FlowEvent>> {
  var engine: Engine
  var sink: ReportSink
  private(set) var clock = CaptureTime(seconds: 1000)
  private var packet: UInt64 = 0

  init(_ engine: Engine) throws {
    self.engine = engine
    sink = ReportSink(monitor: try #require(MonitorName("story")), tier: .local)
  }

  mutating func wait(_ seconds: Double) { clock = clock + .seconds(seconds) }

  mutating func tell(_ event: FlowEvent) {
    withUnsafePointer(to: event) {
      engine.analyse(batch: UnsafeBufferPointer(start: $0, count: 1), into: &sink)
    }
  }

  /// An event of a flow from `source` to `target`, at the story's time.
  mutating func event(
    _ kind: FlowEvent.Kind, _ source: String, _ target: String, _ port: UInt16 = 0,
    probe: FlowEvent.Probe = .syn, transport: TransportProtocol = .tcp
  ) throws -> FlowEvent {
    var event = FlowEvent()
    packet += 1
    event.packet = packet
    event.firstPacket = packet
    event.kind = kind
    event.time = clock
    event.opened = clock
    event.source = try #require(IPAddress(source))
    event.target = try #require(IPAddress(target))
    event.sourcePort = 40_000
    event.targetPort = port
    event.probe = probe
    event.transport = transport
    event.totalPacketsOut = 1
    if kind == .opened {
      event.packetsOut = 1
      event.bytesOut = 60
    }
    event.isEstablished = kind == .established
    return event
  }

  mutating func contact(
    _ kind: FlowEvent.Kind, _ source: String, _ target: String, _ port: UInt16,
    probe: FlowEvent.Probe = .syn, transport: TransportProtocol = .tcp
  ) throws {
    tell(try event(kind, source, target, port, probe: probe, transport: transport))
  }

  /// A finished login session of `seconds`, with this much payload each way.
  mutating func session(
    _ source: String, _ target: String, _ port: UInt16, lasting seconds: Double, out: UInt64,
    back: UInt64
  ) throws {
    var event = try event(.closed, source, target, port)
    event.opened = clock - .seconds(seconds)
    event.isEstablished = true
    event.ending = .finished
    event.payloadOut = out
    event.payloadIn = back
    event.totalPacketsIn = 10
    tell(event)
  }

  /// An ARP packet: `source` at `mac` tells `target`.
  mutating func arp(
    _ operation: UInt8, _ source: String, _ mac: UInt64, _ target: String, _ targetMAC: UInt64 = 0
  ) throws {
    var event = try event(.arp, source, target, probe: .none, transport: .init(number: 0))
    event.arpOperation = operation
    event.sourceMAC = MACAddress(bits: mac)
    event.targetMAC = MACAddress(bits: targetMAC)
    tell(event)
  }

  mutating func finish() -> [Report] {
    engine.runDeadlines(through: .distantFuture, into: &sink)
    return Lab.newest(sink.drain())
  }
}
