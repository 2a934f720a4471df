import CZlib
import CZstd

/// How a capture file is packed.
enum Compression {
  case none
  case gzip(GzipStream)
  case zstd(ZstdStream)

  /// By the first four bytes of the file (RFC 1952, RFC 8878; zstd also begins with skippable
  /// frames).
  init(magic: UInt32) throws(CaptureFault.Reason) {
    if magic & 0xffff == 0x8b1f {
      self = .gzip(try GzipStream())
    } else if magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50 {
      self = .zstd(try ZstdStream())
    } else {
      self = .none
    }
  }
}

/// What one step of decompression did.
struct DecompressionStep {
  var consumed: Int
  var produced: Int
}

/// A gzip file of any number of members.
final class GzipStream {
  private var stream = z_stream()
  /// Between members, where the file may end.
  private(set) var mayEnd = false

  init() throws(CaptureFault.Reason) {
    // 15: the largest window; 16: gzip, no bare zlib.
    let version = ZLIB_VERSION
    guard inflateInit2_(&stream, 15 + 16, version, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw .compression("zlib does not start") }
  }

  deinit { inflateEnd(&stream) }

  func step(
    _ input: UnsafeMutableRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CaptureFault.Reason) -> DecompressionStep {
    var skipped = 0
    if mayEnd {
      // Tapes and some tools pad with zeros behind the last member.
      while skipped < input.count, input[skipped] == 0 { skipped += 1 }
      guard skipped < input.count else { return DecompressionStep(consumed: skipped, produced: 0) }
      inflateReset(&stream)
      mayEnd = false
    }
    let rest = UnsafeMutableRawBufferPointer(rebasing: input[skipped...])
    stream.next_in = rest.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_in = UInt32(clamping: rest.count)
    stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = UInt32(clamping: output.count)
    let result = inflate(&stream, Z_NO_FLUSH)
    guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
      throw .compression(stream.msg.map { String(cString: $0) } ?? "zlib error \(result)")
    }
    mayEnd = result == Z_STREAM_END
    return DecompressionStep(
      consumed: input.count - Int(stream.avail_in), produced: output.count - Int(stream.avail_out))
  }
}

/// A zstd file of any number of frames. libzstd refuses windows above 128 MiB, which bounds its
/// memory.
final class ZstdStream {
  private let stream: OpaquePointer
  /// Between frames, where the file may end.
  private(set) var mayEnd = false

  init() throws(CaptureFault.Reason) {
    guard let stream = ZSTD_createDStream() else { throw .compression("zstd does not start") }
    self.stream = stream
  }

  deinit { ZSTD_freeDStream(stream) }

  func step(
    _ input: UnsafeMutableRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(CaptureFault.Reason) -> DecompressionStep {
    // Asked again behind a frame, libzstd would begin to wait for a next one.
    if mayEnd, input.isEmpty { return DecompressionStep(consumed: 0, produced: 0) }
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var sink = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let result = ZSTD_decompressStream(stream, &sink, &source)
    guard ZSTD_isError(result) == 0 else {
      throw .compression(String(cString: ZSTD_getErrorName(result)))
    }
    mayEnd = result == 0
    return DecompressionStep(consumed: source.pos, produced: sink.pos)
  }
}
