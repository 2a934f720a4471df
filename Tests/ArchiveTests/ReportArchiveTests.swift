import Archive
import Foundation
import Monitoring
import Reports
import Terms
import Testing

@Suite struct ReportArchiveTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  @Test func whatWasCommittedIsThereAfterACrash() throws {
    let drill = LaneName("drill-7")
    // A file copied while its writer still runs is what a crash leaves: no checkpoint, no clean
    // close.
    let archive = try ReportArchive(scratch.archive)
    try archive.appendProduced(produced(1...300), lane: .live)
    try archive.appendProduced(
      [ProducedReport(sequence: nil, report: report(900))], lane: drill)
    try archive.appendReceived(
      received(1...40), from: name("br-office"), lane: .live, through: 41,
      watermark: CaptureTime(seconds: 1_700_000_050))
    try archive.acknowledge(lane: .live, through: 120)
    let copy = scratch.path + "/crashed.sqlite"
    for suffix in ["", "-wal"] {
      try FileManager.default.copyItem(atPath: scratch.archive + suffix, toPath: copy + suffix)
    }

    let restarted = try ReportArchive(copy)
    let resumption = try restarted.resumption()
    #expect(
      resumption.children == [
        Resumption.ChildPosition(
          child: name("br-office"), lane: .live, sequence: 41,
          watermark: CaptureTime(seconds: 1_700_000_050))
      ])
    #expect(
      resumption.outboxes == [Resumption.Outbox(lane: .live, newest: 300, acknowledged: 120)])
    #expect(
      resumption.produced == [
        .live: Set((1...300).map { ReportRevision(report($0)) }),
        drill: [ReportRevision(report(900))],
      ])
    #expect(try restarted.counts(lane: .live).received == 40)
    #expect(restarted.spooledBytes == archive.spooledBytes)
  }

  /// A page ends by number, by length and by how much was read for it.
  @Test func pagesTogetherHoldEveryWantedReportOnce() throws {
    let archive = try ReportArchive(scratch.archive)
    var all = produced(1...700)
    for place in stride(from: 3, to: 700, by: 50) { all[place].report.reportClass = .incident }
    // Longer than any page.
    all[53].report.targets = AddressSet((1...40).map { IPAddress(v4: UInt32($0)) })
    try archive.appendProduced(all, lane: .live)
    let length = ReportCoding.sizeEstimate(all[3].report)

    func pages(_ classes: Set<ReportClass>, limit: Int, bytes: Int) throws -> [[Report]] {
      var pages: [[Report]] = []
      var place: UInt64? = 0
      while let after = place {
        let page = try archive.own(
          lane: .live, classes: classes, after: after, limit: limit, bytes: bytes)
        pages.append(page.entries.map(\.report))
        place = page.next
      }
      return pages
    }
    let incidents = all.map(\.report).filter { $0.reportClass == .incident }
    let short = try pages([.incident], limit: 100, bytes: length * 3 + 10)
    #expect(short.allSatisfy { $0.count <= 3 })
    #expect(short.flatMap(\.self) == incidents.filter { $0.id != all[53].report.id })
    #expect(try pages([.incident], limit: 4, bytes: .max).flatMap(\.self) == incidents)
    let whole = try pages(Set(ReportClass.allCases), limit: 1000, bytes: .max)
    #expect(whole.flatMap(\.self) == all.map(\.report))
    let wanted = Set(incidents.prefix(3).map(\.id) + [report(9999).id])
    #expect(Set(try archive.reports(wanted).map(\.report)) == Set(incidents.prefix(3)))
  }

  @Test func whatNoParentHasComesBackInOrderAndWhole() throws {
    let archive = try ReportArchive(scratch.archive)
    try archive.appendProduced(produced(1...500), lane: .live)
    try archive.appendProduced([ProducedReport(sequence: nil, report: report(999))], lane: .live)
    try archive.appendProduced(produced(501...700), lane: .live)
    let first = try archive.unacknowledged(lane: .live, after: 250, limit: 100)
    #expect(first.map(\.sequence) == Array(251...350))
    #expect(first.first?.report == report(251))
    let rest = try archive.unacknowledged(lane: .live, after: 350, limit: 1000)
    #expect(rest.map(\.sequence) == Array(351...700))
    #expect(try archive.unacknowledged(lane: .live, after: 700, limit: 10).isEmpty)
    #expect(try archive.unacknowledged(lane: LaneName("other"), after: 0, limit: 10).isEmpty)
  }

  @Test func anAcknowledgementNeverGoesBack() throws {
    let archive = try ReportArchive(scratch.archive)
    try archive.appendProduced(produced(1...256), lane: .live)
    try archive.acknowledge(lane: .live, through: 256)
    try archive.acknowledge(lane: .live, through: 3)
    #expect(try archive.resumption().outboxes.first?.acknowledged == 256)
    #expect(archive.spooledBytes == 0)
  }

  @Test func theNewestRevisionWinsInEveryQuery() throws {
    let archive = try ReportArchive(scratch.archive)
    try archive.appendProduced(produced(1...3), lane: .live)
    let revised = report(1, revision: 2, later: 60)
    try archive.appendProduced([ProducedReport(sequence: 4, report: revised)], lane: .live)
    try archive.appendProduced(
      [ProducedReport(sequence: 5, report: report(1, revision: 1, later: 30))], lane: .live)
    try archive.appendProduced(
      [ProducedReport(sequence: 6, report: report(4, .evidence))], lane: .live)
    try archive.appendReceived(
      received(1...2), from: name("hq-dmz"), lane: .live, through: 2, watermark: .distantPast)
    #expect(try archive.report(revised.id) == ArchivedReport(child: nil, report: revised))
    #expect(try archive.report(report(77).id) == nil)
    #expect(
      try archive.reports(lane: .live, classes: [.detection]) == [revised, report(2), report(3)])
    #expect(try archive.reports(lane: .live, classes: [.evidence]) == [report(4, .evidence)])
    #expect(
      try archive.received(lane: .live)
        == [1, 2].map { ArchivedReport(child: name("hq-dmz"), report: report($0)) })
    var index = try ArchiveIndex(archive)
    #expect(index.ids.count == 4)
    #expect(try index.report(revised.id)?.report == revised)
  }

  @Test func aReleasedDrillLeavesNothingBehind() throws {
    let archive = try ReportArchive(scratch.archive)
    let drill = LaneName("drill-7")
    try archive.appendProduced(produced(1...5), lane: .live)
    let before = try archive.usedBytes()
    try archive.appendProduced(produced(1...4000), lane: drill)
    try archive.appendReceived(
      received(1...4000), from: name("hq-dmz"), lane: drill, through: 4000, watermark: .distantPast)
    #expect(try archive.usedBytes() > before + 1 << 20)
    try archive.release(lane: drill)
    #expect(try archive.usedBytes() == before)
    #expect(try archive.lanes() == [.live])
    #expect(try archive.resumption().produced.keys.sorted() == [.live])
    #expect(try archive.unacknowledged(lane: .live, after: 0, limit: 9).count == 5)
  }

  @Test func aFailedTransactionLeavesNothingBehind() throws {
    struct Stop: Error {}
    let archive = try ReportArchive(scratch.archive)
    try archive.transaction { try $0.appendProduced(produced(1...10), lane: .live) }
    let spooled = archive.spooledBytes
    #expect(throws: ArchiveFault.self) {
      try archive.transaction {
        try $0.appendProduced(produced(11...20), lane: .live)
        try $0.acknowledge(lane: .live, through: 10)
        throw Stop()
      }
    }
    #expect(
      try archive.resumption().outboxes == [
        Resumption.Outbox(lane: .live, newest: 10, acknowledged: 0)
      ])
    #expect(archive.spooledBytes == spooled)
  }

  @Test func aReaderSeesCommitsWhileTheMonitorRuns() throws {
    let archive = try ReportArchive(scratch.archive)
    try archive.appendProduced(produced(1...3), lane: .live)
    let reader = try ReportArchive(reading: scratch.archive)
    #expect(try reader.reports(lane: .live).count == 3)
    try archive.appendProduced(produced(4...9), lane: .live)
    #expect(try reader.reports(lane: .live).count == 9)
    let fault = #expect(throws: ArchiveFault.self) {
      try reader.appendProduced(produced(10...10), lane: .live)
    }
    #expect(fault?.reason == .readOnly)
  }
}

@Suite struct CheckpointArchiveTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// State and inbox position are one commit: behind the checkpoint is what came after it, and what
  /// was rolled back is nowhere.
  @Test func aCheckpointStandsWhereTheInboxStood() throws {
    struct Crash: Error {}
    let archive = try ReportArchive(scratch.archive)
    func receive(_ numbers: ClosedRange<Int>, _ archive: ReportArchive) throws {
      try archive.appendReceived(
        received(numbers), from: name("br-office"), lane: .live,
        through: UInt64(numbers.upperBound), watermark: .distantPast,
        reached: CaptureTime(nanoseconds: Int64(numbers.lowerBound)))
    }
    try archive.transaction { archive in
      try receive(1...300, archive)
      try archive.appendProduced(produced(1...5), lane: .live)
      try archive.saveCheckpoint([1, 2, 3], lane: .live)
      try receive(301...310, archive)
      try archive.appendProduced(produced(6...7), lane: .live)
    }
    #expect(throws: (any Error).self) {
      try archive.transaction { archive in
        try receive(311...320, archive)
        try archive.saveCheckpoint([4], lane: .live)
        throw Crash()
      }
    }
    let resumption = try archive.resumption()
    let checkpoint = try #require(resumption.checkpoints[.live])
    #expect(checkpoint.bytes == [1, 2, 3])
    #expect(resumption.produced == [.live: Set((6...7).map { ReportRevision(report($0)) })])
    var behind: [Report] = []
    try archive.eachReceived(lane: .live, after: checkpoint.received) { _, report, reached in
      behind.append(report)
      #expect(reached == CaptureTime(nanoseconds: 301))
    }
    #expect(behind == (301...310).map { report($0) })
    let whole = try archive.resumption(usingCheckpoints: false)
    #expect(whole.checkpoints.isEmpty)
    #expect(whole.produced[.live]?.count == 7)
  }

  @Test func aReleasedLaneHasNoCheckpoint() throws {
    let archive = try ReportArchive(scratch.archive)
    try archive.saveCheckpoint([1], lane: LaneName("drill"))
    try archive.release(lane: LaneName("drill"))
    #expect(try archive.resumption().checkpoints.isEmpty)
  }
}
