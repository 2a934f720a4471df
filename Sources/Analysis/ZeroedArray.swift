import Glibc

/// An array of fixed length whose elements are all zero bytes at first: a table that is looked up all
/// over, on huge pages that it shares with others (see `TablePages`) unless it is very large; then it
/// takes room only where it is touched.
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
    /// Bytes from which an array is a table.
    private static var tableFrom: Int { 16 << 10 }

    @usableFromInline let elements: UnsafeMutablePointer<Element>
    @usableFromInline let count: Int
    private let byteCount: Int
    private let memory: Memory

    private enum Memory {
      case allocated
      case shared(TablePages)
      case mapped
    }

    /// Ends the program when memory is exhausted, as every allocation does.
    init(count: Int) {
      self.count = count
      byteCount = max(count &* MemoryLayout<Element>.stride, 1)
      var start: UnsafeMutableRawPointer?
      if byteCount < Self.tableFrom {
        memory = .allocated
        if posix_memalign(&start, Self.alignment, byteCount) == 0 {
          start?.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
        }
      } else if let room = TablePages.room(byteCount) {
        memory = .shared(room.pages)
        start = room.memory
      } else {
        memory = .mapped
        start = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        if start == MAP_FAILED { start = nil }
      }
      guard let start else { preconditionFailure("no memory for \(byteCount) bytes") }
      elements = start.bindMemory(to: Element.self, capacity: count)
    }

    @usableFromInline convenience init(copying other: Storage) {
      self.init(count: other.count)
      elements.update(from: other.elements, count: count)
    }

    deinit {
      switch memory {
      case .allocated: free(elements)
      case .shared: break
      case .mapped: munmap(elements, byteCount)
      }
    }
  }
}
