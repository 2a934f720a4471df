import Archive
import Foundation
import Monitoring
import Reports
import Terms
import Testing

@Suite struct RetentionTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  /// Batches of ten reports, one report a second.
  private func fill(_ archive: ReportArchive, batches: Int) throws {
    for batch in 0..<batches {
      try archive.appendProduced(produced(batch * 10 + 1...batch * 10 + 10), lane: .live)
    }
  }

  @Test func oldBatchesGoOnlyOnceAcknowledged() throws {
    let archive = try ReportArchive(
      scratch.archive, options: ArchiveOptions(keepFor: .seconds(100)))
    try fill(archive, batches: 100)
    #expect(try archive.enforceRetention() == 0)
    try archive.acknowledge(lane: .live, through: 500)
    #expect(try archive.enforceRetention() == 500)
    #expect(try archive.unacknowledged(lane: .live, after: 0, limit: 9999).count == 500)
    try archive.acknowledge(lane: .live, through: 1000)
    #expect(try archive.enforceRetention() == 390)
    #expect(archive.losses.named == ["archive.reports-expired": 890])
  }

  @Test func aLargeArchiveDropsItsOldestReceivedReports() throws {
    let limit: Int64 = 400 << 10
    let archive = try ReportArchive(
      scratch.archive, options: ArchiveOptions(keepBytes: limit))
    for batch in 0..<1000 {
      try archive.appendReceived(
        received(batch * 10 + 1...batch * 10 + 10), from: name("hq-dmz"), lane: .live,
        through: UInt64(batch * 10 + 10), watermark: .distantPast)
    }
    while try archive.enforceRetention() > 0 {}
    #expect(try archive.usedBytes() <= limit)
    let kept = try archive.received(lane: .live)
    #expect(kept.last?.report == report(10_000))
    #expect(kept.first?.report != report(1))
    #expect(try archive.resumption().children.first?.sequence == 10_000)
  }

  @Test func aFullSpoolRefusesEvidenceAndCountsIt() throws {
    let archive = try ReportArchive(scratch.archive, options: ArchiveOptions(spoolBytes: 1))
    try archive.appendProduced(produced(1...10), lane: .live)
    try archive.appendProduced(produced(11...20, .evidence), lane: .live)
    try archive.appendProduced(produced(21...30), lane: .live)
    #expect(
      try archive.unacknowledged(lane: .live, after: 0, limit: 99).map(\.sequence)
        == Array(1...10) + Array(21...30))
    #expect(archive.losses.refused == 10)
    try archive.acknowledge(lane: .live, through: 30)
    try archive.appendProduced(produced(31...40, .evidence), lane: .live)
    #expect(archive.losses.refused == 10)
    #expect(try archive.unacknowledged(lane: .live, after: 30, limit: 99).count == 10)
  }
}
