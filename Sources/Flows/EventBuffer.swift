import Glibc

/// Events that wait for the caller, in memory of their own.
struct EventBuffer: ~Copyable {
  /// Events after which the caller is asked to drain: few, so that they stay in the processor's cache
  /// until the engines have looked at them.
  static let drainThreshold = 512
  private static let initialCapacity = 2048

  private(set) var base: UnsafeMutablePointer<FlowEvent>
  /// The place of each event among those of the same time.
  private(set) var orders: UnsafeMutablePointer<EventOrder>
  private(set) var count = 0
  private var capacity: Int

  init() {
    capacity = Self.initialCapacity
    base = Self.room(capacity)
    orders = Self.room(capacity)
  }

  deinit {
    free(base)
    free(orders)
  }

  /// A new event at the end, to be filled in before the next call: every field, for nothing stands
  /// there yet.
  @inline(__always) mutating func append(
    at order: EventOrder
  ) -> UnsafeMutablePointer<FlowEvent> {
    if count == capacity { resize(to: capacity * 2) }
    orders[count] = order
    let event = base + count
    count &+= 1
    return event
  }

  /// Forgets the events; gives back the memory that one large batch took.
  mutating func clear() {
    count = 0
    if capacity > Self.initialCapacity * 4 { resize(to: Self.initialCapacity) }
  }

  private mutating func resize(to newCapacity: Int) {
    base = Self.moved(base, newCapacity)
    orders = Self.moved(orders, newCapacity)
    capacity = newCapacity
  }

  /// Trivial values may be moved by the C library, which does so without copying for large blocks.
  /// Out of memory ends the program, as with every allocation.
  private static func moved<Value: BitwiseCopyable>(
    _ old: UnsafeMutablePointer<Value>, _ count: Int
  ) -> UnsafeMutablePointer<Value> {
    guard let moved = realloc(old, count * MemoryLayout<Value>.stride) else {
      preconditionFailure("no memory for \(count) flow events")
    }
    return moved.bindMemory(to: Value.self, capacity: count)
  }

  private static func room<Value: BitwiseCopyable>(_ count: Int) -> UnsafeMutablePointer<Value> {
    guard let memory = malloc(count * MemoryLayout<Value>.stride) else {
      preconditionFailure("no memory for \(count) flow events")
    }
    return memory.bindMemory(to: Value.self, capacity: count)
  }
}
