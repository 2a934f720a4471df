/// Flows that wait for an instant, in a ring. All wait equally long, so the order of arrival is the
/// order of deadlines.
struct DeadlineQueue: ~Copyable {
  struct Entry: BitwiseCopyable {
    /// Nanoseconds since 1970.
    var deadline: Int64
    /// Place of the flow in the table.
    var place: UInt32
    /// Low bits of the index of the packet that the wait began with: another flow may have taken
    /// the place.
    var stamp: UInt32
  }

  private let entries: UnsafeMutablePointer<Entry>
  private let mask: Int
  private var head = 0
  private var tail = 0

  /// - Parameter capacity: rounded up to a power of two.
  init(capacity: Int) {
    let count = 1 << (Int.bitWidth - max(capacity - 1, 1).leadingZeroBitCount)
    entries = LazyPages.allocate(Entry.self, count: count, isHuge: false)
    mask = count - 1
  }

  deinit { LazyPages.free(entries, count: mask + 1) }

  @inline(__always) var isEmpty: Bool { head == tail }
  @inline(__always) var isFull: Bool { tail &- head > mask }
  /// The next deadline, or `Int64.max`.
  @inline(__always) var next: Int64 { isEmpty ? .max : entries[head & mask].deadline }
  /// The last deadline; nil without any.
  var last: Int64? { isEmpty ? nil : entries[(tail &- 1) & mask].deadline }
  /// Places of the entries `distance` behind the head, for prefetching; nil behind the tail.
  @inline(__always) func place(behindHead distance: Int) -> Int? {
    tail &- head > distance ? Int(entries[(head &+ distance) & mask].place) : nil
  }

  /// The queue must not be full.
  @inline(__always) mutating func append(_ entry: Entry) {
    entries[tail & mask] = entry
    tail &+= 1
  }

  /// The queue must not be empty.
  @inline(__always) mutating func removeFirst() -> Entry {
    defer { head &+= 1 }
    return entries[head & mask]
  }
}
