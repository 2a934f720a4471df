import Analysis
import Reports
import Terms

/// One host or service with a profile.
struct ProfileSubject: Sendable {
  var key: TableKey
  /// Its place in the table of all subjects and candidates.
  var slot: Int
  var profile: Profile
  /// It was heard of in the epoch that goes on.
  var isActive = false
  /// Evidence that it has changed; see `UsageProfiles.weigh`.
  var score = 0.0
  /// When the change that is being weighed began, and was last seen.
  var since = CaptureTime.distantPast
  var last = CaptureTime.distantPast
  /// When the change that may have been told of more than once was first seen.
  var changed = CaptureTime.distantPast
  /// Epochs that told of it.
  var epochs: UInt64 = 0
  /// Those of them whose T2 was red, or in which one measure was far beyond its history.
  var strongEpochs: UInt64 = 0
  /// For each measure that has moved since then its farthest, in the order in which they began to.
  var moved: [ProfileReporter.Moved] = []
  /// Newest packets, in turn.
  var packets = SIMD4<UInt64>()
  var cursor = 0
  var thread = ReportThread(spacing: .zero)
}

/// The subjects of one sort, and those that may become one: only what is active for hours is worth
/// a profile.
struct ProfileSubjects: Sendable {
  struct Entry: Sendable {
    /// Index of its profile; -1 for a candidate.
    var subject: Int32 = -1
    /// Distinct hours and flows so far.
    var hours: UInt16 = 0
    var hour: Int32 = .min
    var flows: UInt32 = 0
  }

  /// A candidate's slot is its own for this long after it was last heard of, and a subject's.
  static let candidateHold = TimeSpan.hours(2)
  static let subjectHold = TimeSpan.hours(30 * 24)

  let layout: ProfileLayout
  private let capacity: Int
  private let worthFlows: UInt32
  private let worthHours: UInt16
  private var entries: BoundedTable<Entry>
  private(set) var subjects: [ProfileSubject] = []
  /// Subjects heard of in this epoch, in order, and those whose report is open.
  private(set) var active: [Int] = []
  private(set) var open: Set<Int> = []
  /// Subjects that found no room for a profile.
  private(set) var refused: UInt64 = 0

  init(
    _ layout: ProfileLayout, capacity: Int, candidates: Int, worthFlows: Int, worthHours: Int
  ) {
    self.layout = layout
    self.capacity = max(capacity, 1)
    self.worthFlows = UInt32(clamping: worthFlows)
    self.worthHours = UInt16(clamping: worthHours)
    entries = BoundedTable(capacity: max(candidates, capacity), empty: Entry())
  }

  var losses: UInt64 { refused &+ entries.refusedCount }
  var isIdle: Bool { active.isEmpty && open.isEmpty }

  subscript(index: Int) -> ProfileSubject {
    _read { yield subjects[index] }
    _modify { yield &subjects[index] }
  }

  /// The profile's index of `key`; -1 where there is none.
  func find(_ key: TableKey) -> Int {
    let slot = entries.find(key)
    return slot < 0 ? -1 : Int(entries[slot].subject)
  }

  /// Hears of a flow of `key`; the index of its profile, or -1 as long as it has none.
  ///
  /// - Parameter isProven: the flow shows that the address is real; only such make candidates.
  mutating func meet(_ key: TableKey, isProven: Bool, at now: CaptureTime) -> Int {
    var slot = entries.find(key)
    if slot < 0 {
      guard isProven else { return -1 }
      slot = entries.vacancy(for: key, asOf: now)
      guard slot >= 0 else { return -1 }
      if entries.isOccupied(slot) { release(Int(entries[slot].subject)) }
      entries.occupy(slot, with: key, until: now + Self.candidateHold)
    }
    let index = Int(entries[slot].subject)
    if index >= 0 { return index }
    return consider(slot, key, isProven: isProven, at: now)
  }

  private mutating func consider(
    _ slot: Int, _ key: TableKey, isProven: Bool, at now: CaptureTime
  ) -> Int {
    guard isProven else { return -1 }
    let hour = Int32(clamping: now.wholeSeconds / 3600)
    if hour != entries[slot].hour {
      entries[slot].hour = hour
      entries[slot].hours &+= entries[slot].hours == .max ? 0 : 1
      entries.keep(slot, until: now + Self.candidateHold)
    }
    entries[slot].flows &+= entries[slot].flows == .max ? 0 : 1
    guard entries[slot].hours >= worthHours, entries[slot].flows >= worthFlows else { return -1 }
    return adopt(key, slot, Profile(layout, begun: now))
  }

  private mutating func adopt(_ key: TableKey, _ slot: Int, _ profile: Profile) -> Int {
    guard let index = vacancy() else {
      refused &+= 1
      return -1
    }
    let subject = ProfileSubject(key: key, slot: slot, profile: profile)
    if index < subjects.count { subjects[index] = subject } else { subjects.append(subject) }
    entries[slot].subject = Int32(index)
    return index
  }

  /// A place for another profile: a new one, or that of a subject whose slot is gone.
  private mutating func vacancy() -> Int? {
    if subjects.count < capacity { return subjects.count }
    return subjects.firstIndex { $0.slot < 0 && !$0.isActive }
  }

  private mutating func release(_ index: Int) {
    guard index >= 0 else { return }
    subjects[index].slot = -1
    open.remove(index)
  }

  /// The subject is heard of in the epoch that goes on.
  mutating func activate(_ index: Int, at now: CaptureTime, ageing: Double) {
    subjects[index].isActive = true
    subjects[index].profile.settle(layout, at: now, ageing: ageing)
    active.append(index)
    if subjects[index].slot >= 0 {
      entries.keep(subjects[index].slot, until: now + Self.subjectHold)
    }
  }

  /// The subjects that are to be looked at when an epoch ends; none is active afterwards.
  mutating func endEpoch() -> [Int] {
    let due = Set(active).union(open).sorted()
    active.removeAll(keepingCapacity: true)
    return due
  }

  mutating func setOpen(_ index: Int, _ isOpen: Bool) {
    if isOpen { open.insert(index) } else { open.remove(index) }
  }
}

// MARK: - Learned state

extension ProfileSubjects {
  /// Subjects in the order of their keys, so that equal states are equal bytes.
  func encode(into writer: inout StateWriter) {
    let kept = subjects.filter { $0.slot >= 0 }.sorted {
      ($0.key.high, $0.key.low, $0.key.detail) < ($1.key.high, $1.key.low, $1.key.detail)
    }
    writer.put(UInt32(kept.count))
    for subject in kept {
      writer.put(subject.key.high)
      writer.put(subject.key.low)
      writer.put(subject.key.detail)
      writer.put(entries.hold(subject.slot).nanoseconds)
      subject.profile.encode(into: &writer)
    }
  }

  /// Takes up what was written; profiles that find no room are counted.
  mutating func restore(from reader: inout StateReader) throws(StateFault) {
    let count = try reader.integer(UInt32.self)
    for _ in 0..<count {
      let address = IPAddress(high: try reader.integer(), low: try reader.integer())
      let key = TableKey(address, detail: try reader.integer())
      let hold = CaptureTime(nanoseconds: try reader.integer())
      let profile = try Profile(layout, from: &reader)
      let slot = entries.admit(key, asOf: .distantPast, until: hold)
      guard slot >= 0, entries[slot].subject < 0 else {
        refused &+= 1
        continue
      }
      entries[slot].hours = worthHours
      entries[slot].flows = worthFlows
      _ = adopt(key, slot, profile)
    }
  }
}
