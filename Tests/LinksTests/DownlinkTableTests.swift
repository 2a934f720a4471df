import Monitoring
import Reports
import Terms
import Testing

@testable import Links

@Suite struct DownlinkTableTests {
  private let first = ConnectionID(1)
  private let second = ConnectionID(2)

  private func table(_ monitor: MonitorName = hq, children: Set<MonitorName> = [dmz])
    -> DownlinkTable
  {
    DownlinkTable(configuration: downlinkConfiguration(monitor, children: children))
  }

  /// What the table says to a child's hello.
  private func answer(_ table: inout DownlinkTable, _ hello: Hello) -> [DownlinkMachine.Directive] {
    _ = table.opened(first, .monitor(hello.monitor), ms(0))
    return table.received(first, .hello(hello), ms(1)).map(\.action)
  }

  private func sentRefusal(_ directives: [DownlinkMachine.Directive]) -> Refusal? {
    for case .send(.refusal(let refusal)) in directives { return refusal }
    return nil
  }

  private func linked() -> DownlinkTable {
    var table = table()
    #expect(answer(&table, hello()) == [.admit(hello())])
    let welcome = Welcome(monitor: hq, positions: [.live: 10])
    #expect(
      table.admit(first, positions: [.live: 10], ms(2)).map(\.action) == [
        .linked(dmz), .send(.welcome(welcome)),
      ])
    return table
  }

  @Test func aBatchIsStoredThenAcknowledged() {
    var table = linked()
    let time = CaptureTime(nanoseconds: 77)
    let batch = Batch(
      lane: .live, entries: [report(11, emitted: 1), report(12, emitted: 2)], through: 12,
      watermark: time)
    #expect(
      table.received(first, .batch(batch), ms(3)).map(\.action) == [
        .store(dmz, .live, batch.entries, through: 12, watermark: time)
      ])
    #expect(
      table.stored(first, .live, through: 12).map(\.action) == [
        .send(.acknowledgement(.live, through: 12))
      ])
  }

  @Test func reportsAlreadyStoredAreNotStoredAgain() {
    var table = linked()
    let batch = Batch(
      lane: .live, entries: [report(9, emitted: 1), report(11, emitted: 2)], through: 11,
      watermark: .distantPast)
    #expect(
      table.received(first, .batch(batch), ms(3)).map(\.action) == [
        .store(dmz, .live, [batch.entries[1]], through: 11, watermark: .distantPast)
      ])
  }

  @Test func aReportAgainstTheSchemaIsRejectedAndTheRestStored() {
    var table = linked()
    var odd = report(11, emitted: 1)
    odd.report.attributes["colour"] = .text("red")
    var stray = report(12, emitted: 1)
    stray.report.exercise = "drill-9"
    let batch = Batch(
      lane: .live, entries: [odd, stray, report(13, emitted: 2)], through: 13,
      watermark: .distantPast)
    #expect(
      table.received(first, .batch(batch), ms(3)).map(\.action) == [
        .rejected(dmz, .live, sequence: 11, .schema(.unknownField(.portScan, "colour"))),
        .rejected(dmz, .live, sequence: 12, .wrongLane("drill-9")),
        .store(dmz, .live, [batch.entries[2]], through: 13, watermark: .distantPast),
      ])
  }

  @Test func aWrongParentRefusesAndNamesBoth() {
    var table = table(branch, children: [])
    #expect(
      sentRefusal(answer(&table, hello()))
        == Refusal(.wrongParent, "'branch' is no parent of 'dmz' in the topology"))
  }

  @Test func aStrangerIsRefused() {
    var table = table()
    var words = hello()
    words.monitor = .of("nobody")
    #expect(sentRefusal(answer(&table, words))?.code == .stranger)
  }

  @Test func aHelloUnderAnotherNameIsRefused() {
    var table = table()
    _ = table.opened(first, .monitor(branch), ms(0))
    #expect(
      sentRefusal(table.received(first, .hello(hello()), ms(1)).map(\.action))?.code == .stranger)
  }

  @Test func anotherSchemaIsRefusedWithBothDigestsAndTheFirstDifference() throws {
    var other = schema
    other.kinds[.portScan]?.severity = 6
    var table = table()
    let refusal = try #require(sentRefusal(answer(&table, hello(schema: other))))
    #expect(refusal.code == .wrongSchema)
    #expect(refusal.detail.contains(schema.digest))
    #expect(refusal.detail.contains(other.digest))
    #expect(refusal.detail.hasSuffix("kind 'recon.port-scan' is defined differently"))
  }

  @Test func anotherProtocolIsRefused() {
    var table = table()
    var words = hello()
    words.protocolVersion = 99
    #expect(sentRefusal(answer(&table, words))?.code == .wrongVersion)
  }

  @Test func theNewerLinkOfAChildWins() {
    var table = linked()
    _ = table.opened(second, .monitor(dmz), ms(10))
    _ = table.received(second, .hello(hello()), ms(11))
    let output = table.admit(second, positions: [:], ms(12))
    #expect(
      output.filter { $0.connection == first }.map(\.action).last
        == .close(reason: "superseded: 'dmz' opened a newer link"))
    #expect(output.filter { $0.connection == second }.map(\.action).first == .linked(dmz))
    #expect(table.children == [dmz])
    #expect(table.closed(first, reason: "gone") == [])
    #expect(table.children == [dmz])
  }

  @Test func aChildThatIgnoresTheWindowIsCutOff() {
    var table = linked()
    var last: [DownlinkMachine.Directive] = []
    for index in 0...LinkLimit.window {
      let sequence = UInt64(11 + index)
      let batch = Batch(
        lane: .live, entries: [report(sequence, emitted: 1)], through: sequence,
        watermark: .distantPast)
      last = table.received(first, .batch(batch), ms(3)).map(\.action)
    }
    #expect(sentRefusal(last)?.code == .windowExceeded)
    #expect(last.contains { if case .left = $0 { true } else { false } })
  }

  @Test func aMonitorMayNotControlAndAnOperatorMayNotReport() {
    var table = linked()
    #expect(
      sentRefusal(table.received(first, .statusRequest, ms(3)).map(\.action))?.code == .notPermitted
    )
    let name = MonitorName.of("operator")
    _ = table.opened(second, .operator(name), ms(4))
    #expect(
      table.received(second, .statusRequest, ms(5)).map(\.action) == [
        .control(name, .statusRequest)
      ])
    #expect(
      sentRefusal(table.received(second, .hello(hello()), ms(6)).map(\.action))?.code
        == .notPermitted)
  }

  @Test func aSilentChildIsGivenUp() {
    var table = linked()
    #expect(table.tick(ms(1500)).map(\.action) == [.send(.heartbeat(Heartbeat()))])
    let output = table.tick(ms(10_002)).map(\.action)
    #expect(output.first == .left(dmz, reason: "silent for 10000 ms"))
    #expect(table.children == [])
  }
}
