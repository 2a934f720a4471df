import Flows
import Packets
import Terms

/// One session parser, reached as a capture reaches it: a conversation whose client and server say
/// parts of the input, in pieces.
///
/// The first byte of an input says who begins, the second how long the pieces are; the bytes
/// 0xf5 0xfa hand over to the other side.
final class SessionTarget: FuzzTarget {
  private static let turn: [UInt8] = [0xf5, 0xfa]

  private var engine: FlowEngine
  private let port: UInt16
  private let transport: UInt8
  private var clientPort: UInt16 = 1024
  private var clientHost: UInt16 = 0
  private var clock = CaptureTime(seconds: 1)
  private var frame = [UInt8](repeating: 0, count: 14 + 20 + 20 + FuzzMutator.limit)
  private var told: UInt64 = 0

  /// - Parameter turns: sound conversations; the client begins unless the first is empty.
  init(
    _ name: String, port: UInt16, udp: Bool = false, _ conversations: [[[UInt8]]],
    tokens: [String] = []
  ) {
    self.port = port
    transport = udp ? 17 : 6
    var limits = FlowLimits.standard
    limits.capacity = 64
    limits.sessions.sessions = 16
    engine = FlowEngine(limits: limits)
    let seeds = conversations.flatMap { turns in
      [200, 3].map { size in
        [turns.first?.isEmpty == true ? 1 : 0, size]
          + Array(turns.filter { !$0.isEmpty }.joined(separator: Self.turn))
      }
    }
    super.init(name, seeds: seeds, tokens: tokens)
    prepareFrame()
  }

  private func prepareFrame() {
    let header = FuzzFrames.ethernet(0x0800, FuzzFrames.ip4(transport, []))
    frame.replaceSubrange(0..<header.count, with: header)
  }

  override func consume(_ input: UnsafeRawBufferPointer) {
    guard input.count > 2 else { return }
    nextConversation()
    var isClient = input[0] & 1 == 0
    let size = max(1, Int(input[1]))
    var sequences: [UInt32] = [1001, 5001]
    if transport == 6, input[0] & 2 == 0 {
      send(true, 2, 1000, 0, nil)
      send(false, 0x12, 5000, 1001, nil)
    }
    var at = 2
    var packets = 0
    while at < input.count, packets < 64 {
      var end = at
      while end < input.count, end - at < size, !Self.isTurn(input, end) { end += 1 }
      let piece = UnsafeRawBufferPointer(rebasing: input[at..<end])
      let side = isClient ? 0 : 1
      if !piece.isEmpty {
        send(isClient, 0x18, sequences[side], sequences[1 - side], piece)
        sequences[side] &+= UInt32(piece.count)
        packets += 1
      }
      if Self.isTurn(input, end) {
        isClient.toggle()
        end += Self.turn.count
      }
      at = end
    }
    if transport == 6 { send(true, 4, sequences[0], sequences[1], nil) }
    engine.flush()
    told &+= UInt64(
      engine.sessionEvents.count { if case .closed = $0.what { false } else { true } })
    engine.clearSessionEvents()
    engine.clearEvents()
  }

  private static func isTurn(_ input: UnsafeRawBufferPointer, _ at: Int) -> Bool {
    at + 1 < input.count && input[at] == 0xf5 && input[at + 1] == 0xfa
  }

  /// Events told of all conversations.
  override var understood: UInt64 { told }

  private func nextConversation() {
    clock = clock + .milliseconds(300)
    clientPort &+= 1
    if clientPort < 1024 {
      clientPort = 1024
      clientHost &+= 1
    }
  }

  private func send(
    _ isClient: Bool, _ flags: UInt8, _ sequence: UInt32, _ acknowledgement: UInt32,
    _ payload: UnsafeRawBufferPointer?
  ) {
    let header = transport == 6 ? 20 : 8
    let count = payload?.count ?? 0
    let length = 14 + 20 + header + count
    let serverPort = port
    let (host, near) = (clientHost, clientPort)
    frame.withUnsafeMutableBytes { bytes in
      func put(_ value: UInt16, _ at: Int) {
        bytes[at] = UInt8(truncatingIfNeeded: value &>> 8)
        bytes[at + 1] = UInt8(truncatingIfNeeded: value)
      }
      put(UInt16(truncatingIfNeeded: 20 + header + count), 16)
      // 10.1.h.h is the client, 10.0.0.2 the server.
      for (place, isNear) in [(26, isClient), (30, !isClient)] {
        put(isNear ? 0x0a01 : 0x0a00, place)
        put(isNear ? host : 2, place + 2)
      }
      put(isClient ? near : serverPort, 34)
      put(isClient ? serverPort : near, 36)
      if header == 20 {
        put(UInt16(truncatingIfNeeded: sequence &>> 16), 38)
        put(UInt16(truncatingIfNeeded: sequence), 40)
        put(UInt16(truncatingIfNeeded: acknowledgement &>> 16), 42)
        put(UInt16(truncatingIfNeeded: acknowledgement), 44)
        put(0x5000 | UInt16(flags), 46)
        put(0xffff, 48)
        put(0, 50)
        put(0, 52)
      } else {
        put(UInt16(truncatingIfNeeded: 8 + count), 38)
        put(0, 40)
      }
      if let base = payload?.baseAddress, count > 0 {
        bytes.baseAddress?.advanced(by: 34 + header).copyMemory(from: base, byteCount: count)
      }
      engine.take(
        UnsafeRawBufferPointer(rebasing: bytes[0..<length]), linkType: .ethernet,
        wireLength: UInt32(length), time: clock)
    }
  }
}
