import Monitoring
import Reports
import Terms
import Testing

@testable import Links

@Suite struct UplinkMachineTests {
  private func linked(
    _ machine: inout UplinkMachine, _ parent: MonitorName = hq,
    positions: [LaneName: UInt64] = [:], at now: HostTime
  ) -> [String] {
    let greeting = machine.connected(parent, now).map(\.line)
    #expect(greeting == ["\(parent) <- hello"])
    return machine.received(
      .welcome(Welcome(monitor: parent, positions: positions)), from: parent, now
    )
    .map(\.line)
  }

  @Test func aChildDialsSaysHelloAndSendsWhatItHas() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    #expect(machine.start(ms(0)).map(\.line) == ["dial hq"])
    #expect(
      machine.append([report(1, emitted: 10), report(2, emitted: 20)], lane: .live, ms(1)) == [])
    #expect(
      linked(&machine, at: ms(2)) == [
        "linked hq", "hq <- heartbeat",
        "hq <- batch live [1, 2] through 2, watermark \(Int64.min)",
      ])
    #expect(
      machine.received(.acknowledgement(.live, through: 2), from: hq, ms(3)).map(\.line) == [
        "acknowledged live 2"
      ])
    #expect(machine.spoolDepths[.live] == 0)
  }

  @Test func aWatermarkNeverPassesAReportThatIsNotSentYet() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    _ = machine.start(ms(0))
    _ = linked(&machine, at: ms(1))
    _ = machine.append([report(1, emitted: 100)], lane: .live, ms(2))
    // The first batch is under way, so the next reports wait for its acknowledgement.
    _ = machine.append([report(2, emitted: 200), report(3, emitted: 300)], lane: .live, ms(3))
    let told = machine.setWatermark(CaptureTime(nanoseconds: 900), lane: .live, ms(50))
    #expect(told.map(\.line) == ["hq <- heartbeat live=199"])
    #expect(
      machine.received(.acknowledgement(.live, through: 1), from: hq, ms(51)).map(\.line) == [
        "acknowledged live 1", "hq <- batch live [2, 3] through 3, watermark 900",
      ])
  }

  @Test func whatWasNotAcknowledgedIsSentAgainOnTheNextLink() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    _ = machine.start(ms(0))
    _ = linked(&machine, at: ms(1))
    _ = machine.append((1...4).map { report($0, emitted: Int64($0)) }, lane: .live, ms(2))
    #expect(
      machine.disconnected(hq, reason: "reset", ms(10)).map(\.line) == ["unlinked hq: reset"])
    #expect(machine.tick(ms(109)) == [])
    #expect(machine.tick(ms(110)).map(\.line) == ["dial hq"])
    // The parent had stored two of them before the link broke.
    #expect(
      linked(&machine, positions: [.live: 2], at: ms(111)) == [
        "linked hq", "acknowledged live 2", "hq <- heartbeat",
        "hq <- batch live [3, 4] through 4, watermark \(Int64.min)",
      ])
  }

  @Test func thePauseBetweenDialsDoublesUpToItsLimit() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    #expect(machine.start(ms(0)) == [.dial(hq)])
    var now: UInt64 = 0
    var pauses: [UInt64] = []
    for _ in 0..<9 {
      #expect(machine.disconnected(hq, reason: "refused", ms(now)) == [])
      let next = machine.nextTick.nanoseconds / 1_000_000
      pauses.append(next - now)
      now = next
      #expect(machine.tick(ms(now)) == [.dial(hq)])
    }
    #expect(pauses == [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  }

  @Test func theNextParentTakesOverAndThePreferredOneGetsTheChildBack() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq, branch]))
    #expect(machine.start(ms(0)) == [.dial(hq)])
    _ = machine.disconnected(hq, reason: "refused", ms(0))
    var now: UInt64 = 0
    var dialled: [String] = []
    while dialled.last != "dial branch" {
      now = machine.nextTick.nanoseconds / 1_000_000
      let lines = machine.tick(ms(now)).map(\.line)
      dialled += lines
      if lines.contains("dial hq") { _ = machine.disconnected(hq, reason: "refused", ms(now)) }
    }
    #expect(now == 5000)
    #expect(linked(&machine, branch, at: ms(5001)).first == "linked branch")
    #expect(machine.parentInUse == branch)
    _ = machine.append([report(1, emitted: 1)], lane: .live, ms(5002))
    // Ten seconds later the preferred parent is tried beside the link in use, and answers.
    var probe: [String] = []
    now = 5002
    while !probe.contains("dial hq") {
      now += 500
      _ = machine.received(.heartbeat(Heartbeat()), from: branch, ms(now))
      probe = machine.tick(ms(now)).map(\.line)
    }
    #expect((14_500...15_600).contains(now))
    #expect(
      linked(&machine, at: ms(now)) == [
        "branch <- goodbye: 'hq' is preferred and back",
        "unlinked branch: 'hq' is preferred and back",
        "close branch: 'hq' is preferred and back", "linked hq", "hq <- heartbeat",
        "hq <- batch live [1] through 1, watermark \(Int64.min)",
      ])
    #expect(machine.parentInUse == hq)
  }

  @Test func aRefusalIsReportedAndTheNextParentTriedAtOnce() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq, branch]))
    _ = machine.start(ms(0))
    _ = machine.connected(hq, ms(1))
    let refusal = Refusal(.wrongParent, "'hq' is no parent of 'dmz' in the topology")
    #expect(
      machine.received(.refusal(refusal), from: hq, ms(2)) == [
        .refused(by: hq, refusal), .close(hq, reason: "\(refusal)"),
      ])
    #expect(machine.disconnected(hq, reason: "closed", ms(3)) == [.dial(branch)])
  }

  @Test func noMoreThanTheWindowIsUnderWay() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    _ = machine.start(ms(0))
    _ = linked(&machine, at: ms(1))
    let output = machine.append((1...4000).map { report($0, emitted: 5) }, lane: .live, ms(2))
    #expect(
      output.count { if case .send(.batch, _) = $0 { true } else { false } } == LinkLimit.window)
  }

  @Test func whatDoesNotFitInMemoryIsLoadedFromTheStore() {
    var configuration = uplinkConfiguration([hq])
    configuration.memory = UplinkLane.Memory(queueReports: 4, loadReports: 2)
    var machine = UplinkMachine(configuration: configuration)
    _ = machine.start(ms(0))
    _ = machine.append((1...8).map { report($0, emitted: Int64($0) * 10) }, lane: .live, ms(1))
    _ = machine.setWatermark(CaptureTime(nanoseconds: 80), lane: .live, ms(1))
    let first = linked(&machine, at: ms(2))
    #expect(first.suffix(1) == ["hq <- batch live [1, 2, 3, 4] through 4, watermark 49"])
    let loads = machine.received(.acknowledgement(.live, through: 4), from: hq, ms(30)).map(\.line)
    #expect(loads == ["acknowledged live 4", "load live after 4, 2"])
    let next = machine.loaded(
      [report(5, emitted: 50), report(6, emitted: 60)], lane: .live, ms(31))
    #expect(
      next.map(\.line) == [
        "hq <- batch live [5, 6] through 6, watermark 69", "load live after 6, 2",
      ])
  }

  @Test func anEarlierRunsOutboxIsSentFirst() {
    var machine = UplinkMachine(
      configuration: uplinkConfiguration([hq]),
      outboxes: [Resumption.Outbox(lane: .live, newest: 9, acknowledged: 7)])
    _ = machine.start(ms(0))
    _ = machine.setWatermark(CaptureTime(nanoseconds: 500), lane: .live, ms(0))
    #expect(
      linked(&machine, positions: [.live: 8], at: ms(1)) == [
        "linked hq", "acknowledged live 8", "hq <- heartbeat", "load live after 8, 1024",
      ])
    #expect(
      machine.loaded([report(9, emitted: 90)], lane: .live, ms(30)).map(\.line) == [
        "hq <- batch live [9] through 9, watermark 500"
      ])
  }

  @Test func aClosedLaneEndsOnceTheParentHasItAll() {
    let drill = LaneName("drill-1")
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    _ = machine.start(ms(0))
    _ = linked(&machine, at: ms(1))
    _ = machine.append([report(1, emitted: 1, lane: drill)], lane: drill, ms(2))
    #expect(machine.closeLane(drill, ms(3)) == [])
    #expect(
      machine.received(.acknowledgement(drill, through: 1), from: hq, ms(4)).map(\.line) == [
        "acknowledged drill-1 1",
        "hq <- batch drill-1 [] through 1, watermark \(Int64.max)",
      ])
    #expect(
      machine.received(.acknowledgement(drill, through: 1), from: hq, ms(5)).map(\.line) == [
        "ended drill-1"
      ])
    #expect(machine.spoolDepths[drill] == nil)
  }

  @Test func aReportTooLongToTravelIsLeftOutAndCounted() {
    var long = report(1, emitted: 1)
    var set = AddressSet()
    for index in 0..<64 as Range<UInt64> { set.insert(IPAddress(high: 1, low: index)) }
    let row = ContactRow(
      source: IPPrefix(host: .unspecified), transport: .tcp, port: 1, attempts: 1, failures: 1,
      targets: set, failedTargets: set, first: .distantPast, last: .distantPast)
    long.report.summary = .contacts(Array(repeating: row, count: 2000))
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    _ = machine.start(ms(0))
    _ = machine.append([long, report(2, emitted: 2)], lane: .live, ms(1))
    let lines = linked(&machine, at: ms(2))
    #expect(lines.last == "hq <- batch live [2] through 2, watermark \(Int64.min)")
    #expect(machine.oversized == 1)
  }

  @Test func aLaneThatHasEndedIsPromisedToItsEnd() {
    var machine = UplinkMachine(configuration: uplinkConfiguration([hq]))
    _ = machine.start(ms(0))
    _ = linked(&machine, at: ms(1))
    #expect(
      machine.setWatermark(.distantFuture, lane: .live, ms(50)).map(\.line) == [
        "hq <- heartbeat live=\(Int64.max)"
      ])
  }
}
