import Capture
import Glibc
import Packets
import Terms
import Testing

@Suite struct CaptureFileTests {
  private let frames: [TestFrame] = (0..<20).map { index in
    let length = index * 7 % 60
    return TestFrame(
      nanoseconds: 1_700_000_000_000_000_000 + Int64(index) * 1_234_000,
      bytes: [UInt8](repeating: UInt8(index), count: length),
      wireLength: UInt32(length + index % 3))
  }

  @Test func everyVariantGivesTheSameFrames() throws {
    var packed = CaptureWriter(isSwapped: false)
    packed.section()
    packed.interface(resolution: 9)
    for frame in frames { packed.enhanced(frame, ticks: UInt64(frame.nanoseconds)) }
    var variants = [packed.bytes]
    for isSwapped in [false, true] {
      for isNano in [false, true] {
        variants.append(CaptureWriter.classic(frames, isSwapped: isSwapped, isNano: isNano))
      }
      variants.append(CaptureWriter.classic(frames, isSwapped: isSwapped, isModified: true))
      variants.append(CaptureWriter.blocks(frames, isSwapped: isSwapped))
    }
    for plain in variants {
      let half = plain.count / 2
      for bytes in [
        plain, gzip(plain), zstd(plain), gzip(plain) + [0, 0, 0],
        gzip(Array(plain[..<half])) + gzip(Array(plain[half...])),
        zstd(Array(plain[..<half])) + zstd(Array(plain[half...])),
      ] {
        let reading = try read(bytes)
        #expect(reading.fault == nil && reading.frames == frames)
      }
    }
  }

  @Test func sectionsAndInterfacesHaveTheirOwnOrderLinksAndClocks() throws {
    var frame = frames[3]
    var writer = CaptureWriter()
    writer.section()
    writer.interface(linkType: 101, resolution: 0x80 | 10, offset: 1_700_000_000)
    writer.interface(linkType: 113, resolution: 3)
    writer.enhanced(frame, ticks: 512)
    writer.enhanced(frame, interface: 1, ticks: 1_700_000_000_250)
    writer.isSwapped = true
    writer.section()
    writer.interface(linkType: 276)
    writer.obsolete(frame, ticks: 1_700_000_001_000_000)
    frame.wireLength = UInt32(frame.bytes.count)
    writer.simple(frame)
    let reading = try read(writer.bytes)
    #expect(reading.fault == nil)
    #expect(reading.frames.map(\.linkType) == [101, 113, 276, 276])
    let second: Int64 = 1_000_000_000
    #expect(
      reading.frames.map(\.nanoseconds) == [
        1_700_000_000 * second + second / 2, 1_700_000_000 * second + second / 4,
        1_700_000_001 * second, 1_700_000_001 * second,
      ])
    #expect(reading.frames.allSatisfy { $0.bytes == frame.bytes })
  }

  @Test(arguments: ["classic", "blocks", "gzip", "zstd"])
  func aCaptureCutAnywhereGivesAPrefixThenALocatedFault(form: String) throws {
    let plain =
      form == "blocks" ? CaptureWriter.blocks(frames) : CaptureWriter.classic(frames)
    let bytes = form == "gzip" ? gzip(plain) : form == "zstd" ? zstd(plain) : plain
    var clean = 0
    for length in 0..<bytes.count {
      let reading = try read(Array(bytes[..<length]))
      #expect(reading.frames == Array(frames.prefix(reading.frames.count)))
      guard let fault = reading.fault else {
        clean += 1
        continue
      }
      let location = try #require(fault.location)
      #expect(location.packet == UInt64(reading.frames.count))
      #expect(location.byte <= UInt64(plain.count) && fault.name == "test")
      #expect(form == "gzip" || form == "zstd" || location.byte <= UInt64(length))
    }
    // A cut between two records or blocks cannot be seen; inside compressed data every cut can.
    #expect(clean <= (form == "classic" ? 20 : form == "blocks" ? 24 : 0))
  }

  @Test func aPipeIsReadAsItIsWritten() throws {
    let bytes = CaptureWriter.classic(frames)
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let cut = 24 + 16 + 7
    #expect(bytes[..<cut].withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) } == cut)
    var file = try CaptureFile(fileDescriptor: ends[0], name: "pipe")
    // The first frame is lent although the pipe stays open and the second is not there.
    #expect(try file.read(atMost: 100) { _ in } == 1)
    #expect(bytes[cut...].withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) } > 0)
    close(ends[1])
    var count = 1
    while case let more = try file.read(atMost: 100, { _ in }), more > 0 { count += more }
    #expect(count == frames.count && file.packetCount == 20)
    #expect(file.bytesRead == UInt64(bytes.count) && file.totalBytes == nil)
  }

  @Test func faultsSayWhatIsWrongAndWhere() throws {
    func text(_ bytes: [UInt8]) throws -> String {
      let reading = try read(bytes)
      return try #require(reading.fault).description
    }
    #expect(try text([]) == "test: packet 0, byte 0: the file is empty")
    #expect(
      try text(Array("%PDF-1.4".utf8)) == "test: packet 0, byte 0: not a pcap or pcapng capture: "
        + "begins with 25 50 44 46 (\"%PDF\")")
    var long = CaptureWriter.classic(Array(frames.prefix(1)))
    long += [UInt8](repeating: 0xff, count: 16)
    #expect(
      try text(long)
        == "test: packet 1, byte 40: record of 4294967295 bytes, the limit is 262144")
    var blocks = CaptureWriter.blocks(Array(frames.prefix(2)))
    blocks[blocks.count - 4] ^= 4
    let differing = try text(blocks)
    #expect(differing.contains("packet 1") && differing.contains("differ"))
    var stray = CaptureWriter()
    stray.section()
    stray.enhanced(frames[1], interface: 3, ticks: 0)
    #expect(
      try text(stray.bytes)
        == "test: packet 0, byte 28: packet of interface 3, which is not described")
    #expect(throws: CaptureFault.self) { _ = try CaptureFile(path: "/nowhere/at all").name }
    #expect(throws: CaptureFault.self) { _ = try CaptureFile(path: "/").name }
  }
}
