import Capture
import Packets
import Terms
import Testing

@Suite struct MutatedCaptureTests {
  /// Mutated captures per form: 1,200 in all.
  private static let rounds: UInt64 = 300

  @Test func theLabCaptureHoldsWhatItsReadmeSays() throws {
    var transports: [TransportProtocol: Int] = [:]
    var fragments = 0
    var malformed = MalformationCounts()
    var packet = Packet()
    for frame in try read(try labCapture()).frames {
      frame.bytes.withUnsafeBytes {
        PacketDecoder.decode(
          $0, linkType: .ethernet, wireLength: frame.wireLength, time: CaptureTime(nanoseconds: 0),
          index: 0, into: &packet)
      }
      malformed.count(packet.malformations)
      if packet.content == .ip { transports[packet.transport, default: 0] += 1 }
      if packet.content == .fragment { fragments += 1 }
    }
    #expect(transports == [.tcp: 70, .udp: 24, .icmp: 26] && fragments == 36)
    #expect(malformed.met.map(\.malformation) == [.fragmentPastEnd, .fragmentLength])
    #expect(malformed[.fragmentPastEnd] == 3 && malformed[.fragmentLength] == 15)
  }

  @Test(arguments: ["classic", "blocks", "gzip", "zstd"])
  func aMutatedCaptureIsReadToItsFault(form: String) throws {
    let plain = try labCapture()
    let whole = try read(plain)
    try #require(whole.fault == nil && whole.frames.count == 156)
    let original =
      switch form {
      case "blocks": CaptureWriter.blocks(whole.frames)
      case "gzip": gzip(plain)
      case "zstd": zstd(plain)
      default: plain
      }
    for seed in 0..<Self.rounds {
      var generator = SeededGenerator(state: seed)
      var bytes = original
      var first = bytes.count
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let at = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[at] ^= UInt8.random(in: 1...255, using: &generator)
        first = min(first, at)
      }
      let reading = try read(bytes)
      expectSound(reading, form: form, seed: seed, size: bytes.count)
      // Plain forms: whatever lies wholly before the first changed byte is delivered unchanged.
      guard form == "classic" || form == "blocks" else { continue }
      let untouched = try read(Array(bytes[..<first])).frames.count
      #expect(reading.frames.count >= untouched, "\(form), seed \(seed)")
      #expect(reading.frames.prefix(untouched) == whole.frames.prefix(untouched))
    }
  }

  /// Every frame decodes, and a fault says where it lies.
  private func expectSound(_ reading: Reading, form: String, seed: UInt64, size: Int) {
    var packet = Packet()
    var inner = Packet()
    for (index, frame) in reading.frames.enumerated() {
      frame.bytes.withUnsafeBytes { bytes in
        PacketDecoder.decode(
          bytes, linkType: LinkType(number: frame.linkType), wireLength: frame.wireLength,
          time: CaptureTime(nanoseconds: frame.nanoseconds), index: UInt64(index), into: &packet)
        _ = PacketDecoder.decodeEmbedded(bytes, of: packet, into: &inner)
      }
      let end = Int(packet.payloadOffset) + Int(packet.payloadLength)
      #expect(end <= frame.bytes.count, "\(form), seed \(seed), frame \(index)")
    }
    guard let fault = reading.fault else { return }
    let location = fault.location
    #expect(location?.packet == UInt64(reading.frames.count), "\(form), seed \(seed)")
    if form == "classic" || form == "blocks" {
      #expect((location?.byte ?? .max) <= UInt64(size), "\(form), seed \(seed)")
    }
  }
}
