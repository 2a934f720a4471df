import Glibc
import Terms

/// What one subject usually does, and what it has done lately: EMERALD's statistical profile.
///
/// A value of a few flat arrays whose shape a `ProfileLayout` gives (about 6 KB for a host). It
/// learns in three phases: categories and their shares, then how large each statistic usually is,
/// then how large their sum of squares is; only then does it judge. What it has seen is held back
/// for one to two `window`s before it is learned, so that what turns out to be an attack can be
/// thrown away.
public struct Profile: Sendable, Hashable {
  /// What is learned together, and waits together.
  public static let window = TimeSpan.minutes(10)
  /// Length of the epochs that are judged.
  public static let epoch = TimeSpan.minutes(1)

  public enum Phase: UInt8, Sendable, CaseIterable, Comparable {
    case categories, tails, sums, trained

    public static func < (left: Phase, right: Phase) -> Bool { left.rawValue < right.rawValue }
  }

  // Short-term: weights of categories, and per measure the weight of its newest observation.
  var recent: [Float]
  var step: [Float]
  /// The measures that the epoch's observations touched, one bit each.
  var touched: UInt64 = 0
  /// Intensities, three half-lives each, faded to `faded`.
  var amounts: [Float]
  var faded = CaptureTime.distantPast
  // Long-term.
  var usual: [Float]
  /// Of each statistic, and of T2.
  var tails: [Float]
  var sums: [Float]
  /// Names of the learned categories; 0 is free.
  var keys: [UInt32]
  // Seen and not yet learned: this window's and the one before.
  var fresh: [UInt16]
  var held: [UInt16]
  /// Per epoch the bin of each statistic and of T2 (`noBin` where it was not judged).
  var freshBins: [UInt8] = []
  var heldBins: [UInt8] = []
  var windowStart = CaptureTime.distantPast

  public internal(set) var phase = Phase.categories
  /// When the phase began.
  public internal(set) var phaseBegun: CaptureTime
  /// Learned since then: observations, or epochs.
  public internal(set) var learned: UInt64 = 0
  var day: Int64
  /// Observations that are not learned, nor seen, before this time.
  public internal(set) var frozenUntil = CaptureTime.distantPast

  static let noBin = UInt8.max
  /// Weight at which a measure's weights are scaled down, before `Float` grows coarse.
  static let stepLimit: Float = 1_048_576
  static let growth = Float(1 / CategoryMix.gamma)

  public init(_ layout: ProfileLayout, begun: CaptureTime) {
    recent = Array(repeating: 0, count: layout.categoryCount)
    step = Array(repeating: 0, count: layout.measures.count)
    amounts = Array(
      repeating: 0, count: layout.intensities.count * ProfileLayout.halfLives.count)
    usual = recent
    tails = Array(repeating: 0, count: layout.statisticCount * TailHistogram.binCount)
    sums = Array(repeating: 0, count: TailHistogram.binCount)
    keys = Array(repeating: 0, count: layout.keyCount)
    fresh = Array(repeating: 0, count: layout.categoryCount)
    held = fresh
    phaseBegun = begun
    day = Self.day(of: begun)
  }

  static func day(of time: CaptureTime) -> Int64 { time.wholeSeconds / 86_400 }

  public func isFrozen(at now: CaptureTime) -> Bool { now < frozenUntil }

  /// Bytes that a profile of this layout takes.
  public static func byteCount(_ layout: ProfileLayout) -> Int {
    let bins = 2 * (layout.statisticCount + 1) * Int(window.seconds / epoch.seconds)
    return layout.categoryCount * 12 + layout.keyCount * 4 + layout.measures.count * 4
      + layout.intensities.count * 12 + (layout.statisticCount + 1) * TailHistogram.binCount * 4
      + bins + 13 * 32
  }
}

// MARK: - Observations

extension Profile {
  /// The place of a named category; that of all others when the names are full.
  public mutating func category(_ key: UInt32, of measure: ProfileLayout.Measure) -> Int {
    let names = ProfileLayout.namedWidth - 1
    var free = names
    for place in 0..<names {
      let known = keys[measure.keys &+ place]
      if known == key { return place }
      if known == 0, free == names { free = place }
    }
    if free < names { keys[measure.keys &+ free] = key }
    return free
  }

  /// One observation falls into `category` of `measure`.
  public mutating func note(_ measure: ProfileLayout.Measure, _ category: Int) {
    let place = measure.offset &+ category
    let weight = max(1, step[measure.index] * Self.growth)
    step[measure.index] = weight
    touched |= 1 &<< UInt64(measure.index)
    recent[place] += weight
    fresh[place] &+= fresh[place] == .max ? 0 : 1
    if weight > Self.stepLimit { rescale(measure) }
  }

  private mutating func rescale(_ measure: ProfileLayout.Measure) {
    let scale = 1 / step[measure.index]
    step[measure.index] = 1
    for place in measure.offset..<measure.offset + measure.width { recent[place] *= scale }
  }

  /// Q ← amount + 2^(−Δt/h) · Q for each half-life; call `fade` first.
  public mutating func add(_ amount: Float, to intensity: Int) {
    let first = intensity &* ProfileLayout.halfLives.count
    for place in first..<first &+ ProfileLayout.halfLives.count { amounts[place] += amount }
  }

  /// Lets the intensities fade to `now`.
  public mutating func fade(to now: CaptureTime) {
    guard now > faded else { return }
    let passed = Float(min((now - faded).seconds, 1e7))
    faded = now
    for (index, halfLife) in ProfileLayout.halfLives.enumerated() {
      let units = passed / halfLife
      // A straight line stands for the power where they hardly differ.
      let factor = units < 0.01 ? 1 - 0.693_147_2 * units : exp2(-units)
      var place = index
      while place < amounts.count {
        amounts[place] *= factor
        place &+= ProfileLayout.halfLives.count
      }
    }
  }
}

// MARK: - Learning

extension Profile {
  /// Moves what has waited long enough into the long term, and ages the long term day by day; due
  /// before the first observation of an epoch.
  public mutating func settle(_ layout: ProfileLayout, at now: CaptureTime, ageing: Double) {
    let start = now.epochStart(Self.window)
    if start > windowStart {
      learnHeld()
      swap(&fresh, &held)
      swap(&freshBins, &heldBins)
      if start - windowStart > Self.window { learnHeld() }
      windowStart = start
    }
    let today = Self.day(of: now)
    if today > day {
      age(days: today - day, ageing)
      day = today
      forgetRareNames(layout)
    }
  }

  private mutating func learnHeld() {
    for place in held.indices where held[place] != 0 {
      usual[place] += Float(held[place])
      held[place] = 0
    }
    let width = tails.count / TailHistogram.binCount
    var start = 0
    while start + width < heldBins.count {
      for index in 0..<width {
        tails[index * TailHistogram.binCount + Int(heldBins[start + index])] += 1
      }
      let sum = heldBins[start + width]
      if sum != Self.noBin { sums[Int(sum)] += 1 }
      if phase == .tails || (phase == .sums && sum != Self.noBin) { learned &+= 1 }
      start += width + 1
    }
    heldBins.removeAll(keepingCapacity: true)
  }

  /// Long-term counts × 2^(−1/30) per day by default; names that have grown rare make room.
  private mutating func age(days: Int64, _ ageing: Double) {
    let factor = Float(exp2(-Double(min(days, 3650)) * ageing))
    for place in usual.indices { usual[place] *= factor }
    for place in tails.indices { tails[place] *= factor }
    for place in sums.indices { sums[place] *= factor }
  }

  /// Gives the places of names with less than a thousandth of a measure back: what they count goes
  /// to the others.
  private mutating func forgetRareNames(_ layout: ProfileLayout) {
    for measure in layout.measures where measure.keys >= 0 {
      let others = measure.offset + measure.width - 1
      let total = usual[measure.offset...others].reduce(0, +)
      for place in 0..<measure.width - 1 where keys[measure.keys + place] != 0 {
        let category = measure.offset + place
        guard usual[category] < total / 1000, fresh[category] == 0, held[category] == 0 else {
          continue
        }
        keys[measure.keys + place] = 0
        usual[others] += usual[category]
        recent[others] += recent[category]
        usual[category] = 0
        recent[category] = 0
      }
    }
  }

  /// An attack on the subject is open since `start`: throws away what may belong to it, and neither
  /// sees nor learns anything until `end`. What the subject does lately is then what it usually
  /// does.
  public mutating func freeze(from start: CaptureTime, until end: CaptureTime) {
    dropFresh()
    if start < windowStart {
      for place in held.indices { held[place] = 0 }
      heldBins.removeAll(keepingCapacity: true)
    }
    relax()
    for place in amounts.indices { amounts[place] = 0 }
    frozenUntil = max(frozenUntil, end)
  }

  /// Lets the short-term mixes start anew from the long-term ones.
  public mutating func relax() {
    for place in recent.indices { recent[place] = 0 }
    for place in step.indices { step[place] = 0 }
  }

  /// Throws away what this window has brought.
  public mutating func dropFresh() {
    for place in fresh.indices { fresh[place] = 0 }
    freshBins.removeAll(keepingCapacity: true)
  }
}

// MARK: - Names

extension Profile {
  /// The name at a place of a measure; nil for the place of all others, and for a free one.
  public func key(_ place: Int, of measure: ProfileLayout.Measure) -> UInt32? {
    guard measure.keys >= 0, place >= 0, place < measure.width - 1 else { return nil }
    let key = keys[measure.keys + place]
    return key == 0 ? nil : key
  }

  /// Of the categories that are pooled as rare or new, the one with most recent weight.
  public func heaviestRare(of measure: ProfileLayout.Measure) -> Int? {
    let range = measure.offset..<measure.offset + measure.width
    let total = usual[range].reduce(0, +)
    let limit = total * Float(CategoryMix.rareShare)
    let pooled = range.filter { usual[$0] < max(limit, .leastNonzeroMagnitude) && recent[$0] > 0 }
    return pooled.max { recent[$0] < recent[$1] }.map { $0 - measure.offset }
  }
}

extension Profile {
  /// What a category of a measure counts in the long term.
  public func usualCount(of measure: ProfileLayout.Measure, _ category: Int) -> Float {
    usual[measure.offset + category]
  }
}
