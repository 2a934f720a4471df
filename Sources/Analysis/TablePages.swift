import Glibc
import Synchronization

/// Huge pages on which tables stand together: hash tables are looked up all over, and on small pages
/// nearly every look would have the processor search for the page first. One table alone would
/// leave most of a huge page unused.
///
/// Room is given once and never again, so that it is zero; a region goes when the last table that
/// stands on it has gone.
final class TablePages: @unchecked Sendable {
  // Sendable because room is given only under the lock of `newest`.
  private static let pageBytes = 2 << 20
  /// Address space of a region; pages take room when they are touched.
  private static let regionBytes = 16 << 20
  /// Tables of more bytes stand alone.
  private static let tableLimit = 4 << 20
  /// One line of the processor's cache, in bytes.
  private static let alignment = 64
  private static let newest = Mutex<TablePages?>(nil)

  private let mapping: UnsafeMutableRawPointer
  private let start: UnsafeMutableRawPointer
  private var used = 0

  /// nil when the address space is exhausted.
  private init?() {
    let bytes = Self.regionBytes + Self.pageBytes
    let mapping = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapping, mapping != MAP_FAILED else { return nil }
    self.mapping = mapping
    start = mapping.alignedUp(toMultipleOf: Self.pageBytes)
    madvise(start, Self.regionBytes, MADV_HUGEPAGE)
  }

  deinit { munmap(mapping, Self.regionBytes + Self.pageBytes) }

  /// Zeroed room, and the region to hold on to as long as it is used; nil where there is none for a
  /// table of so many bytes.
  static func room(_ bytes: Int) -> (memory: UnsafeMutableRawPointer, pages: TablePages)? {
    guard bytes <= tableLimit else { return nil }
    let wanted = (bytes + alignment - 1) & ~(alignment - 1)
    return newest.withLock { newest in
      if newest.map({ $0.used + wanted > regionBytes }) ?? true { newest = TablePages() }
      guard let pages = newest else { return nil }
      defer { pages.used += wanted }
      return (pages.start + pages.used, pages)
    }
  }
}
