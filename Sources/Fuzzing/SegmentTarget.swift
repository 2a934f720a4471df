import Flows
import Packets
import Terms

/// Reassembly and defragmentation: an input is a script of segments and fragments of one small
/// stream, five bytes each (what, where, how long, what with, flags).
final class SegmentTarget: FuzzTarget {
  private var engine: FlowEngine
  private var clock = CaptureTime(seconds: 1)
  private var port = 1024

  init() {
    var limits = FlowLimits.standard
    limits.capacity = 64
    limits.sessions.sessions = 16
    limits.datagrams = 16
    engine = FlowEngine(limits: limits)
    super.init(
      "segments",
      seeds: [
        [0, 0, 20, 0, 0x18, 0, 20, 20, 20, 0x18, 1, 0, 40, 0, 0x10],
        [0, 20, 20, 20, 0x18, 0, 0, 20, 0, 0x18, 0, 10, 5, 99, 0x38, 2, 0, 0, 0, 4],
        [3, 0, 24, 0, 1, 3, 3, 24, 0, 1, 3, 6, 9, 0, 0], [4, 0, 24, 0, 1, 4, 3, 9, 9, 0],
      ])
  }

  override func consume(_ input: UnsafeRawBufferPointer) {
    port = port == 65_000 ? 1024 : port + 1
    clock = clock + .milliseconds(500)
    give(FuzzFrames.ip4(6, tcp(true, 0, [], 2)))
    give(FuzzFrames.ip4(6, tcp(false, 0, [], 0x12)))
    var at = 0
    while at + 5 <= input.count, at < 500 {
      step(input[at], Int(input[at + 1]), Int(input[at + 2]), input[at + 3], input[at + 4])
      at += 5
    }
    engine.flush()
    engine.clearSessionEvents()
    engine.clearEvents()
  }

  override var understood: UInt64 { engine.statistics.fragments.reassembled }

  private func step(_ what: UInt8, _ place: Int, _ count: Int, _ with: UInt8, _ flags: UInt8) {
    let text = (0..<count).map { with &+ UInt8(truncatingIfNeeded: place &+ $0) }
    switch what & 7 {
    case 0, 2: give(FuzzFrames.ip4(6, tcp(true, place + 1, text, flags)))
    case 1: give(FuzzFrames.ip4(6, tcp(false, place + 1, text, flags)))
    case 3, 4:
      let more = flags & 1 == 1 ? 0x2000 : 0
      give(FuzzFrames.ip4(what & 7 == 3 ? 17 : 6, text, id: Int(with), fragment: place | more))
    case 5:
      let more: UInt8 = flags & 1
      let header: [UInt8] = [6, 0] + FuzzFrames.word(place << 3 | Int(more)) + [0, 0, 0, with]
      give(FuzzFrames.ip6(44, header + text), type: 0x86dd)
    case 6: clock = clock + .milliseconds(count * 20)
    default: give(FuzzFrames.ip4(6, tcp(true, place << 12 + 1, text, flags)))
    }
  }

  /// Sequence numbers wrap soon after the start.
  private func tcp(_ isClient: Bool, _ offset: Int, _ payload: [UInt8], _ flags: UInt8) -> [UInt8] {
    let ports = isClient ? FuzzFrames.word(port) + [0, 80] : [0, 80] + FuzzFrames.word(port)
    let sequence = UInt32.max &- 60 &+ UInt32(truncatingIfNeeded: offset)
    let number = FuzzFrames.word(Int(sequence >> 16)) + FuzzFrames.word(Int(sequence & 0xffff))
    let other = UInt32.max &- 60 &+ 1
    let acknowledged = FuzzFrames.word(Int(other >> 16)) + FuzzFrames.word(Int(other & 0xffff))
    return ports + number + acknowledged + [0x50, flags, 16, 0, 0, 0, 0, 5] + payload
  }

  private func give(_ packet: [UInt8], type: Int = 0x0800) {
    let frame = FuzzFrames.ethernet(type, packet)
    frame.withUnsafeBytes {
      _ = engine.take($0, linkType: .ethernet, wireLength: UInt32($0.count), time: clock)
    }
  }
}
