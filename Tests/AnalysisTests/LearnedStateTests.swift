import Terms
import Testing

@testable import Analysis

@Suite struct LearnedStateTests {
  private let layout: ProfileLayout = {
    var layout = ProfileLayout()
    layout.add("names", .named)
    layout.add("sizes", .bins(first: 16, unit: "bytes"))
    layout.addIntensity("amount", unit: "things", floor: 8)
    return layout
  }()

  private func busyProfile() -> Profile {
    var profile = Profile(layout, begun: CaptureTime(seconds: 100))
    for minute in 0..<60 {
      let now = CaptureTime(seconds: 100 + Double(minute) * 60)
      profile.settle(layout, at: now, ageing: 1.0 / 30)
      for index in 0..<20 {
        let name = profile.category(UInt32(1 + (minute * index) % 7), of: layout.measures[0])
        profile.note(layout.measures[0], name)
        profile.note(layout.measures[1], ProfileLayout.bin(UInt64(index * 900), first: 16))
        profile.fade(to: now)
        profile.add(Float(index), to: 0)
      }
      _ = profile.judge(layout, ProfileTraining(), at: now)
    }
    return profile
  }

  @Test func aProfileComesBackAsItWas() throws {
    let profile = busyProfile()
    var writer = StateWriter()
    profile.encode(into: &writer)
    var reader = StateReader(writer.bytes)
    #expect(try Profile(layout, from: &reader) == profile)
    #expect(reader.isAtEnd)
  }

  @Test func damagedBytesAreALocatedFaultAndNeverATrap() throws {
    var writer = StateWriter()
    busyProfile().encode(into: &writer)
    for length in stride(from: 0, to: writer.bytes.count - 1, by: 37) {
      var reader = StateReader(Array(writer.bytes[..<length]))
      let fault = #expect(throws: StateFault.self) { try Profile(layout, from: &reader) }
      #expect((fault?.offset ?? .max) <= length)
    }
    var state: UInt64 = 7
    for _ in 0..<2000 {
      var bytes = writer.bytes
      for _ in 0..<4 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 24)
      }
      var reader = StateReader(bytes)
      guard var profile = try? Profile(layout, from: &reader) else { continue }
      // Whatever was read can be used.
      let now = CaptureTime(seconds: 1e6)
      profile.settle(layout, at: now, ageing: 1.0 / 30)
      profile.note(layout.measures[1], 3)
      _ = profile.judge(layout, ProfileTraining(), at: now)
    }
  }

  // MARK: Naive Bayes

  private let model = NaiveBayes(
    prior: [3, 1], tables: [[[9, 1], [2, 8]], [[1, 1, 2], [2, 1, 1]]], weight: 10)

  @Test func beliefIsThePriorTimesTheLikelihoods() {
    // 0.75 · 0.1 · 0.25 against 0.25 · 0.8 · 0.5.
    let belief = model.belief(model.prior, states: [1, 0])
    #expect(abs(belief[0] - 0.018_75 / 0.118_75) < 1e-9)
    #expect(abs(belief[0] + belief[1] - 1) < 1e-12)
    // A leaf that says nothing, or nonsense, changes nothing.
    let single = model.belief(model.prior, states: [1])
    #expect(model.belief(model.prior, states: [1, nil]) == single)
    #expect(model.belief(model.prior, states: [1, 9]) == single)
  }

  @Test func supportRelaxesTowardThePrior() {
    let relaxed = model.relaxed([0, 1], by: 0.25)
    #expect(abs(relaxed[0] - 0.1875) < 1e-12)
    #expect(abs(relaxed[1] - 0.8125) < 1e-12)
  }

  @Test func aWinningRowLearnsAndTheOthersStay() {
    var learned = model
    learned.learn(hypothesis: 0, states: [1, nil])
    // (0.1 · 9.99 + 1) / 10.99
    #expect(abs(learned.probability(leaf: 0, hypothesis: 0, state: 1) - 1.999 / 10.99) < 1e-9)
    #expect(learned.probability(leaf: 0, hypothesis: 1, state: 1) == 0.8)
    #expect(learned.probability(leaf: 1, hypothesis: 0, state: 0) == 0.25)
    for _ in 0..<5000 { learned.learn(hypothesis: 0, states: [1, 2]) }
    #expect(learned.probability(leaf: 0, hypothesis: 0, state: 1) > 0.98)
    // Effective counts fade: a row remembers about 1000 observations, and no state dies out.
    #expect(learned.counts[0] < 1001)
    #expect(learned.probability(leaf: 0, hypothesis: 0, state: 0) > 0.001)
  }

  @Test func learnedTablesComeBack() throws {
    var learned = model
    for _ in 0..<50 { learned.learn(hypothesis: 1, states: [0, 2]) }
    var writer = StateWriter()
    learned.encode(into: &writer)
    var reader = StateReader(writer.bytes)
    let restored = try model.restored(from: &reader)
    for state in 0..<3 {
      let one = learned.probability(leaf: 1, hypothesis: 1, state: state)
      #expect(abs(restored.probability(leaf: 1, hypothesis: 1, state: state) - one) < 1e-6)
    }
  }
}
