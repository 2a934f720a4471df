import Terms
import Testing

@testable import Analysis

@Suite struct ProfileFormulaTests {
  // MARK: The scale

  @Test(arguments: [(0.5, 0), (0.975, 1.959_964), (0.001, -3.090_232), (0.999_97, 4.012_811)])
  func quantilesAreThoseOfTheTables(probability: Double, expected: Double) {
    #expect(abs(NormalScore.quantile(probability) - expected) < 1e-5)
  }

  @Test func scoresAreStandardDeviationsOfAHalfNormal() {
    #expect(NormalScore.score(tail: 1) == 0)
    #expect(abs(NormalScore.score(tail: 0.045_500) - 2) < 1e-4)
    #expect(abs(NormalScore.score(tail: 0.002_699_8) - 3) < 1e-4)
    #expect(NormalScore.score(tail: 0) == 4)
    let scores = stride(from: 0.0, through: 1, by: 0.001).map { NormalScore.score(tail: $0) }
    #expect(zip(scores, scores.dropFirst()).allSatisfy { $0 >= $1 })
  }

  // MARK: Mixes

  /// What `count` observations of `place` make of the weights.
  private func observe(
    _ count: Int, _ place: Int, _ recent: inout [Float], _ step: inout Float
  ) {
    for _ in 0..<count {
      step = max(1, step * Profile.growth)
      recent[place] += step
    }
  }

  @Test func aHundredObservationsMoveHalfOfTheMix() {
    var recent: [Float] = [0, 0]
    var step: Float = 0
    observe(100, 0, &recent, &step)
    let found = CategoryMix.statistic(
      recent: recent[...], step: step, usual: [500, 500] as ArraySlice<Float>)
    // γ = 2^(−1/100): g = 1 − γ^100 / 2 = 0.75; V = 0.25 · 0.0034657; Q = 2 · 0.25² / V.
    #expect(abs(found.largest.observed - 0.75) < 1e-4)
    #expect(abs(CategoryMix.variance(share: 0.5) - 0.25 * 0.003_465_7) < 1e-8)
    #expect(abs(found.q - 144.27) < 0.1)
    #expect(found.largest.group == .category(0))
  }

  @Test func nothingSeenIsNothingUnusual() {
    let found = CategoryMix.statistic(
      recent: [0, 0, 0], step: 0, usual: [10, 20, 30] as ArraySlice<Float>)
    #expect(found.q < 1e-12)
  }

  @Test func rareOnesArePooledAndNewOnesStandApart() {
    var recent: [Float] = [0, 0, 0, 0]
    var step: Float = 0
    observe(20, 3, &recent, &step)
    let usual: [Float] = [990, 5, 5, 0]
    let new = CategoryMix.statistic(recent: recent[...], step: step, usual: usual[...])
    #expect(new.largest.group == .new)
    #expect(abs(new.largest.observed - (1 - 0.870_55)) < 1e-4)
    recent = [0, 0, 0, 0]
    step = 0
    observe(20, 2, &recent, &step)
    let rare = CategoryMix.statistic(recent: recent[...], step: step, usual: usual[...])
    #expect(rare.largest.group == .rare)
    #expect(abs(rare.largest.expected - 0.01) < 1e-6)
    // One observation alone is never remarkable.
    recent = [0, 0, 0, 0]
    step = 0
    observe(1, 3, &recent, &step)
    let one = CategoryMix.statistic(recent: recent[...], step: step, usual: usual[...])
    #expect(one.q < 3)
  }

  @Test func theMixDoesNotDependOnTheScaleOfItsWeights() {
    var recent: [Float] = [0, 0]
    var step: Float = 0
    observe(40, 1, &recent, &step)
    let usual: ArraySlice<Float> = [300, 700]
    let one = CategoryMix.statistic(recent: recent[...], step: step, usual: usual).q
    let scaled = recent.map { $0 * 64 }
    let other = CategoryMix.statistic(recent: scaled[...], step: step * 64, usual: usual).q
    #expect(abs(one - other) < 1e-3)
  }

  // MARK: Tails

  @Test func binsAreHalfOctaves() {
    #expect(TailHistogram.bin(0) == 0)
    #expect(TailHistogram.bin(1.99) == 0)
    #expect(TailHistogram.bin(2) == 1)
    #expect(TailHistogram.bin(4) == 3)
    #expect(TailHistogram.bin(.infinity) == TailHistogram.binCount - 1)
    for bin in 1..<TailHistogram.binCount {
      let edge = TailHistogram.lowerEdge(bin)
      #expect(TailHistogram.bin(edge * 1.0001) == bin)
      #expect(TailHistogram.bin(edge * 0.9999) == bin - 1)
    }
  }

  @Test func tailsFallAndAreNeverZero() {
    var counts = [Float](repeating: 0, count: TailHistogram.binCount)
    counts[0] = 90
    counts[3] = 9
    counts[7] = 1
    let tails = (0..<TailHistogram.binCount).map { TailHistogram.tail(counts[...], from: $0) }
    #expect(zip(tails, tails.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(tails[0] > 0.99)
    #expect(abs(tails[1] - 10.5 / 101) < 1e-9)
    #expect(abs(tails[8] - 0.5 / 101) < 1e-9)
    #expect(TailHistogram.peak(counts[...]) == 7)
    #expect(TailHistogram.median(counts[...]) == 0)
    #expect(TailHistogram.threshold(counts[...], tail: 0.02) == 4)
  }

  // MARK: Amounts, ageing, freezing

  private func smallLayout() -> ProfileLayout {
    var layout = ProfileLayout()
    layout.add("names", .named)
    layout.add("ends", .fixed(["good", "bad"]))
    layout.addIntensity("amount", unit: "things", floor: 8)
    return layout
  }

  @Test func amountsFadeByTheirHalfLives() {
    var profile = Profile(smallLayout(), begun: CaptureTime(seconds: 0))
    profile.fade(to: CaptureTime(seconds: 0))
    profile.add(1, to: 0)
    profile.fade(to: CaptureTime(seconds: 60))
    profile.add(1, to: 0)
    // Q ← 1 + 2^(−Δt/h) · Q.
    let expected: [Float] = [1.5, 1.933_033, 1.988_514]
    for (found, wanted) in zip(profile.amounts, expected) { #expect(abs(found - wanted) < 1e-4) }
  }

  @Test func theLongTermHalvesInThirtyDaysHoweverOftenItIsAged() {
    let layout = smallLayout()
    func aged(every days: Int) -> Float {
      var profile = Profile(layout, begun: CaptureTime(seconds: 0))
      profile.usual[16] = 1000
      for day in stride(from: days, through: 30, by: days) {
        profile.settle(layout, at: CaptureTime(seconds: Double(day) * 86_400), ageing: 1.0 / 30)
      }
      return profile.usual[16]
    }
    #expect(abs(aged(every: 1) - 500) < 0.1)
    #expect(abs(aged(every: 30) - 500) < 0.1)
  }

  @Test func whatIsSeenWaitsBeforeItIsLearned() {
    let layout = smallLayout()
    var profile = Profile(layout, begun: CaptureTime(seconds: 0))
    let ends = layout.measures[1]
    profile.settle(layout, at: CaptureTime(seconds: 30), ageing: 0)
    profile.note(ends, 1)
    profile.settle(layout, at: CaptureTime(seconds: 660), ageing: 0)
    #expect(profile.usual[ends.offset + 1] == 0)
    profile.settle(layout, at: CaptureTime(seconds: 1260), ageing: 0)
    #expect(profile.usual[ends.offset + 1] == 1)
  }

  @Test func aFrozenProfileForgetsWhatMayHaveBeenTheAttack() {
    let layout = smallLayout()
    var profile = Profile(layout, begun: CaptureTime(seconds: 0))
    let ends = layout.measures[1]
    profile.settle(layout, at: CaptureTime(seconds: 30), ageing: 0)
    profile.note(ends, 0)
    profile.settle(layout, at: CaptureTime(seconds: 660), ageing: 0)
    profile.note(ends, 1)
    profile.freeze(from: CaptureTime(seconds: 650), until: CaptureTime(seconds: 3000))
    #expect(profile.isFrozen(at: CaptureTime(seconds: 2999)))
    #expect(!profile.isFrozen(at: CaptureTime(seconds: 3000)))
    profile.settle(layout, at: CaptureTime(seconds: 6000), ageing: 0)
    // What came in the window before is kept, for the attack began in this one.
    #expect(profile.usual[ends.offset] == 1 || profile.usual[ends.offset] == 0)
    #expect(profile.usual[ends.offset + 1] == 0)
  }

  @Test func namesAreLearnedAndTheRestIsOneCategory() {
    let layout = smallLayout()
    var profile = Profile(layout, begun: CaptureTime(seconds: 0))
    let names = layout.measures[0]
    let places = (1...20).map { profile.category(UInt32($0), of: names) }
    #expect(Array(places[..<15]) == Array(0..<15))
    #expect(places[15...].allSatisfy { $0 == 15 })
    #expect(profile.category(7, of: names) == 6)
    #expect(profile.key(6, of: names) == 7)
    #expect(profile.key(15, of: names) == nil)
  }
}
