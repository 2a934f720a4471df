import Flows
import Packets
import Terms

/// A web client and its server with right checksums, and packets of the client's that its server
/// would not take, or would take otherwise than a careless reader thinks.
struct Wire {
  /// What a packet has that others have not.
  struct Twist {
    var breaksTCP = false
    var breaksIP = false
    var timeToLive: UInt8 = 64
    var vlan: UInt16 = 0
    var urgentPointer: UInt16 = 0
    /// Leaves the sum of the pseudo-header where the checksum belongs.
    var isHalfway = false
    /// Fragments of this many bytes of data, first to last; 0 for none.
    var fragment = 0
  }

  private(set) var frames: [(time: CaptureTime, bytes: [UInt8])] = []
  private(set) var time = 100.0
  var limits = FlowLimits.standard
  let isIPv6: Bool
  let initial: UInt32 = 1000
  let answerInitial: UInt32 = 5000
  private var identification: UInt16 = 1

  /// - Parameter shakesHands: whether the capture has the handshake.
  init(isIPv6: Bool = false, shakesHands: Bool = true, offloads: Bool = false) {
    self.isIPv6 = isIPv6
    guard shakesHands else { return }
    let twist = Twist(breaksTCP: offloads)
    client(.syn, at: -1, [], twist)
    server([.syn, .ack], acknowledging: 0, sequence: answerInitial)
    client(.ack, at: 0, [], twist)
  }

  /// A segment of the client `offset` bytes from its first.
  mutating func ask(_ text: String, at offset: Int, _ twist: Twist = Twist()) {
    client([.ack, .push], at: offset, Array(text.utf8), twist)
  }

  /// `text` in segments of `size` bytes from `offset` on.
  mutating func ask(_ text: String, from offset: Int = 0, size: Int, _ twist: Twist = Twist()) {
    for (at, part) in Self.cut(Array(text.utf8), size) {
      client([.ack, .push], at: offset + at, part, twist)
    }
  }

  static func cut(_ bytes: [UInt8], _ size: Int) -> [(Int, [UInt8])] {
    stride(from: 0, to: bytes.count, by: size).map {
      ($0, Array(bytes[$0..<min($0 + size, bytes.count)]))
    }
  }

  mutating func client(
    _ flags: TCPFlags, at offset: Int, _ payload: [UInt8], _ twist: Twist = Twist()
  ) {
    let sequence = initial &+ 1 &+ UInt32(truncatingIfNeeded: offset)
    segment(
      true, flags, sequence, flags.contains(.ack) ? answerInitial &+ 1 : 0, payload, twist)
  }

  /// The server has all up to `offset` bytes from the client's first.
  mutating func server(
    _ flags: TCPFlags = .ack, acknowledging offset: Int, sequence: UInt32? = nil,
    _ text: String = "", _ twist: Twist = Twist()
  ) {
    segment(
      false, flags, sequence ?? answerInitial &+ 1,
      initial &+ 1 &+ UInt32(truncatingIfNeeded: offset), Array(text.utf8), twist)
  }

  mutating func wait(_ seconds: Double) {
    time += seconds
    // Somebody else's packet, so that time passes.
    var story = Story()
    story.udp("10.0.0.8:1", "10.0.0.9:2", at: time)
    frames.append((CaptureTime(seconds: time), story.frames[0].bytes))
  }

  // MARK: Bytes

  private mutating func segment(
    _ isClient: Bool, _ flags: TCPFlags, _ sequence: UInt32, _ acknowledgement: UInt32,
    _ payload: [UInt8], _ twist: Twist
  ) {
    time += 0.001
    let flags = twist.urgentPointer > 0 ? flags.union(.urgent) : flags
    let ports: [UInt16] = isClient ? [40_000, 80] : [80, 40_000]
    var bytes =
      Story.word(ports[0]) + Story.word(ports[1]) + Story.long(sequence)
      + Story.long(acknowledgement) + [0x50, flags.rawValue] + Story.word(64_000) + [0, 0]
      + Story.word(twist.urgentPointer) + payload
    let ends = addresses(isClient)
    let pseudo = ends + [0, 6] + Story.word(UInt16(bytes.count))
    var sum = ~Self.sum(pseudo + bytes)
    if twist.isHalfway { sum = Self.sum(pseudo) }
    if twist.breaksTCP { sum ^= 0x5555 }
    bytes.replaceSubrange(16..<18, with: Story.word(sum))
    identification &+= 1
    guard twist.fragment > 0 else { return packet(ends, bytes, twist, isClient: isClient) }
    for (offset, part) in Self.cut(bytes, twist.fragment) {
      packet(
        ends, part, twist, isClient: isClient, offset: offset,
        more: offset + part.count < bytes.count, isFragment: true)
    }
  }

  private func addresses(_ isClient: Bool) -> [UInt8] {
    let prefix: [UInt8] = isIPv6 ? [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0] : []
    let client = prefix + [203, 0, 113, 5]
    let server = prefix + [10, 0, 0, 2]
    return isClient ? client + server : server + client
  }

  /// One IP packet of the client's, or a fragment of it.
  mutating func packet(
    _ ends: [UInt8], _ data: [UInt8], _ twist: Twist, isClient: Bool = true, offset: Int = 0,
    more: Bool = false, isFragment: Bool = false
  ) {
    var ether: [UInt8] = isClient ? [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] : [2, 0, 0, 0, 0, 1, 2]
    if !isClient { ether += [0, 0, 0, 0, 2] }
    if twist.vlan > 0 { ether += [0x81, 0] + Story.word(twist.vlan) }
    var header: [UInt8]
    if isIPv6 {
      let extra: [UInt8] =
        isFragment
        ? [6, 0] + Story.word(UInt16(offset) | (more ? 1 : 0)) + [0, 0]
          + Story.word(identification) : []
      ether += [0x86, 0xdd]
      header =
        [0x60, 0, 0, 0] + Story.word(UInt16(data.count + extra.count))
        + [isFragment ? 44 : 6, twist.timeToLive] + ends + extra
    } else {
      ether += [8, 0]
      header =
        [0x45, 0] + Story.word(UInt16(20 + data.count)) + Story.word(identification)
        + Story.word(UInt16(offset / 8) | (more ? 0x2000 : 0)) + [twist.timeToLive, 6, 0, 0] + ends
      let sum = ~Self.sum(header)
      header.replaceSubrange(10..<12, with: Story.word(twist.breaksIP ? sum ^ 0x5555 : sum))
    }
    frames.append((CaptureTime(seconds: time), ether + header + data))
  }

  /// As RFC 1071 has it, the slow way.
  static func sum(_ bytes: [UInt8]) -> UInt16 {
    var total: UInt32 = 0
    for at in stride(from: 0, to: bytes.count, by: 2) {
      total += UInt32(bytes[at]) << 8 + (at + 1 < bytes.count ? UInt32(bytes[at + 1]) : 0)
    }
    while total >> 16 != 0 { total = total & 0xffff + total >> 16 }
    return UInt16(total)
  }

  // MARK: What is read

  func run() -> (events: [SessionEvent], flows: [FlowEvent], statistics: FlowStatistics) {
    var engine = FlowEngine(limits: limits)
    for frame in frames {
      frame.bytes.withUnsafeBytes {
        _ = engine.take(
          $0, linkType: .ethernet, wireLength: UInt32($0.count), time: frame.time)
      }
    }
    engine.finish()
    return (engine.sessionEvents, Array(engine.events), engine.statistics)
  }

  /// Targets of the requests that were read.
  func targets() -> [String] {
    run().events.compactMap {
      guard case .http(let request) = $0.what else { return nil }
      return String(decoding: request.target, as: UTF8.self)
    }
  }

  func overlaps() -> Int {
    run().events.count {
      if case .overlap = $0.what { return true }
      return false
    }
  }
}
