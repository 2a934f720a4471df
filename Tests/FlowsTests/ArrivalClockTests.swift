import Flows
import Terms
import Testing

@Suite struct ArrivalClockTests {
  private func seconds(_ times: [Double]) -> ([Double], ArrivalClock) {
    var clock = ArrivalClock()
    let arrivals = times.map { clock.arrival(CaptureTime(seconds: $0)).seconds }
    return (arrivals, clock)
  }

  @Test func oneFrameFarAheadHoldsNobodyBack() {
    let (arrivals, clock) = seconds([1000, 1001, 9e8, 1002, 1003])
    #expect(arrivals == [1000, 1001, 1001, 1002, 1003])
    #expect(clock.doubtedTimes == 1)
    #expect(clock.clampedTimes == 0)
  }

  @Test func aLongSilenceIsBelievedWithItsSecondFrame() {
    let (arrivals, clock) = seconds([1000, 500_000, 500_001, 500_002])
    #expect(arrivals == [1000, 1000, 500_001, 500_002])
    #expect(clock.doubtedTimes == 1)
  }

  @Test func twoWrongFramesDoNotConfirmEachOther() {
    let (arrivals, _) = seconds([1000, 9e8, 3e9, 1002])
    #expect(arrivals == [1000, 1000, 1000, 1002])
  }

  @Test func timeGoesOnWhereAllFramesAreDaysApart() {
    let (arrivals, clock) = seconds((0..<10).map { Double($0) * 200_000 })
    #expect(
      arrivals == [
        0, 0, 400_000, 400_000, 800_000, 800_000, 1_200_000, 1_200_000, 1_600_000, 1_600_000,
      ])
    #expect(clock.clampedTimes == 0)
  }

  @Test func timesAtTheEndsOfTheScaleOverflowNothing() {
    var clock = ArrivalClock()
    for nanoseconds in [Int64.min, .max, .max, .min, 0, .max] {
      _ = clock.arrival(CaptureTime(nanoseconds: nanoseconds))
    }
    #expect(clock.newest == CaptureTime(nanoseconds: 1 << 62))
  }

  @Test func hoursOfSilenceAreOrdinary() {
    let (arrivals, clock) = seconds([1000, 40_000, 39_000, 80_000])
    #expect(arrivals == [1000, 40_000, 40_000, 80_000])
    #expect(clock.clampedTimes == 1)
    #expect(clock.doubtedTimes == 0)
  }
}
