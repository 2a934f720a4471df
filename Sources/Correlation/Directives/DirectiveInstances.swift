import HeapModule
import Hierarchy
import Reports
import Terms

/// The live instances of all directives: found by address, bounded, each with a deadline.
struct DirectiveInstances: Sendable {
  /// Where an instance waits: for an address in a role, or (without one) for a directive's kinds.
  struct Key: Hashable, Sendable {
    var address: IPPrefix?
    var isSource: Bool

    func hash(into hasher: inout Hasher) {
      hasher.combine(address?.base.low ?? 0)
      hasher.combine((address?.base.high ?? 1) ^ (isSource ? 1 << 56 : 0))
    }
  }

  struct Due: Comparable, Sendable {
    var time: CaptureTime
    var serial: Int

    static func < (left: Due, right: Due) -> Bool {
      (left.time, left.serial) < (right.time, right.serial)
    }
  }

  private let capacity: Int
  private let perDirective: Int
  private var live: [Int: DirectiveInstance] = [:]
  private var counts: [Int]
  private var index: [Key: [Int]] = [:]
  private var deadlines = Heap<Due>()
  /// The deadline in force of each instance; older entries of the heap mean nothing.
  private var due: [Int: CaptureTime] = [:]
  private var serial = 0
  /// Instances that had to give way.
  private(set) var evicted: UInt64 = 0

  init(directives: Int, capacity: Int, perDirective: Int) {
    self.capacity = max(1, capacity)
    self.perDirective = max(1, perDirective)
    counts = Array(repeating: 0, count: directives)
  }

  var count: Int { live.count }

  var nextDeadline: CaptureTime { deadlines.min?.time ?? .distantFuture }

  /// The serials of the instances that wait for the key, in order of opening.
  func waiting(for key: Key) -> [Int] { index[key] ?? [] }

  subscript(serial: Int) -> DirectiveInstance? { live[serial] }

  /// Takes an instance out, to be put back by `put` or forgotten by `drop`.
  mutating func take(_ serial: Int) -> DirectiveInstance? { live.removeValue(forKey: serial) }

  mutating func add(_ instance: DirectiveInstance, due time: CaptureTime) {
    makeRoom(for: instance.directive)
    serial += 1
    counts[instance.directive] += 1
    for key in instance.keys { index[key, default: []].append(serial) }
    live[serial] = instance
    schedule(serial, time)
  }

  /// Puts an instance back, with `keys` new ones.
  mutating func put(
    _ instance: DirectiveInstance, _ serial: Int, adding keys: [Key], due time: CaptureTime
  ) {
    for key in keys {
      // Serials stay in order, whichever instance gained the key first.
      var list = index[key] ?? []
      let place = list.firstIndex { $0 > serial } ?? list.count
      list.insert(serial, at: place)
      index[key] = list
    }
    live[serial] = instance
    schedule(serial, time)
  }

  private mutating func schedule(_ serial: Int, _ time: CaptureTime) {
    guard due[serial] != time else { return }
    due[serial] = time
    if time < .distantFuture { deadlines.insert(Due(time: time, serial: serial)) }
  }

  /// The next instance whose deadline has come; nil when there is none.
  mutating func popDue(_ now: CaptureTime) -> Int? {
    while let first = deadlines.min, first.time <= now {
      deadlines.removeMin()
      guard live[first.serial] != nil, due[first.serial] == first.time else { continue }
      due[first.serial] = nil
      return first.serial
    }
    return nil
  }

  /// Forgets an instance that was taken out.
  mutating func drop(_ instance: DirectiveInstance, _ serial: Int) {
    counts[instance.directive] -= 1
    due[serial] = nil
    for key in instance.keys {
      guard var list = index[key] else { continue }
      list.removeAll { $0 == serial }
      index[key] = list.isEmpty ? nil : list
    }
  }

  /// An eighth of the directive's instances go, or of all: those that came least far first, of them
  /// the longest untouched. So a flood of openings never pushes out an attack that has advanced.
  private mutating func makeRoom(for directive: Int) {
    let isFull = live.count >= capacity
    guard isFull || counts[directive] >= perDirective else { return }
    let candidates = live.filter { isFull || $0.value.directive == directive }
    let order = candidates.sorted { left, right in
      let mine = (left.value.told == nil ? 0 : 1, left.value.path.count)
      let theirs = (right.value.told == nil ? 0 : 1, right.value.path.count)
      return (mine.0, mine.1, left.value.touched, left.key)
        < (theirs.0, theirs.1, right.value.touched, right.key)
    }
    for (serial, _) in order.prefix(candidates.count / 8 + 1) {
      guard let gone = take(serial) else { continue }
      drop(gone, serial)
      evicted &+= 1
    }
  }
}
