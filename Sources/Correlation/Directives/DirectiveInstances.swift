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
  }

  /// What is asked of all instances at once, beside them: to look into each would go far.
  private struct Head: Sendable, Codable {
    /// Whose slot it is; 0 for a vacant one.
    var serial: Int
    var directive: Int
    /// The deadline in force; older entries of the heap mean nothing.
    var due: CaptureTime?
    var touched: CaptureTime
    /// How far it came, what was told of farther than any number of stages; and whose it is.
    var worth: Int
    var crowd: Crowd
  }

  private let capacity: Int
  private let perDirective: Int
  /// By slot; nil in vacant ones, and while an instance is taken out.
  private var live: [DirectiveInstance?] = []
  private var heads: [Head] = []
  private var interests = Remade<[Interest]>()
  private var vacant: [Int32] = []
  private var counts: [Int]
  private var index: [Key: [Entry]] = [:]
  /// Those that wait for no address.
  private var anywhere: [Entry] = []
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

  /// Makes what a state does not hold, after one was read.
  mutating func remake(_ plan: DirectivePlan) {
    guard interests.value.count < live.count else { return }
    interests.value = live.map { instance in
      guard let instance else { return Interest() }
      return Interest(
        kinds: plan.interest(instance.directive, instance.path, instance.waiting),
        held: instance.held)
    }
  }

  /// Adds the instances that wait for the key and may take a report of this kind and id.
  func waiting(for key: Key, _ kind: KindBits, _ id: ReportID, into entries: inout [Entry]) {
    guard key.address != nil else { return filter(anywhere, kind, id, into: &entries) }
    if let list = index[key] { filter(list, kind, id, into: &entries) }
  }

  private func filter(
    _ list: [Entry], _ kind: KindBits, _ id: ReportID, into entries: inout [Entry]
  ) {
    let bit = DirectiveInstance.bit(id)
    for entry in list {
      let slot = Int(entry.slot)
      if interests.value[slot].kinds.meets(kind) || interests.value[slot].held & bit != 0 {
        entries.append(entry)
      }
    }
  }

  /// Takes an instance out, to be put back by `put` or forgotten by `drop`. It is moved, as there:
  /// to copy one would count a dozen references.
  mutating func take(_ entry: Entry) -> DirectiveInstance? {
    var instance: DirectiveInstance?
    swap(&instance, &live[Int(entry.slot)])
    return instance
  }

  mutating func add(
    _ instance: consuming DirectiveInstance, due time: CaptureTime, _ plan: DirectivePlan
  ) {
    let (directive, keys) = (instance.directive, instance.keys)
    makeRoom(for: directive)
    serial += 1
    let entry = Entry(serial: serial, slot: vacant.popLast() ?? Int32(live.count))
    // The rest is noted when it is put in.
    let head = Head(
      serial: serial, directive: directive, touched: .distantPast, worth: 0, crowd: .nobody)
    if Int(entry.slot) == live.count {
      live.append(nil)
      heads.append(head)
      interests.value.append(Interest())
    } else {
      heads[Int(entry.slot)] = head
    }
    counts[directive] += 1
    for key in keys {
      if key.address == nil {
        anywhere.append(entry)
      } else {
        index[key, default: []].append(entry)
      }
    }
    put(instance, entry, keysBefore: keys.count, due: time, plan)
  }

  /// Puts an instance back, whose first `keysBefore` keys it is known by.
  /// - Parameter plan: nil for one that is as it was.
  mutating func put(
    _ instance: consuming DirectiveInstance, _ entry: Entry, keysBefore: Int,
    due time: CaptureTime, _ plan: DirectivePlan?
  ) {
    let slot = Int(entry.slot)
    if let plan {
      interests.value[slot] = Interest(
        kinds: plan.interest(instance.directive, instance.path, instance.waiting),
        held: instance.held)
      heads[slot].touched = instance.touched
      heads[slot].worth = instance.path.count + (instance.isTold ? 1 << 20 : 0)
      heads[slot].crowd = instance.crowd
      for number in keysBefore..<max(keysBefore, instance.keys.count) {
        let key = instance.keys[number]
        if key.address == nil {
          Self.insert(entry, into: &anywhere)
        } else {
          Self.insert(entry, into: &index[key, default: []])
        }
      }
    }
    live[slot] = instance
    guard heads[slot].due != time else { return }
    heads[slot].due = time
    if time < .distantFuture { deadlines.insert(Due(time: time, entry: entry)) }
  }

  /// Serials stay in order, whichever instance gained the key first.
  private static func insert(_ entry: Entry, into list: inout [Entry]) {
    let place = list.lastIndex { $0 < entry }.map { $0 + 1 } ?? 0
    list.insert(entry, at: place)
  }

  /// The next instance whose deadline has come; nil when there is none.
  mutating func popDue(_ now: CaptureTime) -> Entry? {
    while let first = deadlines.min, first.time <= now {
      deadlines.removeMin()
      let slot = Int(first.entry.slot)
      guard heads[slot].serial == first.entry.serial, heads[slot].due == first.time else {
        continue
      }
      heads[slot].due = nil
      return first.entry
    }
    return nil
  }

  /// Forgets an instance that was taken out.
  mutating func drop(_ instance: DirectiveInstance, _ entry: Entry) {
    counts[instance.directive] -= 1
    let slot = Int(entry.slot)
    heads[slot].due = nil
    heads[slot].serial = 0
    vacant.append(entry.slot)
    interests.value[slot] = Interest()
    for key in instance.keys {
      guard key.address != nil else {
        anywhere.removeAll { $0.serial == entry.serial }
        continue
      }
      guard let place = index.index(forKey: key) else { continue }
      if index.values[place].count == 1, index.values[place][0].serial == entry.serial {
        index.remove(at: place)
      } else {
        index.values[place].removeAll { $0.serial == entry.serial }
      }
    }
  }

  /// An eighth of the directive's instances go, or of all, in the order of `InstanceEviction`.
  private mutating func makeRoom(for directive: Int) {
    let isFull = count >= capacity
    guard isFull || counts[directive] >= perDirective else { return }
    var candidates: [InstanceEviction] = []
    candidates.reserveCapacity(isFull ? count : counts[directive])
    for slot in heads.indices
    where heads[slot].serial > 0 && (isFull || heads[slot].directive == directive) {
      let head = heads[slot]
      candidates.append(
        InstanceEviction(
          entry: Entry(serial: head.serial, slot: Int32(slot)), touched: head.touched,
          share: .init(stage: head.worth, crowd: head.crowd)))
    }
    let count = candidates.count / 8 + 1
    for entry in InstanceEviction.order(candidates).prefix(count) {
      guard let gone = take(entry) else { continue }
      drop(gone, entry)
      evicted &+= 1
    }
  }
}

extension DirectiveInstance {
  /// Whose it is: of the stage reached last.
  fileprivate var crowd: Crowd {
    for slot in bindings.reversed() {
      if let newest = slot?.newest { return newest.crowd }
    }
    return opener.crowd
  }
}
