import Glibc
import Terms

/// How long a profile learns before it judges, and how fast it forgets.
public struct ProfileTraining: Sendable, Hashable {
  /// Event time and learned observations of the first phase.
  public var categoryTime = TimeSpan.hours(7 * 24)
  public var observations: UInt64 = 1000
  /// Event time and learned epochs of each of the other two.
  public var tailTime = TimeSpan.hours(4 * 24)
  public var sumTime = TimeSpan.hours(3 * 24)
  public var epochs: UInt64 = 600
  /// Halvings of the long term per day.
  public var ageing = 1.0 / 30

  public init() {}
}

/// How a profile stands at the end of an epoch.
public struct ProfileVerdict: Sendable, Hashable {
  /// One statistic that is larger than usual.
  public struct Movement: Sendable, Hashable {
    /// Index of the categorical measure, or past them of the intensity.
    public var measure: Int
    /// Index into `ProfileLayout.halfLives`; nil for a categorical measure.
    public var halfLife: Int?
    public var score: Double
    /// The statistic, and the largest that history knows.
    public var statistic: Double
    public var peak: Double
    /// What the categorical measure's largest deviation is.
    public var deviation: CategoryMix.Deviation?
    /// The amount of an intensity, and the middle of its history.
    public var observed = 0.0
    public var expected = 0.0
    /// Half-octave bins beyond history.
    public var excess = 0

    /// Scores that hardly differ are alike.
    public var rank: Int { Int(score * 10) }
  }

  public var phase = Profile.Phase.categories
  /// T2 = mean of the squared scores, its tail, and the T2 from which that tail is red.
  public var sum = 0.0
  public var tail = 1.0
  public var threshold = 0.0
  /// Measures beyond anything in their history, the largest score first.
  public var movements: [Movement] = []

  public static let yellowTail = 0.01
  public static let redTail = 0.001
  /// Half-octave bins beyond history from which a statistic is unheard-of: twice as large as ever.
  public static let beyond = 2
  /// The same for one statistic by itself: four times as large as ever. T2 drowns one measure that
  /// moves among many that rest.
  public static let farBeyond = 4

  public var isRed: Bool { tail < Self.redTail && !movements.isEmpty }
  public var isYellow: Bool { tail < Self.yellowTail && !movements.isEmpty }
  public var isFar: Bool { movements.contains { $0.excess >= Self.farBeyond } }
}

extension Profile {
  /// Bins of T2, which lies in 0…16.
  static let sumBinsPerUnit = 3.0
  /// A categorical statistic below this is never remarkable, whatever its history.
  static let leastStatistic = 32.0

  /// Ends an epoch in which the subject was active: judges it as far as the phase allows, and lets
  /// what has waited be learned.
  public mutating func judge(
    _ layout: ProfileLayout, _ training: ProfileTraining, at now: CaptureTime
  ) -> ProfileVerdict {
    let wasFrozen = isFrozen(at: now)
    if wasFrozen { dropFresh() }
    settle(layout, at: now, ageing: training.ageing)
    advancePhase(layout, training, at: now)
    var verdict = ProfileVerdict(phase: phase)
    guard phase > .categories, !wasFrozen else {
      touched = 0
      return verdict
    }
    fade(to: now)
    let statistics = self.statistics(layout)
    touched = 0
    var bins = statistics.map { UInt8(TailHistogram.bin($0)) }
    var sumBin = Self.noBin
    if phase > .tails {
      weigh(statistics, bins, layout, into: &verdict)
      let bin = min(TailHistogram.binCount - 1, Int(verdict.sum * Self.sumBinsPerUnit))
      sumBin = UInt8(bin)
      if phase == .trained {
        verdict.tail = TailHistogram.tail(sums[...], from: bin)
        let red = TailHistogram.threshold(sums[...], tail: ProfileVerdict.redTail)
        verdict.threshold = Double(red) / Self.sumBinsPerUnit
      }
    }
    bins.append(sumBin)
    if freshBins.count < bins.count * 16 { freshBins += bins }
    return verdict
  }

  private mutating func advancePhase(
    _ layout: ProfileLayout, _ training: ProfileTraining, at now: CaptureTime
  ) {
    let passed = now - phaseBegun
    switch phase {
    case .categories:
      // The last measure of a layout is one that every observation touches.
      let first = layout.measures.last?.offset ?? 0
      learned = UInt64(min(usual[first...].reduce(0.0) { $0 + Double($1) }, 1e15))
      guard passed >= training.categoryTime, learned >= training.observations else { return }
    case .tails:
      guard passed >= training.tailTime, learned >= training.epochs else { return }
    case .sums:
      guard passed >= training.sumTime, learned >= training.epochs else { return }
    case .trained: return
    }
    phase = Phase(rawValue: phase.rawValue + 1) ?? .trained
    phaseBegun = now
    learned = 0
  }

  /// Q of every measure that the epoch touched, then of every intensity's half-lives. A measure
  /// that rests says nothing: its short-term mix is of old.
  private func statistics(_ layout: ProfileLayout) -> [Double] {
    layout.measures.map { touched & 1 &<< UInt64($0.index) == 0 ? 0 : statistic($0).q }
      + amounts.map(Double.init)
  }

  private func statistic(
    _ measure: ProfileLayout.Measure
  ) -> (q: Double, largest: CategoryMix.Deviation) {
    let range = measure.offset..<measure.offset + measure.width
    return CategoryMix.statistic(
      recent: recent[range], step: step[measure.index],
      usual: measure.isCyclic ? CategoryMix.smoothed(usual[range]) : usual[range])
  }

  private func history(_ statistic: Int) -> ArraySlice<Float> {
    let start = statistic * TailHistogram.binCount
    return tails[start..<start + TailHistogram.binCount]
  }

  private func weigh(
    _ statistics: [Double], _ bins: [UInt8], _ layout: ProfileLayout,
    into verdict: inout ProfileVerdict
  ) {
    let scores = statistics.indices.map {
      NormalScore.score(tail: TailHistogram.tail(history($0), from: Int(bins[$0])))
    }
    let measures = layout.measures.count
    var squares = scores[..<measures].reduce(0) { $0 + $1 * $1 }
    let lives = ProfileLayout.halfLives.count
    for intensity in layout.intensities.indices {
      let first = measures + intensity * lives
      let largest = scores[first..<first + lives].max() ?? 0
      squares += largest * largest
    }
    verdict.sum = squares / Double(max(layout.scoreCount, 1))
    guard phase == .trained else { return }
    for index in statistics.indices {
      if let moved = movement(index, statistics[index], Int(bins[index]), scores[index], layout) {
        verdict.movements.append(moved)
      }
    }
    verdict.movements.sort { ($1.rank, $1.excess, $0.measure) < ($0.rank, $0.excess, $1.measure) }
  }

  /// The statistic, if it lies beyond history.
  private func movement(
    _ index: Int, _ value: Double, _ bin: Int, _ score: Double, _ layout: ProfileLayout
  ) -> ProfileVerdict.Movement? {
    let history = history(index)
    let measures = layout.measures.count
    let lives = ProfileLayout.halfLives.count
    let isMix = index < measures
    let floor =
      isMix ? Self.leastStatistic : Double(layout.intensities[(index - measures) / lives].floor)
    let peak = max(TailHistogram.peak(history), TailHistogram.bin(floor) - 1)
    guard bin >= peak + ProfileVerdict.beyond else { return nil }
    var moved = ProfileVerdict.Movement(
      measure: isMix ? index : measures + (index - measures) / lives, score: score,
      statistic: value, peak: TailHistogram.lowerEdge(peak + 1), excess: bin - peak)
    if isMix {
      moved.deviation = statistic(layout.measures[index]).largest
    } else {
      moved.halfLife = (index - measures) % lives
      moved.observed = value
      moved.expected = TailHistogram.lowerEdge(TailHistogram.median(history))
    }
    return moved
  }
}
