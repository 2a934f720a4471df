import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct StreamEvasionTests {
  private func story() throws -> SessionStory<StreamEvasion> {
    try SessionStory(StreamEvasion(DetectionContext()))
  }

  private func overlap(_ before: [UInt8], _ after: [UInt8], timeToLive: UInt8 = 64)
    -> SessionEvent.Content
  {
    var overlap = SegmentOverlap()
    overlap.before = before
    overlap.after = after
    overlap.timeToLive = timeToLive
    overlap.firstTimeToLive = 64
    return .overlap(overlap)
  }

  @Test func textInThePlaceOfTextIsReported() throws {
    var story = try story()
    try story.tell(overlap(Array("index.html".utf8), Array("cgi-bin/ph".utf8)))
    let report = try #require(story.finish().first)
    #expect(report.kind.text == "access.evasion")
    #expect(report.sources.listed.map(\.description) == ["203.0.113.5"])
    #expect(report.targets.listed.map(\.description) == ["10.10.1.10"])
    #expect(report.attributes["after"] == .text("cgi-bin/ph"))
    #expect(report.severity > Report.informationalSeverity)
  }

  @Test func aNearerDeathOfOneOfTwoBinarySegmentsIsReported() throws {
    var story = try story()
    try story.tell(overlap([1, 2, 3, 4], [5, 6, 7, 8], timeToLive: 3))
    #expect(story.finish().map(\.kind.text) == ["access.evasion"])
  }

  /// A retransmission damaged in one byte, or one binary segment that was repacked.
  @Test func damageIsNoEvasion() throws {
    var story = try story()
    try story.tell(overlap(Array("index.html".utf8), Array("index.htnl".utf8)))
    try story.tell(overlap([1, 2, 3, 4], [5, 6, 7, 8]))
    #expect(story.finish().isEmpty)
  }
}
