import Reports
import Terms
import Testing

@testable import Monitoring

@Test func evidenceIsCoarsenedBeforeDetectionsAreShed() throws {
  var output = LaneOutput(budget: 1, wants: { _ in true })
  let reports = (0..<30).map { evidence("dmz", at: Double($0) / 100, subject: "\($0)") }
  let sent = output.accept(reports, laneEnded: false)
  #expect(sent.count == 10)
  #expect(output.coarsened == 20)
  let urgent = output.accept([detection("dmz", at: 1)], laneEnded: false)
  #expect(urgent.count == 1)
  #expect(output.shed == 0)
}

@Test func coarsenedEvidenceTravelsWithALaterPiece() throws {
  var output = LaneOutput(budget: 1, wants: { _ in true })
  _ = output.accept((0..<20).map { evidence("dmz", at: 0, subject: "\($0)") }, laneEnded: false)
  let later = output.accept([evidence("dmz", at: 60)], laneEnded: false)
  #expect(later.count == 1)
  #expect(later[0].report.first == seconds(0))
  #expect(later[0].report.emitted == seconds(60))
}

@Test func whatIsHeldBackGoesWhenTheLaneEnds() {
  var output = LaneOutput(budget: 1, wants: { _ in true })
  let sent = output.accept(
    (0..<20).map { evidence("dmz", at: 0, subject: "\($0)") }, laneEnded: true)
  #expect(sent.count == 11)
}

@Test func revisionsAreShedBeforeFirstReports() {
  var output = LaneOutput(budget: 1, wants: { _ in true })
  let revisions = (0..<200).map { _ in detection("dmz", at: 0, revision: 1) }
  let kept = output.accept(revisions, laneEnded: false).compactMap(\.sequence)
  #expect(kept.count < 200)
  #expect(output.accept([detection("dmz", at: 0)], laneEnded: false)[0].sequence != nil)
}

@Test func whatIsMadeAgainAfterACrashIsRecognised() {
  let old = evidence("dmz", at: 1)
  var output = LaneOutput(
    budget: nil, wants: { _ in true }, newest: 7, known: [ReportRevision(old)])
  let accepted = output.accept([old, evidence("dmz", at: 2)], laneEnded: false)
  #expect(accepted.map(\.sequence) == [8])
}

@Test func whatTheParentDoesNotWantIsKeptWithoutASequence() {
  var output = LaneOutput(budget: nil, wants: { $0.severity > 8 })
  let accepted = output.accept([detection("dmz", at: 1)], laneEnded: false)
  #expect(accepted.map(\.sequence) == [nil])
}

@Test func whatStaysHereIsCountedAcrossACrash() {
  var output = LaneOutput(budget: nil, wants: { $0.severity > 8 })
  var urgent = detection("dmz", at: 1)
  urgent.severity = 9
  _ = output.accept([detection("dmz", at: 1), urgent], laneEnded: false)
  let state = output.state
  _ = output.accept([detection("dmz", at: 2)], laneEnded: false)
  func kept(_ output: LaneOutput) -> UInt64 {
    MonitorStatus.Lane(
      name: .live, watermark: .distantPast, received: 0, produced: output.producedCount,
      acknowledged: output.sentCount, spooled: 0
    ).kept
  }
  #expect(kept(output) == 2)
  // What is made again behind the checkpoint is known from the store, and counts as before.
  var again = LaneOutput(
    budget: nil, wants: { $0.severity > 8 },
    known: [ReportRevision(detection("dmz", at: 2)), ReportRevision(urgent)])
  again.restore(state)
  #expect(again.accept([detection("dmz", at: 2)], laneEnded: false).isEmpty)
  #expect(kept(again) == 2)
  #expect(again.sentCount == 1)
}

/// A site's own schema may lack kinds and fields: a parent would take them for forged.
@Test func whatTheSchemaHasNoWordsForIsNotSaid() throws {
  var scan = detection("dmz", at: 1)
  scan.attributes = ["failures": .count(3), "shape": .text("block")]
  let schema = Schema(
    attackVersion: "17.1",
    kinds: [
      scan.kind: KindDefinition(
        reportClass: .detection, severity: 5, fields: ["failures": .count])
    ])
  var output = LaneOutput(budget: nil, wants: { _ in true }, schema: schema)
  let sent = output.accept([scan, evidence("dmz", at: 1)], laneEnded: false)
  #expect(sent.map(\.report.attributes) == [["failures": .count(3)]])
  #expect(output.unspoken == 1)
  for report in sent.map(\.report) { try schema.check(report) }
}
