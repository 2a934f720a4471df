import CZlib

/// Decompresses a body as it comes: gzip, zlib, or deflate without a head.
final class Inflater {
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private var isOpen = false
  private var isRaw = false
  private var hasBegun = false

  init() {
    stream.initialize(to: z_stream())
    isOpen = open(window: 15 + 32)
  }

  deinit {
    if isOpen { inflateEnd(stream) }
    stream.deallocate()
  }

  private func open(window: Int32) -> Bool {
    inflateInit2_(stream, window, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
  }

  func inflate(_ bytes: UnsafeRawBufferPointer, into store: ByteStore, limit: Int) {
    guard isOpen, let base = bytes.baseAddress else { return }
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: base.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(truncatingIfNeeded: bytes.count)
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { room in
      while stream.pointee.avail_in > 0, store.count < limit {
        stream.pointee.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(min(room.count, limit - store.count))
        let before = stream.pointee.avail_out
        let result = CZlib.inflate(stream, Z_NO_FLUSH)
        let count = Int(before - stream.pointee.avail_out)
        store.append(UnsafeRawBufferPointer(rebasing: room[..<count]))
        if result == Z_DATA_ERROR, !hasBegun, !isRaw {
          // Some servers send deflate without its head.
          inflateEnd(stream)
          isRaw = true
          isOpen = open(window: -15)
          stream.pointee.next_in = UnsafeMutablePointer(
            mutating: base.assumingMemoryBound(to: UInt8.self))
          stream.pointee.avail_in = UInt32(truncatingIfNeeded: bytes.count)
          continue
        }
        if count > 0 { hasBegun = true }
        guard result == Z_OK else { break }
      }
    }
  }
}
