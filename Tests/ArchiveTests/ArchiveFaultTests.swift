import Archive
import Foundation
import GRDB
import Monitoring
import Reports
import Terms
import Testing

@Suite struct ArchiveFaultTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func fault(_ body: () throws -> Void) -> ArchiveFault.Reason? {
    let fault = #expect(throws: ArchiveFault.self, performing: body)
    return fault?.reason
  }

  @Test func aSecondWriterIsRefusedAndToldWhoHoldsTheArchive() throws {
    let first = try ReportArchive(scratch.archive)
    #expect(
      fault { _ = try ReportArchive(scratch.archive) }
        == .locked(by: ProcessInfo.processInfo.processIdentifier))
    try first.appendProduced(produced(1...2), lane: .live)
  }

  @Test func theLockGoesWithItsHolder() throws {
    do { _ = try ReportArchive(scratch.archive) }
    _ = try ReportArchive(scratch.archive)
  }

  @Test func aDirectoryThatCannotBeWrittenIsNamed() {
    // Even root cannot create a file here.
    guard case .notWritable = fault({ _ = try ReportArchive("/proc/reports.sqlite") }) else {
      Issue.record("not refused as unwritable")
      return
    }
  }

  @Test func aDirectoryInPlaceOfTheFileIsNamed() {
    #expect(fault { _ = try ReportArchive(scratch.path) } == .notAFile)
  }

  @Test func readingWhatIsNotThereIsNamed() {
    #expect(fault { _ = try ReportArchive(reading: scratch.archive) } == .missing)
  }

  @Test(arguments: [0.3, 0.6, 0.95]) func aTruncatedFileIsDamagedNotEmpty(share: Double) throws {
    do {
      let archive = try ReportArchive(scratch.archive)
      try archive.appendProduced(produced(1...2000), lane: .live)
    }
    let size = try #require(
      try FileManager.default.attributesOfItem(atPath: scratch.archive)[.size] as? Int)
    truncate(scratch.archive, Int(Double(size) * share))
    guard
      case .corrupt = fault({ _ = try ReportArchive(scratch.archive).reports(lane: .live) })
    else {
      Issue.record("not refused as damaged")
      return
    }
  }

  @Test func aTextFileIsNoArchive() throws {
    try Data("scenario: not a database, but long enough to look like one\n".utf8)
      .write(to: URL(fileURLWithPath: scratch.archive))
    guard case .corrupt = fault({ _ = try ReportArchive(scratch.archive) }) else {
      Issue.record("not refused as damaged")
      return
    }
  }

  @Test func someoneElsesDatabaseIsLeftAlone() throws {
    try DatabaseQueue(path: scratch.archive).write { try $0.execute(sql: "CREATE TABLE a (b)") }
    #expect(fault { _ = try ReportArchive(scratch.archive) } == .foreign)
    #expect(fault { _ = try ReportArchive(reading: scratch.archive) } == .foreign)
  }

  @Test func anArchiveOfANewerBerylIsRefused() throws {
    do { _ = try ReportArchive(scratch.archive) }
    try DatabaseQueue(path: scratch.archive).writeWithoutTransaction {
      try $0.execute(sql: "PRAGMA user_version = 99")
    }
    #expect(fault { _ = try ReportArchive(scratch.archive) } == .newerVersion(found: 99, known: 2))
  }

  @Test func aFullDiskKeepsWhatWasCommitted() throws {
    do {
      let archive = try ReportArchive(
        scratch.archive, options: ArchiveOptions(fileLimit: 1 << 20))
      var stored = 0
      let reason = fault {
        while stored < 100_000 {
          try archive.appendProduced(produced(stored + 1...stored + 64), lane: .live)
          stored += 64
        }
      }
      #expect(reason == .full)
      #expect(stored > 0)
      #expect(try archive.counts(lane: .live).produced == stored)
      #expect(try archive.counts(lane: .live).newest == UInt64(stored))
    }
    let roomier = try ReportArchive(scratch.archive)
    try roomier.appendProduced(produced(90_001...90_064), lane: .live)
  }

  @Test func aDamagedBatchIsLocated() throws {
    do {
      let archive = try ReportArchive(scratch.archive)
      try archive.appendProduced(produced(1...3), lane: .live)
    }
    try DatabaseQueue(path: scratch.archive).write {
      try $0.execute(sql: "UPDATE produced_batches SET reports = x'ff00ff'")
    }
    guard
      case .corrupt(let words) = fault({
        _ = try ReportArchive(reading: scratch.archive).reports(lane: .live)
      })
    else {
      Issue.record("not refused as damaged")
      return
    }
    #expect(words.hasPrefix("produced_batches 1: "))
  }

  @Test func aHundredDamagedFilesAreReadOrRefusedNeverTrappedOn() throws {
    do {
      let archive = try ReportArchive(scratch.archive)
      try archive.appendProduced(produced(1...300), lane: .live)
      try archive.appendReceived(
        received(1...300), from: name("hq-dmz"), lane: .live, through: 300, watermark: .distantPast)
    }
    let whole = try Data(contentsOf: URL(fileURLWithPath: scratch.archive))
    var random = UInt64(7)
    func next(below limit: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((random >> 33) % UInt64(limit))
    }
    var refused = 0
    for _ in 0..<100 {
      var bytes = whole
      for _ in 0...next(below: 40) {
        // Half of the damage in the first pages: layout, roots, cursors.
        let reach = next(below: 2) == 0 ? min(32 << 10, bytes.count) : bytes.count
        bytes[next(below: reach)] = UInt8(next(below: 256))
      }
      try bytes.write(to: URL(fileURLWithPath: scratch.archive))
      do {
        let archive = try ReportArchive(reading: scratch.archive)
        _ = try archive.resumption()
        _ = try archive.reports(lane: .live)
        _ = try archive.received(lane: .live)
        _ = try archive.unacknowledged(lane: .live, after: 0, limit: 1000)
        _ = try archive.counts(lane: .live)
      } catch {
        #expect(error is ArchiveFault)
        refused += 1
      }
    }
    #expect(refused > 0)
  }
}
