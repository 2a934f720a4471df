import Glibc

/// Bytes that grow; what was allocated is kept when they are cleared.
final class ByteStore {
  @exclusivity(unchecked) private(set) var base: UnsafeMutablePointer<UInt8>
  @exclusivity(unchecked) private(set) var count = 0
  @exclusivity(unchecked) private var capacity: Int

  /// What a store without room begins with.
  private static let first = 2048

  init(capacity: Int = 512) {
    self.capacity = capacity
    base = .allocate(capacity: capacity)
  }

  deinit { base.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  func bytes(_ span: Span) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + Int(span.start), count: Int(span.count))
  }

  /// The bytes held in excess of a small store.
  var weight: Int { capacity }

  func clear() {
    count = 0
    // A single large message must not keep its room for ever.
    if capacity > 1 << 15 { resize(1 << 12) }
  }

  func reserve(_ more: Int) {
    guard count + more > capacity else { return }
    resize(max(capacity == 0 ? Self.first : capacity * 2, count + more))
  }

  private func resize(_ wanted: Int) {
    let next = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
    next.update(from: base, count: min(count, wanted))
    base.deallocate()
    base = next
    capacity = wanted
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    guard let from = bytes.baseAddress, bytes.count > 0 else { return }
    reserve(bytes.count)
    memcpy(base + count, from, bytes.count)
    count += bytes.count
  }

  @inline(__always) func append(_ byte: UInt8) {
    if count == capacity { reserve(1) }
    base[count] = byte
    count &+= 1
  }

  func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Forgets the first bytes.
  func drop(_ dropped: Int) {
    guard dropped > 0 else { return }
    count = max(count - dropped, 0)
    memmove(base, base + dropped, count)
  }

  func cut(to kept: Int) { count = min(count, kept) }
}
