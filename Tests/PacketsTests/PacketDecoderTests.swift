import Packets
import Terms
import Testing

@Suite struct PacketDecoderTests {
  @Test(arguments: SampleFrame.all) func soundFramesDecodeWithoutMalformation(frame: SampleFrame) {
    let packet = decode(frame.bytes, frame.linkType)
    #expect(packet.malformations.isEmpty, "\(packet.malformations)")
    #expect(packet.content != .other)
    #expect(packet.index == 3 && packet.time.nanoseconds == 5)
  }

  @Test func eachLayerSaysWhatItsBytesSay() throws {
    let qinq = decode(try #require(SampleFrame.all.first { $0.description == "qinq" }).bytes)
    #expect(qinq.vlan == 6 && qinq.sourceMAC == MACAddress("02:00:00:00:00:01"))
    #expect(qinq.source == IPAddress("2001:db8::1") && qinq.target == IPAddress("2001:db8::2"))
    #expect(qinq.sourcePort == 5353 && qinq.targetPort == 53 && qinq.payloadLength == 3)
    let syn = decode(
      try #require(SampleFrame.all.first { $0.description == "tcp options" }).bytes)
    #expect(syn.tcpFlags == .syn && syn.sequence == 7 && syn.acknowledgement == 9)
    #expect(syn.window == 1024 && syn.payloadLength == 0 && syn.timeToLive == 64)
    let arp = decode(try #require(SampleFrame.all.first { $0.description == "arp" }).bytes)
    #expect(arp.content == .arp && arp.arpOperation == 2 && arp.source == IPAddress("10.0.0.1"))
    #expect(arp.arpTarget == MACAddress("02:00:00:00:00:02"))
    let chain = decode(
      try #require(SampleFrame.all.first { $0.description == "extensions" }).bytes)
    #expect(chain.content == .ip && chain.transport == .tcp && chain.payloadLength == 2)
    let sctp = decode(try #require(SampleFrame.all.first { $0.description == "sctp" }).bytes)
    #expect(sctp.sctpChunk == 1 && sctp.sourcePort == 2905)
  }

  @Test func fragmentsKeepTheirDataAndShowAWholeTransportHeader() throws {
    let first = decode(
      try #require(SampleFrame.all.first { $0.description == "first fragment" }).bytes)
    #expect(first.content == .fragment && first.moreFragments && first.fragmentID == 77)
    #expect(first.targetPort == 53 && first.payloadLength == 32)
    #expect(first.payloadOffset == first.transportOffset)
    let later = decode(
      try #require(SampleFrame.all.first { $0.description == "later fragment" }).bytes)
    #expect(later.fragmentOffset == 32 && later.payloadLength == 3 && !later.hasTransport)
  }

  @Test func paddingIsNoPayload() {
    let bare = FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(6, FrameBuilder.tcp()))
    let packet = decode(bare + [UInt8](repeating: 0xff, count: 6))
    #expect(packet.payloadLength == 0 && packet.malformations.isEmpty)
  }

  @Test func aSnapLengthCutsPayloadButIsNoMalformation() {
    let data = [UInt8](repeating: 1, count: 1000)
    let frame = FrameBuilder.ethernet(0x800, FrameBuilder.ipv4(17, FrameBuilder.udp(data)))
    let packet = decode(Array(frame.prefix(96)), wireLength: frame.count)
    #expect(packet.malformations.isEmpty)
    #expect(packet.payloadLength == 54 && packet.statedPayloadLength == 1000)
  }

  @Test(arguments: ["unreachable", "too big"]) func anErrorQuotesThePacketItIsAbout(name: String)
    throws
  {
    let frame = try #require(SampleFrame.all.first { $0.description == name })
    let packet = decode(frame.bytes)
    // Only the 8 bytes that RFC 792 promises of the quoted transport header.
    let header = name == "too big" ? 40 : 20
    let cut = Int(packet.payloadOffset) + header + 8
    var short = packet
    short.payloadLength = UInt16(header + 8)
    var inner = Packet()
    let isQuoted = frame.bytes.prefix(cut).withUnsafeBytes {
      PacketDecoder.decodeEmbedded($0, of: short, into: &inner)
    }
    #expect(isQuoted && inner.hasTransport)
    #expect(inner.sourcePort == (name == "too big" ? 5353 : 40_000))
    #expect(inner.source == packet.source && inner.index == packet.index)
    let isFromNothing = decodeEmbedded(in: [], of: short)
    #expect(!isFromNothing)
  }

  private func decodeEmbedded(in frame: [UInt8], of error: Packet) -> Bool {
    var inner = Packet()
    return frame.withUnsafeBytes {
      PacketDecoder.decodeEmbedded($0, of: error, into: &inner)
    }
  }

  @Test func aReassembledDatagramDecodesAsIfItHadNeverBeenCut() {
    let segment = FrameBuilder.tcp([1, 2, 3, 4])
    var packet = decode(
      FrameBuilder.ethernet(
        0x800, FrameBuilder.ipv4(6, Array(segment.prefix(8)), fragment: 0x2000)))
    #expect(packet.malformations == Malformations(.fragmentTiny))
    segment.withUnsafeBytes { PacketDecoder.decodeReassembled($0, into: &packet) }
    #expect(packet.content == .ip && packet.targetPort == 80 && packet.payloadLength == 4)
    #expect(packet.malformations.isEmpty && packet.payloadOffset == 20)
  }
}
