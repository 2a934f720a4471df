import Reports
import Terms
import Testing

@testable import Monitoring

@Test func reportsWaitForTheSlowestChild() {
  var lane = makeLane(["dmz", "office"])
  lane.receive(evidence("dmz", at: 5))
  lane.setWatermark(seconds(9), of: name("dmz"))
  #expect(lane.process().isEmpty)
  #expect(lane.waiting == 1)
  lane.setWatermark(seconds(7), of: name("office"))
  #expect(lane.process().map(\.emitted) == [seconds(5), seconds(6)])
  #expect(lane.watermark == seconds(7))
}

/// The same reports in any order, cut into any pieces by watermarks, give the same output.
@Test(arguments: 0..<20 as Range<UInt64>) func arrivalOrderDoesNotShow(seed: UInt64) {
  var generator = TestGenerator(state: seed)
  let reports = (0..<40).map { index in
    evidence(index.isMultiple(of: 2) ? "dmz" : "office", at: Double(index / 4), subject: "\(index)")
  }
  var straight = makeLane(["dmz", "office"])
  for report in reports { straight.receive(report) }
  for child in ["dmz", "office"] { straight.setWatermark(.distantFuture, of: name(child)) }
  let expected = straight.process()

  var lane = makeLane(["dmz", "office"])
  var output: [Report] = []
  var rest = reports.shuffled(using: &generator)
  var reached = 0.0
  while !rest.isEmpty {
    reached += Double.random(in: 0...4, using: &generator)
    // Everything up to the watermark must be there before it; what is later may come early too.
    let due = rest.filter { $0.emitted <= seconds(reached) || Bool.random(using: &generator) }
    rest.removeAll { report in due.contains { $0.id == report.id } }
    for report in due { lane.receive(report) }
    for child in ["dmz", "office"] { lane.setWatermark(seconds(reached), of: name(child)) }
    output += lane.process()
  }
  for child in ["dmz", "office"] { lane.setWatermark(.distantFuture, of: name(child)) }
  output += lane.process()
  #expect(output == expected)
  #expect(lane.lateCount == 0)
}

@Test func aDeadChildIsNamedAndHoldsNothingUp() throws {
  var lane = makeLane(["dmz", "office"])
  lane.receive(evidence("dmz", at: 5))
  lane.setWatermark(seconds(20), of: name("dmz"))
  #expect(lane.process().isEmpty)
  lane.setAlive(false, child: name("office"))
  let output = lane.process()
  #expect(output.contains { $0.kind == .monitorSilent })
  #expect(output.allSatisfy { $0.coverage.silent == [name("office")] })
  #expect(lane.watermark == seconds(20))
}

@Test func aLateReportIsCountedAndTheNextThingThatHappens() {
  var lane = makeLane(["dmz"])
  lane.setWatermark(seconds(10), of: name("dmz"))
  _ = lane.process()
  let late = evidence("dmz", at: 9)
  lane.receive(late)
  lane.receive(evidence("dmz", at: 11))
  lane.setWatermark(seconds(11.5), of: name("dmz"))
  let output = lane.process()
  #expect(lane.lateCount == 1)
  // The broken promise is noted, and the engine of this test repeats all that it hears.
  #expect(output.contains { $0.derivedFrom == [late.id] })
  #expect(output.allSatisfy { $0.emitted > seconds(10) })
}

/// What came late comes late again when it is taken from the inbox, whatever time it is then.
@Test func aLateReportIsLateAgain() {
  var first = makeLane(["dmz"])
  first.receive(evidence("dmz", at: 3))
  first.setWatermark(seconds(10), of: name("dmz"))
  var output = first.process()
  let reached = first.watermark
  // Of a child that nobody waits for.
  first.receive(evidence("office", at: 9))
  first.setWatermark(seconds(30), of: name("dmz"))
  output += first.process()

  var again = makeLane(["dmz"])
  again.receive(evidence("dmz", at: 3))
  again.receive(evidence("office", at: 9), reached: reached)
  again.setWatermark(seconds(30), of: name("dmz"))
  #expect(again.process() == output)
  #expect(again.lateCount == 1)
}

@Test func aLaneWithAnEngineThatKeepsNothingHasNoState() {
  #expect(throws: CheckpointFault.self) { try makeLane(["dmz"]).state() }
}

@Test func nothingIsEmittedAtOrBeforeAPromisedWatermark() {
  var lane = makeLane(["dmz"])
  var promised = CaptureTime.distantPast
  for step in 0..<50 {
    lane.receive(evidence("dmz", at: Double(step) + 0.5, subject: "\(step)"))
    lane.setWatermark(seconds(Double(step) + 0.75), of: name("dmz"))
    for report in lane.process() { #expect(report.emitted > promised) }
    promised = lane.watermark
  }
}

struct TestGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 29
  }
}
