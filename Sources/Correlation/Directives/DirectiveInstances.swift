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

    func _rawHashValue(seed: Int) -> Int {
      TableHash.of(
        address?.base.high ?? 1, (address?.base.low ?? 0) ^ (isSource ? 1 << 56 : 0), seed: seed)
    }
  }

  /// An instance: its number, and the slot that it has as long as it lives.
  struct Entry: Hashable, Comparable, Sendable, Codable {
    var serial: Int
    var slot: Int32

    static func < (left: Entry, right: Entry) -> Bool { left.serial < right.serial }
  }

  private struct Due: Comparable, Sendable, Codable {
    var time: CaptureTime
    var entry: Entry

    static func < (left: Due, right: Due) -> Bool {
      (left.time, left.entry) < (right.time, right.entry)
    }
  }

  /// What is asked of an instance before all else: most that wait for an address wait for other
  /// kinds.
  private struct Interest: Sendable {
    var kinds = KindBits()
    var held: UInt64 = 0

    init() {}

    init(_ instance: DirectiveInstance, _ plan: DirectivePlan) {
      kinds = plan.interest(of: instance)
      held = instance.held
    }
  }

  private let capacity: Int
  private let perDirective: Int
  /// By slot; nil in vacant ones, and while an instance is taken out.
  private var live: [DirectiveInstance?] = []
  private var interests = Remade<[Interest?]>()
  /// The deadline in force of each; older entries of the heap mean nothing.
  private var due: [CaptureTime?] = []
  /// The directive that each follows: to look into one where it stands would copy it.
  private var directives: [Int] = []
  /// Whose slot it is; 0 for a vacant one.
  private var serials: [Int] = []
  private var vacant: [Int32] = []
  private var counts: [Int]
  private var index: [Key: [Entry]] = [:]
  private var deadlines = EarliestFirst<Due>()
  private var serial = 0
  /// Instances that had to give way.
  private(set) var evicted: UInt64 = 0

  init(directives: Int, capacity: Int, perDirective: Int) {
    self.capacity = max(1, capacity)
    self.perDirective = max(1, perDirective)
    counts = Array(repeating: 0, count: directives)
  }

  var count: Int { live.count - vacant.count }

  var nextDeadline: CaptureTime { deadlines.min?.time ?? .distantFuture }

  /// Adds the instances that wait for the key and may take a report of this kind and id.
  mutating func waiting(
    for key: Key, _ kind: KindBits, _ id: ReportID, _ plan: DirectivePlan,
    into entries: inout [Entry]
  ) {
    guard let list = index[key] else { return }
    let bit = DirectiveInstance.bit(id)
    for entry in list {
      let interest = interest(entry.slot, plan)
      if interest.kinds.meets(kind) || interest.held & bit != 0 { entries.append(entry) }
    }
  }

  /// What the instance in a slot takes; made again after a state was read.
  private mutating func interest(_ slot: Int32, _ plan: DirectivePlan) -> Interest {
    let slot = Int(slot)
    while interests.value.count < live.count { interests.value.append(nil) }
    if let known = interests.value[slot] { return known }
    guard let instance = live[slot] else { return Interest() }
    let fresh = Interest(instance, plan)
    interests.value[slot] = fresh
    return fresh
  }

  /// Takes an instance out, to be put back by `put` or forgotten by `drop`.
  mutating func take(_ entry: Entry) -> DirectiveInstance? { live[Int(entry.slot)].take() }

  mutating func add(_ instance: DirectiveInstance, due time: CaptureTime, _ plan: DirectivePlan) {
    makeRoom(for: instance.directive)
    serial += 1
    let entry = Entry(serial: serial, slot: vacant.popLast() ?? Int32(live.count))
    if Int(entry.slot) == live.count {
      live.append(nil)
      due.append(nil)
      serials.append(0)
      directives.append(0)
    }
    directives[Int(entry.slot)] = instance.directive
    serials[Int(entry.slot)] = serial
    counts[instance.directive] += 1
    for key in instance.keys { index[key, default: []].append(entry) }
    put(instance, entry, adding: [], due: time, plan)
  }

  /// Puts an instance back, with `keys` new ones.
  /// - Parameter plan: nil for one that is as it was.
  mutating func put(
    _ instance: DirectiveInstance, _ entry: Entry, adding keys: ArraySlice<Key>,
    due time: CaptureTime, _ plan: DirectivePlan?
  ) {
    for key in keys {
      // Serials stay in order, whichever instance gained the key first.
      let list = index[key] ?? []
      let place = list.lastIndex { $0 < entry }.map { $0 + 1 } ?? 0
      index[key, default: []].insert(entry, at: place)
    }
    let slot = Int(entry.slot)
    live[slot] = instance
    if let plan {
      while interests.value.count <= slot { interests.value.append(nil) }
      interests.value[slot] = Interest(instance, plan)
    }
    guard due[slot] != time else { return }
    due[slot] = time
    if time < .distantFuture { deadlines.insert(Due(time: time, entry: entry)) }
  }

  /// The next instance whose deadline has come; nil when there is none.
  mutating func popDue(_ now: CaptureTime) -> Entry? {
    while let first = deadlines.min, first.time <= now {
      deadlines.removeMin()
      let slot = Int(first.entry.slot)
      guard serials[slot] == first.entry.serial, due[slot] == first.time else { continue }
      due[slot] = nil
      return first.entry
    }
    return nil
  }

  /// Forgets an instance that was taken out.
  mutating func drop(_ instance: DirectiveInstance, _ entry: Entry) {
    counts[instance.directive] -= 1
    let slot = Int(entry.slot)
    due[slot] = nil
    serials[slot] = 0
    vacant.append(entry.slot)
    if interests.value.indices.contains(slot) { interests.value[slot] = nil }
    for key in instance.keys {
      guard let place = index.index(forKey: key) else { continue }
      index.values[place].removeAll { $0.serial == entry.serial }
      if index.values[place].isEmpty { index.remove(at: place) }
    }
  }

  /// An eighth of the directive's instances go, or of all, in `evictionOrder`.
  private mutating func makeRoom(for directive: Int) {
    let isFull = count >= capacity
    guard isFull || counts[directive] >= perDirective else { return }
    var candidates: [Candidate] = []
    for slot in live.indices {
      guard serials[slot] > 0, isFull || directives[slot] == directive, let instance = live[slot]
      else { continue }
      candidates.append(
        Candidate(
          entry: Entry(serial: serials[slot], slot: Int32(slot)), touched: instance.touched,
          share: .init(stage: instance.worth, crowd: instance.crowd)))
    }
    for entry in Self.evictionOrder(candidates).prefix(candidates.count / 8 + 1) {
      guard let gone = take(entry) else { continue }
      drop(gone, entry)
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

    var entry: Entry
    var touched: CaptureTime
    var share: Share
    /// How many of its share, then of its child's, are worth more.
    var rank = 0

    /// The newer first.
    static func isNewer(_ left: Candidate, _ right: Candidate) -> Bool {
      (left.touched, left.entry) > (right.touched, right.entry)
    }
  }

  /// Those that came least far go first. Of them whoever holds most gives: of the children the one
  /// with most instances, of its blocks of addresses the one with most, and there the longest
  /// untouched. So a flood of openings never pushes out an attack that has advanced, and a flood of
  /// advanced ones none that is not part of it.
  private static func evictionOrder(_ candidates: [Candidate]) -> [Entry] {
    var list = candidates
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
    return list.map(\.entry)
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
