import Flows
import Packets
import Terms

/// Conversations built from bytes, and what the sessions tell of them.
struct Talk {
  var story = Story()
  private(set) var client: String
  private(set) var server: String
  private var sequences: (out: UInt32, back: UInt32)
  private(set) var time = 100.0

  init(
    _ client: String = "10.0.0.1:40000", _ server: String = "10.0.0.2:80",
    initial: (out: UInt32, back: UInt32) = (1000, 5000)
  ) {
    self.client = client
    self.server = server
    sequences = (initial.out &+ 1, initial.back &+ 1)
    story.segment(client, server, .syn, at: time, sequence: initial.out, [])
    story.segment(
      server, client, [.syn, .ack], at: time, sequence: initial.back,
      acknowledgement: initial.out &+ 1, [])
    story.segment(
      client, server, .ack, at: time, sequence: initial.out &+ 1,
      acknowledgement: initial.back &+ 1, [])
  }

  /// The client says something, in segments of at most `size` bytes.
  mutating func ask(_ bytes: [UInt8], size: Int = 1400, after seconds: Double = 0.01) {
    for start in stride(from: 0, to: bytes.count, by: size) {
      let part = Array(bytes[start..<min(start + size, bytes.count)])
      time += seconds
      story.segment(
        client, server, [.ack, .push], at: time, sequence: sequences.out,
        acknowledgement: sequences.back, part)
      sequences.out &+= UInt32(part.count)
    }
  }

  mutating func answer(_ bytes: [UInt8], size: Int = 1400, after seconds: Double = 0.01) {
    for start in stride(from: 0, to: bytes.count, by: size) {
      let part = Array(bytes[start..<min(start + size, bytes.count)])
      time += seconds
      story.segment(
        server, client, [.ack, .push], at: time, sequence: sequences.back,
        acknowledgement: sequences.out, part)
      sequences.back &+= UInt32(part.count)
    }
  }

  mutating func ask(_ text: String, size: Int = 1400) { ask(Array(text.utf8), size: size) }
  mutating func answer(_ text: String, size: Int = 1400) { answer(Array(text.utf8), size: size) }

  /// A segment of the client at `offset` bytes from its first.
  mutating func segment(at offset: Int, _ text: String, initial: UInt32 = 1000) {
    time += 0.01
    story.segment(
      client, server, [.ack, .push], at: time,
      sequence: initial &+ 1 &+ UInt32(truncatingIfNeeded: offset), acknowledgement: 5001,
      Array(text.utf8))
  }

  /// The server acknowledges everything up to `offset` bytes from the client's first.
  mutating func acknowledge(_ offset: Int, initial: UInt32 = 1000) {
    time += 0.01
    story.segment(
      server, client, .ack, at: time, sequence: 5001,
      acknowledgement: initial &+ 1 &+ UInt32(truncatingIfNeeded: offset), [])
  }

  mutating func wait(_ seconds: Double) { time += seconds }

  func events(chunk: Int = 1000) -> [SessionEvent] { story.sessionEvents(chunk: chunk) }
  /// What was told, without times and without the closing account.
  func contents() -> [String] {
    events().compactMap {
      if case .closed = $0.what { return nil }
      return $0.what.steady
    }
  }
}

extension SessionEvent.Content {
  /// As text, without times, which depend on how bytes were cut.
  var steady: String {
    switch self {
    case .http(var request):
      request.started = .distantPast
      return "\(request)"
    case .httpResponse(var response):
      response.delay = .zero
      return "\(response)"
    default: return "\(self)"
    }
  }
}

extension Story {
  mutating func segment(
    _ from: String, _ to: String, _ flags: TCPFlags, at time: Double, sequence: UInt32,
    acknowledgement: UInt32 = 0, _ payload: [UInt8]
  ) {
    let (source, sourcePort) = Self.endpoint(from)
    let (target, targetPort) = Self.endpoint(to)
    let segment =
      Self.word(sourcePort) + Self.word(targetPort) + Self.long(sequence)
      + Self.long(acknowledgement) + [0x50, flags.rawValue] + Self.word(1024) + [0, 0, 0, 0]
    ip(source, target, 6, segment + payload, at: time)
  }

  mutating func datagram(_ from: String, _ to: String, at time: Double, _ payload: [UInt8]) {
    let (source, sourcePort) = Self.endpoint(from)
    let (target, targetPort) = Self.endpoint(to)
    let header =
      Self.word(sourcePort) + Self.word(targetPort) + Self.word(UInt16(8 + payload.count)) + [0, 0]
    ip(source, target, 17, header + payload, at: time)
  }

  func sessionEvents(chunk: Int = 1000) -> [SessionEvent] {
    var engine = FlowEngine(limits: limits)
    var events: [SessionEvent] = []
    for (number, frame) in frames.enumerated() {
      frame.bytes.withUnsafeBytes {
        _ = engine.take($0, linkType: .ethernet, wireLength: UInt32($0.count), time: frame.time)
      }
      if number % chunk == chunk - 1 {
        engine.flush()
        events += engine.sessionEvents
        engine.clearSessionEvents()
        engine.clearEvents()
      }
    }
    engine.finish()
    return events + engine.sessionEvents
  }
}
