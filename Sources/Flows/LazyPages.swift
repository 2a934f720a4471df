import Glibc

/// Zeroed memory that takes room only where it is touched, on huge pages when it is large.
///
/// Holds trivial values only; freed by whoever made it.
enum LazyPages {
  /// Below this, huge pages would waste more than they save.
  private static let hugePageBytes = 2 << 20

  /// Room for `count` values of type `Value`, all bytes zero. Ends the program when the address
  /// space is exhausted, as every allocation does.
  ///
  /// - Parameter isHuge: false where mostly little is touched, or in order: a huge page would be
  ///   cleared in vain.
  static func allocate<Value: BitwiseCopyable>(
    _ type: Value.Type, count: Int, isHuge: Bool = true
  ) -> UnsafeMutablePointer<Value> {
    let bytes = byteCount(type, count)
    let pages = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pages, pages != MAP_FAILED else {
      preconditionFailure("no memory for \(bytes) bytes")
    }
    if isHuge, bytes >= hugePageBytes { madvise(pages, bytes, MADV_HUGEPAGE) }
    return pages.bindMemory(to: type, capacity: count)
  }

  static func free<Value: BitwiseCopyable>(_ pages: UnsafeMutablePointer<Value>, count: Int) {
    munmap(pages, byteCount(Value.self, count))
  }

  private static func byteCount<Value>(_ type: Value.Type, _ count: Int) -> Int {
    max(count * MemoryLayout<Value>.stride, 1)
  }
}
