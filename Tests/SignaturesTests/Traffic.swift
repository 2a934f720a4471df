import Flows
import Packets
import Signatures
import Terms
import Testing

/// Traffic built by hand, and the numbers of the rules that answer to it.
struct Traffic {
  var frames: [(time: Double, bytes: [UInt8])] = []
  var time = 100.0
  private var identification: UInt16 = 1

  mutating func wait(_ seconds: Double) { time += seconds }

  mutating func udp(_ from: String, _ to: String, _ payload: [UInt8]) {
    let (source, target) = (Self.endpoint(from), Self.endpoint(to))
    let header =
      word(source.1) + word(target.1) + word(UInt16(8 + payload.count)) + [0, 0]
    ip(source.0, target.0, 17, header + payload)
  }

  mutating func udp(_ from: String, _ to: String, _ text: String) {
    udp(from, to, Array(text.utf8))
  }

  mutating func icmp(
    _ from: String, _ to: String, type: UInt8, code: UInt8 = 0, _ text: String = ""
  ) {
    ip(
      Self.endpoint(from).0, Self.endpoint(to).0, 1,
      [type, code, 0, 0, 0, 9, 0, 1] + Array(text.utf8))
  }

  mutating func tcp(
    _ from: String, _ to: String, _ flags: TCPFlags, sequence: UInt32 = 1000,
    acknowledgement: UInt32 = 0, _ payload: [UInt8] = []
  ) {
    let (source, target) = (Self.endpoint(from), Self.endpoint(to))
    let header =
      word(source.1) + word(target.1) + long(sequence) + long(acknowledgement)
      + [0x50, flags.rawValue] + word(1024) + [0, 0, 0, 0]
    ip(source.0, target.0, 6, header + payload)
  }

  mutating func ip(_ source: UInt32, _ target: UInt32, _ transport: UInt8, _ payload: [UInt8]) {
    identification &+= 1
    time += 0.001
    let ether: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
    let header: [UInt8] =
      [0x45, 0] + word(UInt16(20 + payload.count)) + word(identification) + [0, 0, 64, transport]
      + [0, 0] + long(source) + long(target)
    frames.append((time, ether + header + payload))
  }

  private static func endpoint(_ text: String) -> (UInt32, UInt16) {
    let parts = text.split(separator: ":")
    return (IPAddress(parts[0])?.v4 ?? 0, parts.count > 1 ? UInt16(parts[1]) ?? 0 : 0)
  }

  private func word(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
  private func long(_ value: UInt32) -> [UInt8] {
    word(UInt16(value >> 16)) + word(UInt16(value & 0xffff))
  }

  /// What answers, in the order in which it does; the engine is flushed after every `chunk`
  /// frames.
  func matches(_ rules: SignatureSet, chunk: Int = 1000) -> [UInt32] {
    found(rules, chunk: chunk).map { rules.description(of: $0.rule).signature }
  }

  func matches(_ text: String, chunk: Int = 1000) throws -> [UInt32] {
    matches(try compile(text), chunk: chunk)
  }

  func found(_ rules: SignatureSet, chunk: Int = 1000) -> [SignatureMatch] {
    var engine = FlowEngine()
    let inspector = SignatureInspector(rules)
    engine.attach(inspector)
    for (number, frame) in frames.enumerated() {
      frame.bytes.withUnsafeBytes { bytes in
        _ = engine.take(
          bytes, linkType: .ethernet, wireLength: UInt32(bytes.count),
          time: CaptureTime(seconds: frame.time))
      }
      if number % chunk == chunk - 1 { engine.flush() }
    }
    engine.finish()
    return inspector.matches
  }
}

/// A TCP conversation.
struct Conversation {
  var traffic = Traffic()
  let client: String
  let server: String
  private var out: UInt32 = 1001
  private var back: UInt32 = 5001

  init(_ client: String = "10.0.0.1:40000", _ server: String = "192.0.2.7:80") {
    self.client = client
    self.server = server
    traffic.tcp(client, server, .syn, sequence: 1000)
    traffic.tcp(server, client, [.syn, .ack], sequence: 5000, acknowledgement: 1001)
    traffic.tcp(client, server, .ack, sequence: 1001, acknowledgement: 5001)
  }

  mutating func ask(_ bytes: [UInt8]) {
    traffic.tcp(
      client, server, [.ack, .push], sequence: out, acknowledgement: back, bytes)
    out &+= UInt32(bytes.count)
  }

  mutating func answer(_ bytes: [UInt8]) {
    traffic.tcp(
      server, client, [.ack, .push], sequence: back, acknowledgement: out, bytes)
    back &+= UInt32(bytes.count)
  }

  mutating func ask(_ text: String) { ask(Array(text.utf8)) }
  mutating func answer(_ text: String) { answer(Array(text.utf8)) }

  /// A segment of the client at `offset` bytes from its first.
  mutating func segment(at offset: Int, _ text: String) {
    traffic.tcp(
      client, server, [.ack, .push], sequence: 1001 &+ UInt32(offset), acknowledgement: back,
      Array(text.utf8))
  }

  func matches(_ text: String, chunk: Int = 1000) throws -> [UInt32] {
    try traffic.matches(text, chunk: chunk)
  }
}

/// Rules ready for traffic; all of them must be supported.
func compile(
  _ text: String, variables: RuleVariables = RuleVariables(),
  location: SourceLocation = #_sourceLocation
) throws -> SignatureSet {
  let rules = read(text, variables: variables)
  #expect(rules.unsupported.isEmpty, "\(rules.unsupported)", sourceLocation: location)
  return try SignatureSet(rules)
}

/// Whether a rule with these options answers to what a client says.
func answers(
  _ options: String, to bytes: [UInt8], location: SourceLocation = #_sourceLocation
) throws -> Bool {
  var traffic = Traffic()
  traffic.udp("10.0.0.1:40000", "192.0.2.7:9999", bytes)
  let rules = try compile(
    "alert udp any any -> any any (msg:\"test\"; \(options) sid:1;)", location: location)
  return traffic.matches(rules) == [1]
}

func answers(
  _ options: String, to text: String, location: SourceLocation = #_sourceLocation
) throws -> Bool {
  try answers(options, to: Array(text.utf8), location: location)
}
