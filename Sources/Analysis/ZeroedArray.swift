import Glibc

/// An array of fixed length whose elements are all zero bytes at first, and which takes room only
/// where it is touched: a large table that stays nearly empty costs nothing.
@frozen public struct ZeroedArray<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  // Sendable because a storage is written only while one array alone refers to it.
  @usableFromInline var storage: Storage

  public init(count: Int) { storage = Storage(count: count) }

  @inlinable public var count: Int { storage.count }

  /// Elements to read.
  @inlinable public var elements: UnsafePointer<Element> { UnsafePointer(storage.elements) }

  /// Elements to change. Valid until the next call; copies of the array keep their own.
  @inlinable public mutating func mutableElements() -> UnsafeMutablePointer<Element> {
    if !isKnownUniquelyReferenced(&storage) { storage = Storage(copying: storage) }
    return storage.elements
  }

  @usableFromInline final class Storage {
    /// One line of the processor's cache, in bytes.
    private static var alignment: Int { 64 }
    /// Bytes from which the kernel hands out pages of its own, zero until they are touched.
    private static var pagesFrom: Int { 64 << 10 }

    @usableFromInline let elements: UnsafeMutablePointer<Element>
    @usableFromInline let count: Int
    private let byteCount: Int

    /// Ends the program when memory is exhausted, as every allocation does.
    init(count: Int) {
      self.count = count
      byteCount = max(count &* MemoryLayout<Element>.stride, 1)
      var memory: UnsafeMutableRawPointer?
      if byteCount >= Self.pagesFrom {
        memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if memory == MAP_FAILED { memory = nil }
      } else if posix_memalign(&memory, Self.alignment, byteCount) == 0 {
        memory?.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
      }
      guard let memory else { preconditionFailure("no memory for \(byteCount) bytes") }
      elements = memory.bindMemory(to: Element.self, capacity: count)
    }

    @usableFromInline convenience init(copying other: Storage) {
      self.init(count: other.count)
      elements.update(from: other.elements, count: count)
    }

    deinit {
      if byteCount >= Self.pagesFrom { munmap(elements, byteCount) } else { free(elements) }
    }
  }
}
