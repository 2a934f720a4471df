import CZlib
import CZstd
import Capture
import Glibc
import Packets
import Terms
import Testing

/// What came of reading a capture to its end.
struct Reading {
  var frames: [TestFrame] = []
  var fault: CaptureFault?
}

/// A nameless file that holds `bytes`, at its start.
func namelessFile(_ bytes: [UInt8]) throws -> Int32 {
  var template = Array("/tmp/beryl-capture-XXXXXX".utf8CString)
  let descriptor = mkstemp(&template)
  try #require(descriptor >= 0)
  unlink(template)
  var written = 0
  while written < bytes.count {
    let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    try #require(count > 0)
    written += count
  }
  lseek(descriptor, 0, SEEK_SET)
  return descriptor
}

func read(descriptor: Int32, batch: Int = 7) -> Reading {
  var reading = Reading()
  do throws(CaptureFault) {
    var file = try CaptureFile(fileDescriptor: descriptor, name: "test")
    while true {
      let before = reading.frames.count
      let count = try file.read(atMost: batch) { frame in
        reading.frames.append(
          TestFrame(
            nanoseconds: frame.time.nanoseconds, bytes: Array(frame.bytes),
            wireLength: frame.wireLength, linkType: frame.linkType.number))
      }
      #expect(count == reading.frames.count - before && count <= batch)
      guard count > 0 else { return reading }
    }
  } catch {
    reading.fault = error
  }
  return reading
}

func read(_ bytes: [UInt8]) throws -> Reading { read(descriptor: try namelessFile(bytes)) }

func zstd(_ bytes: [UInt8]) -> [UInt8] {
  var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
  let size = ZSTD_compress(&packed, packed.count, bytes, bytes.count, 3)
  return Array(packed.prefix(size))
}

func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var stream = z_stream()
  var input = bytes
  var packed = [UInt8](repeating: 0, count: bytes.count + 1024)
  deflateInit2_(
    &stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  return input.withUnsafeMutableBufferPointer { source in
    packed.withUnsafeMutableBufferPointer { sink in
      stream.next_in = source.baseAddress
      stream.avail_in = UInt32(source.count)
      stream.next_out = sink.baseAddress
      stream.avail_out = UInt32(sink.count)
      deflate(&stream, Z_FINISH)
      deflateEnd(&stream)
      return Array(sink.prefix(sink.count - Int(stream.avail_out)))
    }
  }
}

/// The generator of the mutation tests: SplitMix64 (Steele, Lea, Flood 2014).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

/// The project's own small capture, uncompressed.
func labCapture() throws -> [UInt8] {
  let path = String(#filePath).split(separator: "/").dropLast(2).map(String.init)
  var file = try CaptureFile(
    path: "/" + (path + ["Captures", "dmz-fragments.pcap.zst"]).joined(separator: "/"))
  var frames: [TestFrame] = []
  while true {
    let count = try file.read(atMost: 64) {
      frames.append(
        TestFrame(
          nanoseconds: $0.time.nanoseconds, bytes: Array($0.bytes), wireLength: $0.wireLength))
    }
    guard count > 0 else { return CaptureWriter.classic(frames) }
  }
}
