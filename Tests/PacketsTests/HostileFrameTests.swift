import Packets
import Terms
import Testing

/// What must hold of any packet, whatever the bytes were.
private func expectSound(_ packet: Packet, _ captured: Int, _ comment: @autoclosure () -> String) {
  let payloadEnd = Int(packet.payloadOffset) + Int(packet.payloadLength)
  if payloadEnd > captured || packet.statedPayloadLength < packet.payloadLength {
    Issue.record("payload outside the frame: \(comment())")
  }
  if packet.hasTransport, packet.content != .ip, packet.content != .fragment {
    Issue.record("transport without network: \(comment())")
  }
  let hasTransport = packet.hasTransport && packet.transport == .tcp
  if packet.tcpFlags != [], !hasTransport { Issue.record("flags without TCP: \(comment())") }
}

@Suite struct HostileFrameTests {
  @Test(arguments: SampleFrame.all) func everyPrefixDecodesAndKeepsTheLayersBefore(
    frame: SampleFrame
  ) {
    let whole = decode(frame.bytes, frame.linkType)
    for length in 0..<frame.bytes.count {
      let bytes = Array(frame.bytes.prefix(length))
      let packet = decode(bytes, frame.linkType)
      expectSound(packet, length, "\(frame) cut to \(length)")
      #expect(!packet.malformations.isEmpty, "\(frame) cut to \(length)")
      #expect(packet.source == whole.source || packet.source == .unspecified)
      #expect(packet.sourcePort == whole.sourcePort || !packet.hasTransport)
      // The same bytes cut by a snap length are sound once all headers are there.
      let snapped = decode(bytes, frame.linkType, wireLength: frame.bytes.count)
      expectSound(snapped, length, "\(frame) snapped to \(length)")
      if whole.content != .arp, length >= Int(whole.payloadOffset) + 40 {
        #expect(snapped.malformations.isEmpty, "\(frame) snapped to \(length)")
      }
    }
  }

  @Test(arguments: SampleFrame.all) func everyMutationDecodes(frame: SampleFrame) {
    var generator = SeededGenerator(state: 1)
    var inner = Packet()
    for round in 0..<2000 {
      var bytes = frame.bytes
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let at = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[at] = UInt8.random(in: 0...255, using: &generator)
      }
      let wire = Int.random(in: 0...70_000, using: &generator)
      var packet = decode(bytes, frame.linkType, wireLength: wire)
      expectSound(packet, bytes.count, "\(frame), round \(round)")
      _ = bytes.withUnsafeBytes { PacketDecoder.decodeEmbedded($0, of: packet, into: &inner) }
      bytes.withUnsafeBytes { PacketDecoder.decodeReassembled($0, into: &packet) }
      expectSound(packet, bytes.count, "\(frame) reassembled, round \(round)")
    }
  }

  @Test func everyMalformationIsMetAndNamed() {
    for (malformation, frame, linkType) in MalformedFrame.all {
      let packet = decode(frame, linkType)
      #expect(packet.malformations.contains(malformation), "\(malformation)")
    }
    #expect(Set(MalformedFrame.all.map(\.0)) == Set(Malformation.allCases))
    #expect(Set(Malformation.allCases.map(\.name)).count == Malformation.allCases.count)
    #expect(Malformation.ipv4TotalLength.name == "ipv4-total-length")
  }

  @Test func countersCountEachMalformationOfAPacket() {
    var counts = MalformationCounts()
    counts.count([Malformations(.tcpOption), Malformations(.ipv4Option)])
    counts.count(Malformations(.tcpOption))
    counts.count(Malformations(rawValue: 1 << 63))
    #expect(counts[.tcpOption] == 2)
    #expect(counts.met.map(\.malformation) == [.ipv4Option, .tcpOption])
  }
}
