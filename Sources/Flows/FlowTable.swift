import CPrefetch
import Terms

/// Flows by their key, in either direction: bounded, without allocation per flow.
///
/// A hashed index of 16-slot buckets, one cache line each, points into two arrays of 64-byte
/// halves. A lookup reads one bucket, and one flow per slot with the right tag; an attacker cannot
/// make it longer.
struct FlowTable: ~Copyable {
  /// What a flow has shown, and so how dear it is.
  enum Standing: Int {
    /// Nothing came back, or it is over: what a spoofed flood is made of. Replaced first.
    case unproven
    /// Something came back, which spoofed UDP queries achieve as well. Replaced when no unproven
    /// flow is left.
    case answered
    /// The originator acknowledged the responder's sequence number, which it cannot guess. Replaced
    /// only when all flows are such, and then only after long silence.
    case proven
  }

  enum Room {
    case free
    /// This flow has to go first.
    case replacing(Int)
    case none
  }

  static let bucketSlots = 16
  /// Places ahead of the one to go whose memory is asked for.
  private static let victimDistance = 8
  /// Flows looked at for a silent one when all are established.
  private static let sampleSize = 32
  /// An index slot: tag in the high 12 bits, place + 1 in the low 20; 0 is empty. Used slots come
  /// first.
  private static let tagMask: UInt32 = 0xfff0_0000
  /// Mean flows per bucket of a full table: overflow of 16 is then one bucket in a million
  /// (Poisson).
  private static let meanLoad = 4

  let flows: UnsafeMutablePointer<Flow>
  let records: UnsafeMutablePointer<FlowRecord>
  let capacity: Int
  private let index: UnsafeMutablePointer<UInt32>
  private let bucketMask: UInt64
  private let seed: UInt64
  /// In units of `FlowClock`.
  private let pressureIdle: UInt32
  private var sampleHand = 0
  private var unproven: FlowSet
  private var answered: FlowSet
  /// Places given back, chained through `Flow.answerSequence` as place + 1.
  private var freeHead: UInt32 = 0
  /// Places at and above were never used.
  private(set) var used = 0
  private(set) var count = 0
  private(set) var peak = 0

  init(limits: FlowLimits) {
    capacity = limits.capacity
    seed = limits.seed
    pressureIdle = FlowClock.units(limits.pressureIdle)
    let wanted = max(capacity / Self.meanLoad, 1)
    let buckets = 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount)
    bucketMask = UInt64(buckets - 1)
    flows = LazyPages.allocate(Flow.self, count: capacity)
    records = LazyPages.allocate(FlowRecord.self, count: capacity)
    index = LazyPages.allocate(UInt32.self, count: buckets * Self.bucketSlots)
    unproven = FlowSet(capacity: capacity)
    answered = FlowSet(capacity: capacity)
  }

  deinit {
    LazyPages.free(flows, count: capacity)
    LazyPages.free(records, count: capacity)
    LazyPages.free(index, count: (Int(bucketMask) + 1) * Self.bucketSlots)
  }

  @inline(__always) func hash(_ key: FlowKey) -> UInt64 { key.hash(seed: seed) }

  @inline(__always) private func bucket(_ hash: UInt64) -> UnsafeMutablePointer<UInt32> {
    index + Int(hash & bucketMask) &* Self.bucketSlots
  }

  @inline(__always) private static func tag(_ hash: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: hash &>> 32) & tagMask
  }

  @inline(__always) private static func place(_ slot: UInt32) -> Int {
    Int(slot & ~tagMask) &- 1
  }

  @inline(__always) func prefetchBucket(_ hash: UInt64) { beryl_prefetch(bucket(hash)) }
  @inline(__always) func prefetchFlow(_ place: Int) { beryl_prefetch(flows + place) }
  @inline(__always) func prefetchRecord(_ place: Int) { beryl_prefetch(records + place) }

  /// The slots of a bucket with this tag, one bit each.
  @inline(__always) private static func tagged(
    _ tag: UInt32, in bucket: UnsafePointer<UInt32>
  ) -> UInt32 {
    beryl_equal16(bucket, tagMask, tag) & ~free(in: bucket)
  }

  @inline(__always) private static func free(in bucket: UnsafePointer<UInt32>) -> UInt32 {
    beryl_equal16(bucket, .max, 0)
  }

  /// The first flow whose tag fits: very likely the right one. -1 when there is none.
  @inline(__always) func candidate(_ hash: UInt64) -> Int {
    let bucket = bucket(hash)
    let found = Self.tagged(Self.tag(hash), in: bucket)
    return found == 0 ? -1 : Self.place(bucket[found.trailingZeroBitCount])
  }

  /// The place of the flow with this key, or -1.
  @inline(__always) func find(_ key: FlowKey, hash: UInt64) -> Int {
    let bucket = bucket(hash)
    var found = Self.tagged(Self.tag(hash), in: bucket)
    while found != 0 {
      let place = Self.place(bucket[found.trailingZeroBitCount])
      if flows[place].direction(of: key) != nil { return place }
      found &= found &- 1
    }
    return -1
  }

  /// Whether a flow with this hash can be inserted, and what must be removed first.
  mutating func room(for hash: UInt64, at now: UInt32) -> Room {
    let bucket = bucket(hash)
    if bucket[Self.bucketSlots - 1] != 0 {
      if let place = victim(in: bucket) { return .replacing(place) }
      let places = (0..<Self.bucketSlots).map { Self.place(bucket[$0]) }
      return silent(among: places, at: now)
    }
    if freeHead != 0 || used < capacity { return .free }
    guard let place = unproven.next() ?? answered.next() else {
      sampleHand = sampleHand &+ Self.sampleSize < used ? sampleHand &+ Self.sampleSize : 0
      return silent(among: sampleHand..<min(sampleHand &+ Self.sampleSize, used), at: now)
    }
    prefetchVictim(place &+ Self.victimDistance)
    return .replacing(place)
  }

  /// The established flow silent longest among some, if that is long enough.
  private func silent(among places: some Sequence<Int>, at now: UInt32) -> Room {
    let longest = places.max { now &- flows[$0].lastSeen < now &- flows[$1].lastSeen }
    guard let longest, now &- flows[longest].lastSeen >= pressureIdle else { return .none }
    return .replacing(longest)
  }

  /// In a flood the next flows to go lie behind this one: their buckets are far from each other.
  private func prefetchVictim(_ place: Int) {
    guard place < used else { return }
    prefetchBucket(hash(flows[place].key))
    if place &+ Self.victimDistance < used {
      prefetchFlow(place &+ Self.victimDistance)
      prefetchRecord(place)
    }
  }

  /// The least dear flow of a full bucket, among equals the one silent longest.
  private func victim(in bucket: UnsafeMutablePointer<UInt32>) -> Int? {
    var best: (place: Int, standing: Int)?
    for slot in 0..<Self.bucketSlots {
      let place = Self.place(bucket[slot])
      let standing = standing(place).rawValue
      guard standing < Standing.proven.rawValue else { continue }
      if let current = best {
        guard
          standing < current.standing
            || standing == current.standing
              && Int32(truncatingIfNeeded: flows[place].lastSeen &- flows[current.place].lastSeen)
                < 0
        else { continue }
      }
      best = (place, standing)
    }
    return best?.place
  }

  /// Takes a place, where `room(for:)` said there is room; the caller fills in flow and record, but
  /// leaves `isQueued` as it finds it.
  mutating func insert(hash: UInt64) -> Int {
    var place = used
    if freeHead != 0 {
      place = Int(freeHead) &- 1
      freeHead = flows[place].answerSequence
    } else {
      used &+= 1
    }
    let bucket = bucket(hash)
    let free = Self.free(in: bucket)
    if free != 0 {
      bucket[free.trailingZeroBitCount] = Self.tag(hash) | UInt32(truncatingIfNeeded: place &+ 1)
    }
    unproven.insert(place)
    count &+= 1
    peak = max(peak, count)
    return place
  }

  mutating func remove(_ place: Int) {
    let bucket = bucket(hash(flows[place].key))
    let found = beryl_equal16(bucket, ~Self.tagMask, UInt32(truncatingIfNeeded: place &+ 1))
    if found != 0 {
      let last = min(Self.free(in: bucket).trailingZeroBitCount, Self.bucketSlots) &- 1
      bucket[found.trailingZeroBitCount] = bucket[last]
      bucket[last] = 0
    }
    unproven.remove(place)
    answered.remove(place)
    flows[place].state.phase = .free
    flows[place].packetsOut = 0
    flows[place].packetsIn = 0
    flows[place].answerSequence = freeHead
    freeHead = UInt32(truncatingIfNeeded: place &+ 1)
    count &-= 1
    if count == 0 {
      freeHead = 0
      used = 0
    }
  }

  @inline(__always) func standing(_ place: Int) -> Standing {
    unproven.contains(place) ? .unproven : answered.contains(place) ? .answered : .proven
  }

  mutating func setStanding(_ standing: Standing, of place: Int) {
    if standing == .unproven { unproven.insert(place) } else { unproven.remove(place) }
    if standing == .answered { answered.insert(place) } else { answered.remove(place) }
  }
}
