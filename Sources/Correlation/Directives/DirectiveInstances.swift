import Analysis
import Hierarchy
import Reports
import Terms

/// The live instances of all directives: found by address, bounded, each with a deadline.
struct DirectiveInstances: Sendable, Codable {
  /// Where an instance waits: for an address in a role, or (without one) for a directive's kinds.
  struct Key: Hashable, Sendable, Codable {
    var address: IPPrefix?
    var isSource: Bool

    func hash(into hasher: inout Hasher) {
      hasher.combine(address?.base.low ?? 0)
      hasher.combine((address?.base.high ?? 1) ^ (isSource ? 1 << 56 : 0))
    }
  }

  struct Due: Comparable, Sendable, Codable {
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
  private var deadlines = EarliestFirst<Due>()
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

  /// An eighth of the directive's instances go, or of all, in `evictionOrder`.
  private mutating func makeRoom(for directive: Int) {
    let isFull = live.count >= capacity
    guard isFull || counts[directive] >= perDirective else { return }
    let candidates = live.filter { isFull || $0.value.directive == directive }
    for serial in Self.evictionOrder(candidates).prefix(candidates.count / 8 + 1) {
      guard let gone = take(serial) else { continue }
      drop(gone, serial)
      evicted &+= 1
    }
  }

  private struct Candidate {
    struct Share: Hashable {
      var stage: Int
      var crowd: Crowd
    }

    struct ChildShare: Hashable {
      var stage: Int
      var child: MonitorName
    }

    var serial: Int
    var touched: CaptureTime
    var share: Share
    /// How many of its share, then of its child's, are worth more.
    var rank = 0

    /// The newer first.
    static func isNewer(_ left: Candidate, _ right: Candidate) -> Bool {
      (left.touched, left.serial) > (right.touched, right.serial)
    }
  }

  /// Those that came least far go first. Of them whoever holds most gives: of the children the one
  /// with most instances, of its blocks of addresses the one with most, and there the longest
  /// untouched. So a flood of openings never pushes out an attack that has advanced, and a flood of
  /// advanced ones none that is not part of it.
  private static func evictionOrder(_ candidates: [Int: DirectiveInstance]) -> [Int] {
    var list = candidates.map { serial, instance in
      Candidate(
        serial: serial, touched: instance.touched,
        share: .init(stage: instance.worth, crowd: instance.crowd))
    }
    list.sort(by: Candidate.isNewer)
    var held: [Candidate.Share: Int] = [:]
    for index in list.indices {
      list[index].rank = held[list[index].share, default: 0]
      held[list[index].share, default: 0] += 1
    }
    list.sort { $0.rank != $1.rank ? $0.rank < $1.rank : Candidate.isNewer($0, $1) }
    var ofChild: [Candidate.ChildShare: Int] = [:]
    for index in list.indices {
      let share = list[index].share
      let key = Candidate.ChildShare(stage: share.stage, child: share.crowd.child)
      list[index].rank = ofChild[key, default: 0]
      ofChild[key, default: 0] += 1
    }
    list.sort { left, right in
      if left.share.stage != right.share.stage { return left.share.stage < right.share.stage }
      return left.rank != right.rank ? left.rank > right.rank : Candidate.isNewer(right, left)
    }
    return list.map(\.serial)
  }
}

extension DirectiveInstance {
  /// How far it came: what was told of counts more than any number of stages.
  fileprivate var worth: Int { path.count + (told == nil ? 0 : 1 << 20) }

  /// Whose it is: of the stage reached last.
  fileprivate var crowd: Crowd {
    for slot in bindings.reversed() {
      if let newest = slot?.sightings.last { return Crowd(newest.report) }
    }
    return Crowd(opener.report)
  }
}
