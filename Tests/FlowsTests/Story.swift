import Flows
import Packets
import Terms

/// Frames built by hand, and what a flow engine tells of them.
struct Story {
  var frames: [(time: CaptureTime, bytes: [UInt8])] = []
  var limits = FlowLimits.standard
  private var identification: UInt16 = 1

  /// `from` and `to` are `address:port`; `at` in seconds.
  mutating func tcp(
    _ from: String, _ to: String, _ flags: TCPFlags, at time: Double, sequence: UInt32 = 1000,
    acknowledgement: UInt32 = 0, payload: Int = 0
  ) {
    let (source, sourcePort) = Self.endpoint(from)
    let (target, targetPort) = Self.endpoint(to)
    let segment =
      Self.word(sourcePort) + Self.word(targetPort) + Self.long(sequence)
      + Self.long(acknowledgement) + [0x50, flags.rawValue] + Self.word(1024) + [0, 0, 0, 0]
      + [UInt8](repeating: 0x41, count: payload)
    ip(source, target, 6, segment, at: time)
  }

  mutating func udp(_ from: String, _ to: String, at time: Double, payload: Int = 4) {
    let (source, sourcePort) = Self.endpoint(from)
    let (target, targetPort) = Self.endpoint(to)
    let datagram =
      Self.word(sourcePort) + Self.word(targetPort) + Self.word(UInt16(8 + payload)) + [0, 0]
      + [UInt8](repeating: 0x42, count: payload)
    ip(source, target, 17, datagram, at: time)
  }

  mutating func icmp(
    _ from: String, _ to: String, type: UInt8, code: UInt8 = 0, identifier: UInt16 = 0,
    body: [UInt8] = [], at time: Double
  ) {
    let message = [type, code, 0, 0] + Self.word(identifier) + [0, 0] + body
    ip(Self.endpoint(from).0, Self.endpoint(to).0, 1, message, at: time)
  }

  mutating func arp(_ operation: UInt8, _ sender: String, _ target: String, at time: Double) {
    let ether: [UInt8] = [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 1, 8, 6]
    let body: [UInt8] =
      [0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 9] + Self.long(Self.endpoint(sender).0)
      + [0, 0, 0, 0, 0, 0] + Self.long(Self.endpoint(target).0)
    frames.append((CaptureTime(seconds: time), ether + body))
  }

  /// One IPv4 packet or fragment; `offset` in bytes.
  mutating func ip(
    _ source: UInt32, _ target: UInt32, _ transport: UInt8, _ payload: [UInt8], at time: Double,
    id: UInt16? = nil, offset: Int = 0, more: Bool = false
  ) {
    identification &+= 1
    let ether: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
    frames.append(
      (
        CaptureTime(seconds: time),
        ether
          + Self.ipv4(
            source, target, transport, payload, id: id ?? identification, offset: offset,
            more: more)
      ))
  }

  static func ipv4(
    _ source: UInt32, _ target: UInt32, _ transport: UInt8, _ payload: [UInt8], id: UInt16 = 0,
    offset: Int = 0, more: Bool = false
  ) -> [UInt8] {
    [0x45, 0] + word(UInt16(truncatingIfNeeded: 20 + payload.count)) + word(id)
      + word(UInt16(offset / 8) | (more ? 0x2000 : 0)) + [64, transport, 0, 0] + long(source)
      + long(target) + payload
  }

  /// The handshake and nothing more.
  mutating func handshake(_ client: String, _ server: String, at time: Double) {
    tcp(client, server, .syn, at: time, sequence: 1000)
    tcp(server, client, [.syn, .ack], at: time, sequence: 5000, acknowledgement: 1001)
    tcp(client, server, .ack, at: time, sequence: 1001, acknowledgement: 5001)
  }

  /// The events of the whole story; the engine is flushed after every `chunk` frames.
  func events(chunk: Int = 1000) -> [FlowEvent] { run(chunk: chunk).events }

  func run(chunk: Int = 1000) -> (events: [FlowEvent], statistics: FlowStatistics) {
    var engine = FlowEngine(limits: limits)
    var events: [FlowEvent] = []
    for (number, frame) in frames.enumerated() {
      frame.bytes.withUnsafeBytes {
        _ = engine.take(
          $0, linkType: .ethernet, wireLength: UInt32($0.count), time: frame.time)
      }
      if number % chunk == chunk - 1 { engine.flush() }
      if engine.needsDrain || number % chunk == chunk - 1 {
        events += engine.events
        engine.clearEvents()
      }
    }
    engine.finish()
    events += engine.events
    return (events, engine.statistics)
  }

  /// One line per event: time, kind, who, and what matters of the kind.
  func told() -> [String] { events().map(\.told) }

  static func endpoint(_ text: String) -> (UInt32, UInt16) {
    let parts = text.split(separator: ":")
    let port = parts.count > 1 ? UInt16(parts[1]) ?? 0 : 0
    return (IPAddress(parts[0])?.v4 ?? 0, port)
  }

  static func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
  static func long(_ value: UInt32) -> [UInt8] {
    word(UInt16(value >> 16)) + word(UInt16(value & 0xffff))
  }
}

extension FlowEvent {
  var told: String {
    var text = "\(time.seconds) \(kind) \(source):\(sourcePort) \(target):\(targetPort)"
    if kind == .opened { text += " \(probe)" }
    if kind == .closed || kind == .progress { text += " \(ending) \(packetsOut)/\(packetsIn)" }
    return text
  }
}
