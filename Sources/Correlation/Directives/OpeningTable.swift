import Hierarchy
import Reports
import Terms

/// The reports that opened something and wait for a second stage: each once, however many roots it
/// opens, in a ring of its kind. Found by address, of each root the two newest.
///
/// The oldest goes first, but of those only whoever holds its share of the ring or more (`Crowd`):
/// a flood of openings pushes out its own.
struct OpeningTable: Sendable, Codable {
  /// What an opening is found by.
  struct Key: Hashable, Codable, Sendable {
    private var address: IPPrefix
    private var role: UInt8

    /// What joins where no address does.
    static let anywhere = Key(IPPrefix(.unspecified, length: 0), role: 0)

    private init(_ address: IPPrefix, role: UInt8) {
      self.address = address
      self.role = role
    }

    static func source(_ address: IPPrefix) -> Key { Key(address, role: 1) }
    static func target(_ address: IPPrefix) -> Key { Key(address, role: 2) }

    func hash(into hasher: inout Hasher) {
      hasher.combine(address.base.low)
      hasher.combine(address.base.high ^ UInt64(role) << 56)
    }

    func _rawHashValue(seed: Int) -> Int {
      address._rawHashValue(seed: seed ^ Int(role) << 40)
    }
  }

  /// Where an opening stands.
  private struct Place: Equatable, Codable {
    var ring: Int32
    var slot: Int32
  }

  /// One opening in the list of a key, the newest first.
  private struct Link: Codable {
    var place: Place
    /// The next of the list, or of those vacant; -1 for none.
    var next: Int32
    /// Which roots are found by it here; a bit may stand for several unless `isExact`.
    var roots: UInt64
    var isExact: Bool

    init(_ place: Place, _ roots: RootSet, next: Int32) {
      self.place = place
      self.next = next
      self.roots = roots.folded
      isExact = roots.isShort
    }
  }

  /// How many openings of one key are kept where there are so many roots that it does not show which
  /// of them nobody finds any more.
  private static let listLimit = 64

  private let capacity: Int
  private var rings: [OpeningRing] = []
  private var ringOf: [ReportKind: Int32] = [:]
  private var links: [Link] = []
  private var vacantLink: Int32 = -1
  /// The first link of each key.
  private var index: [Key: Int32] = [:]
  /// Openings that gave way to newer ones while they could still have been continued.
  private(set) var evicted: UInt64 = 0

  init(capacity: Int) { self.capacity = max(1, min(capacity, 1 << 20)) }

  /// Keeps an opening of some roots, or the newer revision of one.
  /// - Parameter kind: whose ring it takes its place in.
  mutating func insert(
    _ sighting: Sighting, of kind: ReportKind, roots: RootSet, within: TimeSpan,
    _ plan: DirectivePlan
  ) {
    // A first revision is new.
    if sighting.revision > 0, let place = find(sighting, roots, plan) {
      revise(place, to: sighting, roots, within, plan)
      return
    }
    let number = ring(kind)
    let ring = Int(number)
    let slot: Int
    if let victim = rings[ring].fullSlot(asOf: sighting.first, capacity) {
      slot = victim.slot
      if victim.isLost { evicted &+= 1 }
      unlink(Place(ring: number, slot: Int32(slot)), plan)
      rings[ring].replace(slot, by: sighting, roots, within)
    } else {
      slot = rings[ring].append(sighting, roots, within)
    }
    link(Place(ring: number, slot: Int32(slot)), sighting, roots, plan)
  }

  private mutating func ring(_ kind: ReportKind) -> Int32 {
    if let known = ringOf[kind] { return known }
    rings.append(OpeningRing())
    ringOf[kind] = Int32(rings.count - 1)
    return Int32(rings.count - 1)
  }

  private mutating func revise(
    _ place: Place, to sighting: Sighting, _ roots: RootSet, _ within: TimeSpan,
    _ plan: DirectivePlan
  ) {
    let old = rings[Int(place.ring)][Int(place.slot)]
    var all = old.roots
    all.formUnion(roots)
    rings[Int(place.ring)].revise(Int(place.slot), to: sighting, all, within)
    let was = old.sighting
    guard old.roots != all || was.sources != sighting.sources || was.targets != sighting.targets
    else { return }
    for address in was.sources where !sighting.sources.contains(address) {
      unlink(place, from: .source(address))
    }
    for address in was.targets where !sighting.targets.contains(address) {
      unlink(place, from: .target(address))
    }
    link(place, sighting, all, plan)
  }

  /// The opening with this id among those its addresses lead to.
  private func find(_ sighting: Sighting, _ roots: RootSet, _ plan: DirectivePlan) -> Place? {
    var found: Place?
    Self.eachKey(sighting, roots, plan) { key, _ in
      guard found == nil, key != .anywhere else { return }
      var link = index[key] ?? -1
      while link >= 0 {
        let place = links[Int(link)].place
        if rings[Int(place.ring)][Int(place.slot)].sighting.id == sighting.id {
          found = place
          return
        }
        link = links[Int(link)].next
      }
    }
    return found
  }

  /// Shows each key of an opening, with the roots that look for it there.
  private static func eachKey(
    _ sighting: Sighting, _ roots: RootSet, _ plan: DirectivePlan, _ body: (Key, RootSet) -> Void
  ) {
    let bySource = roots.intersection(plan.found.bySource)
    if !bySource.isEmpty {
      for address in sighting.sources { body(.source(address), bySource) }
    }
    let byTarget = roots.intersection(plan.found.byTarget)
    if !byTarget.isEmpty {
      for address in sighting.targets { body(.target(address), byTarget) }
    }
    let byTime = roots.intersection(plan.found.byTime)
    if !byTime.isEmpty { body(.anywhere, byTime) }
  }

  // MARK: Lists

  /// Puts an opening first in the list of each of its keys, unless it is there.
  private mutating func link(
    _ place: Place, _ sighting: Sighting, _ roots: RootSet, _ plan: DirectivePlan
  ) {
    Self.eachKey(sighting, roots, plan) { key, roots in
      Self.push(place, roots, onto: &index[key, default: -1], &links, &vacantLink)
    }
  }

  private static func push(
    _ place: Place, _ roots: RootSet, onto head: inout Int32, _ links: inout [Link],
    _ vacant: inout Int32
  ) {
    var known = head
    while known >= 0 {
      if links[Int(known)].place == place {
        links[Int(known)].roots = roots.folded
        links[Int(known)].isExact = roots.isShort
        return
      }
      known = links[Int(known)].next
    }
    let fresh = Link(place, roots, next: head)
    if vacant >= 0 {
      head = vacant
      vacant = links[Int(head)].next
      links[Int(head)] = fresh
    } else {
      head = Int32(links.count)
      links.append(fresh)
    }
    if fresh.next >= 0 { prune(head, &links, &vacant) }
  }

  /// Drops from a list the openings of which two newer ones are there for each of their roots.
  private static func prune(_ head: Int32, _ links: inout [Link], _ vacant: inout Int32) {
    var (once, twice): (UInt64, UInt64) = (0, 0)
    var (before, here) = (head, head)
    var count = 0
    while here >= 0 {
      let link = links[Int(here)]
      let isUseless = link.isExact ? link.roots & ~twice == 0 : count >= listLimit
      if isUseless {
        links[Int(before)].next = link.next
        links[Int(here)].next = vacant
        vacant = here
      } else {
        if link.isExact {
          twice |= once & link.roots
          once |= link.roots
        }
        before = here
        count += 1
      }
      here = link.next
    }
  }

  /// Takes an opening from the lists of all its keys.
  private mutating func unlink(_ place: Place, _ plan: DirectivePlan) {
    let opening = rings[Int(place.ring)][Int(place.slot)]
    Self.eachKey(opening.sighting, opening.roots, plan) { key, _ in unlink(place, from: key) }
  }

  private mutating func unlink(_ place: Place, from key: Key) {
    guard let head = index[key] else { return }
    var (before, here): (Int32, Int32) = (-1, head)
    while here >= 0, links[Int(here)].place != place {
      (before, here) = (here, links[Int(here)].next)
    }
    guard here >= 0 else { return }
    let next = links[Int(here)].next
    links[Int(here)].next = vacantLink
    vacantLink = here
    if before >= 0 {
      links[Int(before)].next = next
    } else {
      index[key] = next >= 0 ? next : nil
    }
  }

  // MARK: Questions

  /// An opening that was found, by which look-up and which of its addresses.
  struct Found {
    var sighting: Sighting
    var roots: RootSet
    var place: (lookUp: Int, address: Int)
  }

  /// Adds the openings of some of these roots under the key, the newest first.
  func find(
    _ key: Key, of roots: RootSet, place: (lookUp: Int, address: Int), into list: inout [Found]
  ) {
    var link = index[key] ?? -1
    let wanted = roots.folded
    while link >= 0 {
      let here = links[Int(link)]
      if !here.isExact || here.roots & wanted != 0 {
        let opening = rings[Int(here.place.ring)][Int(here.place.slot)]
        list.append(
          Found(sighting: opening.sighting, roots: opening.roots, place: place))
      }
      link = here.next
    }
  }
}

/// The openings of one kind, in order of arrival.
struct OpeningRing: Sendable, Codable {
  struct Opening: Codable, Sendable {
    var sighting: Sighting
    /// What it opens, and how long it is worth keeping.
    var roots: RootSet
    var within: TimeSpan
    /// Its number among the ring's crowds.
    fileprivate let crowd: Int32

    fileprivate func isOver(_ now: CaptureTime) -> Bool { sighting.last + within < now }
  }

  /// How many older openings are passed over, at most, for the sake of one that holds less.
  private static let patience = 8

  private var slots: [Opening] = []
  /// The slot that gives way next, once all are taken.
  private var hand = 0
  private var counts = CrowdCounts()

  subscript(slot: Int) -> Opening { slots[slot] }

  mutating func append(_ sighting: Sighting, _ roots: RootSet, _ within: TimeSpan) -> Int {
    slots.append(
      Opening(
        sighting: sighting, roots: roots, within: within, crowd: counts.add(sighting.crowd)))
    return slots.count - 1
  }

  mutating func replace(
    _ slot: Int, by sighting: Sighting, _ roots: RootSet, _ within: TimeSpan
  ) {
    counts.remove(slots[slot].crowd)
    slots[slot] = Opening(
      sighting: sighting, roots: roots, within: within, crowd: counts.add(sighting.crowd))
  }

  mutating func revise(
    _ slot: Int, to sighting: Sighting, _ roots: RootSet, _ within: TimeSpan
  ) {
    slots[slot].sighting = sighting
    slots[slot].roots = roots
    slots[slot].within = max(slots[slot].within, within)
  }

  /// The slot that gives way; nil while there is room. The next that is past its time or of a crowd
  /// that holds its share, else of the next few the one whose crowd holds most; and whether it was
  /// not past its time.
  mutating func fullSlot(
    asOf now: CaptureTime, _ capacity: Int
  ) -> (slot: Int, isLost: Bool)? {
    guard slots.count >= capacity else { return nil }
    var victim = hand
    var most = (child: 0, block: 0)
    var steps = 0
    while steps < min(Self.patience, capacity) {
      let slot = (hand + steps) % capacity
      steps += 1
      let isOver = slots[slot].isOver(now)
      let weight = isOver ? most : counts.weight(slots[slot].crowd)
      if isOver || counts.isHeavy(weight) {
        victim = slot
        break
      }
      if weight > most {
        most = weight
        victim = slot
      }
    }
    hand = (hand + steps) % capacity
    return (victim, !slots[victim].isOver(now))
  }
}
