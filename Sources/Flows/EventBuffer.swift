import Glibc

/// Events that wait for the caller, in memory of their own.
struct EventBuffer: ~Copyable {
  /// Events after which the caller is asked to drain.
  static let drainThreshold = 2048
  private static let initialCapacity = 4096

  private(set) var base: UnsafeMutablePointer<FlowEvent>
  private(set) var count = 0
  private var capacity: Int

  init() {
    capacity = Self.initialCapacity
    base = .allocate(capacity: capacity)
  }

  deinit { base.deallocate() }

  @inline(__always) mutating func append(_ event: FlowEvent) {
    if count == capacity { grow(to: capacity * 2) }
    (base + count).initialize(to: event)
    count &+= 1
  }

  /// Forgets the events; gives back the memory that one large batch took.
  mutating func clear() {
    count = 0
    if capacity > Self.initialCapacity * 4 { grow(to: Self.initialCapacity) }
  }

  /// `FlowEvent` is trivial: moving it is copying it.
  private mutating func grow(to newCapacity: Int) {
    let larger = UnsafeMutablePointer<FlowEvent>.allocate(capacity: newCapacity)
    larger.moveInitialize(from: base, count: count)
    base.deallocate()
    base = larger
    capacity = newCapacity
  }
}
