import Terms
import Testing

@testable import Flows

@Suite struct TurnMeterTests {
  /// Turns of (seconds of silence before, whether the client speaks, bytes).
  private func meter(_ turns: [(Double, Bool, Int)]) -> TurnMeter {
    var meter = TurnMeter()
    var now = CaptureTime(seconds: 100)
    for (silence, isClient, count) in turns {
      now = now + .seconds(silence)
      _ = meter.take(count, isClient ? .out : .back, at: now)
    }
    return meter
  }

  private let handshake = [
    (0.0, true, 300), (0.01, false, 1200), (0.01, true, 80), (0.01, false, 500),
  ]

  @Test func whoIsAskedByItsServerIsReversed() {
    let asked = (0..<4).flatMap { _ in [(3.0, false, 25), (0.02, true, 300)] }
    #expect(meter(handshake + asked).isReversed)
  }

  @Test func whoAsksItsServerIsNot() {
    let asking = (0..<20).flatMap { _ in [(3.0, true, 300), (0.02, false, 5000)] }
    #expect(!meter(handshake + asking).isReversed)
  }

  @Test func whoIsTaughtAndOnlyNodsIsNot() {
    let pushed = (0..<20).flatMap { _ in [(30.0, false, 180), (0.02, true, 26)] }
    let alive = (0..<20).flatMap { _ in [(30.0, true, 26), (0.02, false, 26)] }
    #expect(!meter(handshake + pushed).isReversed)
    #expect(!meter(handshake + alive + pushed).isReversed)
  }

  @Test func uploadsAreNoAnswers() {
    let upload = (0..<200).map { _ in (0.01, true, 1400) }
    #expect(!meter(handshake + upload + [(1, false, 200)]).isReversed)
  }
}
