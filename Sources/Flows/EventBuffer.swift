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
    base = Self.room(capacity)
  }

  deinit { free(base) }

  /// A new event at the end, to be filled in before the next call.
  @inline(__always) mutating func append() -> UnsafeMutablePointer<FlowEvent> {
    if count == capacity { resize(to: capacity * 2) }
    let event = base + count
    event.initialize(to: FlowEvent())
    count &+= 1
    return event
  }

  /// Forgets the events; gives back the memory that one large batch took.
  mutating func clear() {
    count = 0
    if capacity > Self.initialCapacity * 4 { resize(to: Self.initialCapacity) }
  }

  /// `FlowEvent` is trivial, so the C library may move it, which for large blocks it does without
  /// copying. Out of memory ends the program, as with every allocation.
  private mutating func resize(to newCapacity: Int) {
    guard let moved = realloc(base, newCapacity * MemoryLayout<FlowEvent>.stride) else {
      preconditionFailure("no memory for \(newCapacity) flow events")
    }
    base = moved.bindMemory(to: FlowEvent.self, capacity: newCapacity)
    capacity = newCapacity
  }

  private static func room(_ count: Int) -> UnsafeMutablePointer<FlowEvent> {
    guard let memory = malloc(count * MemoryLayout<FlowEvent>.stride) else {
      preconditionFailure("no memory for \(count) flow events")
    }
    return memory.bindMemory(to: FlowEvent.self, capacity: count)
  }
}
