import Glibc

/// A sliding window over the bytes of a capture file, uncompressed: filled by blocks, read in
/// place.
///
/// Owns its descriptor. Works on pipes: it only ever reads forward.
struct CaptureWindow: ~Copyable {
  /// One `read`, in bytes: stays in the second-level cache, and larger brings nothing.
  private static let blockSize = 256 * 1024
  /// Room for the longest block that is read as a whole, behind the rest of the one before it.
  static let capacity = 512 * 1024

  private let descriptor: Int32
  private let closes: Bool
  private let buffer: UnsafeMutableRawPointer
  /// Packed bytes before decompression; only for compressed files.
  private var packed: UnsafeMutableRawPointer?
  private var packedStart = 0
  private var packedEnd = 0
  private var compression = Compression.none
  private var hasEnded = false
  /// Uncompressed bytes that were dropped from the front of the buffer.
  private var dropped: UInt64 = 0
  private var position = 0
  private var end = 0
  /// Bytes taken from the descriptor.
  private(set) var bytesRead: UInt64 = 0
  /// The file's size, when it is a regular file.
  let totalBytes: UInt64?

  init(descriptor: Int32, closes: Bool) {
    self.descriptor = descriptor
    self.closes = closes
    buffer = .allocate(byteCount: Self.capacity, alignment: 4096)
    var status = stat()
    let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    totalBytes = isRegular ? UInt64(clamping: status.st_size) : nil
  }

  deinit {
    if closes { close(descriptor) }
    buffer.deallocate()
    packed?.deallocate()
  }

  /// The unread bytes; valid until the next call that fills.
  var unread: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: buffer + position, count: end - position)
  }

  /// Bytes from the start of the uncompressed capture.
  var offset: UInt64 { dropped + UInt64(position) }

  /// Steps over `count` bytes, which must be unread.
  mutating func advance(_ count: Int) { position += count }

  /// Makes `count` bytes (at most `capacity`) unread; false when the capture ends before.
  mutating func require(_ count: Int) throws(CaptureFault.Reason) -> Bool {
    while end - position < count {
      guard try fill() else { return false }
    }
    return true
  }

  /// Steps over `count` bytes however many they are; returns how many were there.
  mutating func skip(_ count: Int) throws(CaptureFault.Reason) -> Int {
    var rest = count
    while rest > 0 {
      if position == end, try !fill() { break }
      let step = min(rest, end - position)
      position += step
      rest -= step
    }
    return count - rest
  }

  /// Recognises compression by the file's first bytes; call once, before anything is consumed.
  mutating func recogniseCompression() throws(CaptureFault.Reason) {
    guard try require(4) else { return }
    let magic = UInt32(littleEndian: buffer.loadUnaligned(as: UInt32.self))
    compression = try Compression(magic: magic)
    if case .none = compression { return }
    let store = UnsafeMutableRawPointer.allocate(byteCount: Self.capacity, alignment: 4096)
    store.copyMemory(from: buffer, byteCount: end)
    packed = store
    packedEnd = end
    end = 0
  }

  /// Brings more bytes; false at the end of the capture.
  mutating func fill() throws(CaptureFault.Reason) -> Bool {
    if position > 0 {
      memmove(buffer, buffer + position, end - position)
      dropped += UInt64(position)
      end -= position
      position = 0
    }
    guard end < Self.capacity else { return false }
    guard let packed else {
      let count = try readBlock(into: buffer + end, Self.capacity - end)
      end += count
      return count > 0
    }
    return try decompress(from: packed)
  }

  private mutating func decompress(
    from packed: UnsafeMutableRawPointer
  ) throws(CaptureFault.Reason) -> Bool {
    while true {
      let step = try decompressStep(packed)
      packedStart += step.consumed
      end += step.produced
      if step.produced > 0 { return true }
      if packedStart < packedEnd {
        guard step.consumed > 0 else { throw .compression("no progress") }
        continue
      }
      packedStart = 0
      packedEnd = try readBlock(into: packed, Self.capacity)
      guard packedEnd == 0 else { continue }
      guard mayEnd else { throw .compression("the data end early") }
      return false
    }
  }

  private var mayEnd: Bool {
    switch compression {
    case .none: true
    case .gzip(let stream): stream.mayEnd
    case .zstd(let stream): stream.mayEnd
    }
  }

  private func decompressStep(
    _ packed: UnsafeMutableRawPointer
  ) throws(CaptureFault.Reason) -> DecompressionStep {
    let input = UnsafeMutableRawBufferPointer(
      start: packed + packedStart, count: packedEnd - packedStart)
    let output = UnsafeMutableRawBufferPointer(
      start: buffer + end, count: min(Self.blockSize, Self.capacity - end))
    switch compression {
    case .none: return DecompressionStep(consumed: 0, produced: 0)
    case .gzip(let stream): return try stream.step(input, into: output)
    case .zstd(let stream): return try stream.step(input, into: output)
    }
  }

  /// One `read` of at most a block; 0 at the end of the file.
  private mutating func readBlock(
    into target: UnsafeMutableRawPointer, _ room: Int
  ) throws(CaptureFault.Reason) -> Int {
    guard !hasEnded else { return 0 }
    while true {
      let count = read(descriptor, target, min(Self.blockSize, room))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .cannotRead(String(cString: strerror(errno))) }
      hasEnded = count == 0
      bytesRead += UInt64(count)
      return count
    }
  }
}
