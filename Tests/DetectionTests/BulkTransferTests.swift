import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct BulkTransferTests {
  @Test(arguments: [1.0, 10, 100]) func anUploadToAStrangerIsReported(slower: Double) throws {
    for context in [Lab.segment("10.10.2.0/24"), DetectionContext(segment: "lab")] {
      let reports = try Lab.detections("upload", slower: slower, in: context)
        .filter { $0.kind == .bulkTransfer }
      #expect(reports.map(\.story) == ["exfil.bulk-transfer 10.10.2.104 > 203.0.113.91"])
      #expect(reports.first?.ports == [8000])
      #expect((reports.first?.revision ?? 99) <= 4)
    }
  }

  private func transfer(
    _ story: inout Story<BulkTransfer>, _ source: String, _ target: String, out: UInt64,
    back: UInt64
  ) throws {
    story.wait(600)
    try story.session(source, target, 443, lasting: 20, out: out, back: back)
  }

  @Test func whatAHostAlwaysSendsIsItsUsage() throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    // A small upload now and then, growing; downloads; an upload within the site.
    for size in [50_000, 150_000, 400_000, 900_000, 1_500_000] as [UInt64] {
      try transfer(&story, "10.1.1.5", "203.0.113.\(size / 50_000)", out: size, back: 900)
      try transfer(&story, "10.1.1.5", "203.0.113.200", out: 9000, back: 90_000_000)
      try transfer(&story, "10.1.1.5", "10.9.1.1", out: 90_000_000, back: 9000)
      try transfer(&story, "203.0.113.77", "10.1.1.5", out: 90_000_000, back: 9000)
    }
    let told = story.finish()
    #expect(told.isEmpty)
    try transfer(&story, "10.1.1.5", "203.0.113.201", out: 60_000_000, back: 9000)
    let bulk = story.finish()
    #expect(bulk.map(\.story) == ["exfil.bulk-transfer 10.1.1.5 > 203.0.113.201"])
    #expect((bulk.first?.severity ?? 0) >= 7)
  }

  /// Two kilobytes in each request's parameters: many at once, and as a program reports home.
  @Test(arguments: [(0.3, 1), (30, 0)]) func manySmallRequestsAddUp(pause: Double, reports: Int)
    throws
  {
    var story = try Story(BulkTransfer(DetectionContext()))
    for _ in 0..<150 {
      story.wait(pause)
      try story.session("10.1.1.5", "203.0.113.77", 80, lasting: 0.1, out: 2600, back: 200)
    }
    #expect(story.finish().count == reports)
  }

  @Test func whatIsOrdinaryForTheSegmentIsNoBulk() throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    // Photographs go out all day, each to another place, and nobody was ever silent about them.
    for index in 0..<60 {
      try transfer(
        &story, "10.1.2.\(index)", "203.0.113.\(index)", out: 150_000 + UInt64(index) * 500,
        back: 900)
    }
    let before = story.finish()
    #expect(before.isEmpty)
    try transfer(&story, "10.1.3.1", "203.0.113.250", out: 400_000, back: 900)
    let ordinary = story.finish()
    #expect(ordinary.isEmpty)
    try transfer(&story, "10.1.3.2", "203.0.113.251", out: 40_000_000, back: 900)
    let bulk = story.finish()
    #expect(bulk.map(\.story) == ["exfil.bulk-transfer 10.1.3.2 > 203.0.113.251"])
  }

  @Test func mailAndOldAcquaintancesMayGetMore() throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    try story.session("10.1.1.25", "203.0.113.25", 25, lasting: 2, out: 900_000, back: 900)
    for _ in 0..<10 {
      try transfer(&story, "10.1.1.5", "203.0.113.40", out: 3000, back: 90_000)
    }
    try transfer(&story, "10.1.1.5", "203.0.113.40", out: 900_000, back: 900)
    let told = story.finish()
    #expect(told.isEmpty)
    try transfer(&story, "10.1.1.6", "203.0.113.40", out: 900_000, back: 900)
    let stranger = story.finish()
    #expect(stranger.map(\.story) == ["exfil.bulk-transfer 10.1.1.6 > 203.0.113.40"])
  }

  @Test func anActiveServerIsSentFilesOverItsOwnConnection() throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    var event = try story.event(.closed, "203.0.113.21", "10.1.1.5", 50_123)
    event.sourcePort = 20
    event.isEstablished = true
    event.ending = .finished
    (event.payloadOut, event.payloadIn) = (0, 3_000_000)
    story.tell(event)
    let told = story.finish()
    #expect(told.map(\.story) == ["exfil.bulk-transfer 10.1.1.5 > 203.0.113.21"])
  }

  @Test func manySmallUploadsAddUp() throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    for _ in 0..<40 {
      story.wait(5)
      try story.session("10.1.1.5", "203.0.113.9", 443, lasting: 1, out: 8000, back: 300)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.bulkTransfer])
  }

  @Test func whatIsSharedOutAmongOneNetworksHostsIsOneUpload() throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    for host in 30..<34 {
      story.wait(5)
      try story.session("10.1.1.5", "203.0.113.\(host)", 443, lasting: 3, out: 90_000, back: 300)
      // As much to networks that have nothing to do with one another.
      try story.session("10.1.1.6", "203.0.\(host).9", 443, lasting: 3, out: 90_000, back: 300)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.bulkTransfer])
    #expect(told.first?.sources.listed.map(\.description) == ["10.1.1.5"])
    #expect(told.first?.targets.listed.count == 4)
  }

  @Test(arguments: [(9999, 1), (514, 0)] as [(UInt16, Int)])
  func datagramsThatNobodyAnswersCountUnlessDevicesSendThem(port: UInt16, reports: Int) throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    for bytes in [100_000, 300_000] as [UInt64] {
      story.wait(10)
      var event = try story.event(.progress, "10.1.1.5", "203.0.113.9", port, transport: .udp)
      event.opened = story.clock - .seconds(10)
      event.payloadOut = bytes
      story.tell(event)
    }
    let told = story.finish()
    #expect(told.count == reports)
  }

  /// A shell's output, then what its user takes away.
  @Test func whatWasSentAMomentAgoIsNoHabitYet() throws {
    var story = try Story(BulkTransfer(DetectionContext()))
    try story.session("10.10.1.11", "203.0.113.125", 5353, lasting: 9, out: 167_000, back: 300)
    story.wait(2)
    try story.session("10.10.1.11", "198.51.100.92", 443, lasting: 8, out: 600_000, back: 300)
    let told = story.finish()
    #expect(told.map(\.story) == ["exfil.bulk-transfer 10.10.1.11 > 198.51.100.92"])
  }

  @Test(arguments: ["office-day", "office-day-clients", "crawl"])
  func anOrdinaryDayIsSilentWithAndWithoutTopology(name: String) throws {
    let prefix =
      name == "office-day" ? "10.10.3.0/24" : name == "crawl" ? "10.10.1.0/24" : "10.10.2.0/24"
    for context in [Lab.segment(prefix), DetectionContext(segment: "lab")] {
      for slower in [1.0, 10, 100] {
        let reports = try Lab.detections(name, slower: slower, in: context)
          .filter { ["dos", "spoof", "exfil"].contains($0.kind.family) }
        #expect(reports.map(\.story) == [])
      }
    }
  }
}
