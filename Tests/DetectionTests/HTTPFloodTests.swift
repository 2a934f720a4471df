import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct HTTPFloodTests {
  private func floods(_ capture: String) throws -> [Report] {
    try Lab.attacks(capture).filter { $0.kind == .httpFlood }
  }

  private func story(
    _ seconds: Int, perSecond: Int, _ ask: (Int, inout SessionStory<HTTPFlood>) throws -> Void
  ) throws -> [Report] {
    var story = try SessionStory(HTTPFlood(DetectionContext()))
    story.engine.begin(at: story.clock - .seconds(60))
    for number in 0..<(seconds * perSecond) {
      story.wait(1 / Double(perSecond) - 0.01)
      try ask(number, &story)
    }
    return story.finish()
  }

  @Test func machinesThatBustCachesAreAFlood() throws {
    let reports = try floods("http-flood")
    #expect(reports.map(\.kind) == [.httpFlood])
    #expect(reports.first?.targets.listed.map(\.description) == ["10.10.2.20"])
    #expect(reports.first?.text("technique") == "cache-busting")
    #expect(reports.first?.text("path") == "/search")
    #expect((reports.first?.sources.count ?? 0) >= 8)
  }

  @Test func aFlashCrowdIsNoFlood() throws {
    #expect(try Lab.attacks("flash-crowd").map(\.story) == [])
  }

  @Test func manyMachinesThatRepeatOneRequestAreAFlood() throws {
    let told = try story(20, perSecond: 60) { number, story in
      story.client = "203.0.113.\(number % 30)"
      try story.ask("GET /index.php\nUser-Agent: Mozilla/5.0")
    }
    #expect(told.map { $0.text("technique") } == ["repeated-requests"])
  }

  @Test func oneMachineInManyDisguisesIsAFlood() throws {
    let told = try story(20, perSecond: 60) { number, story in
      story.client = "203.0.113.7"
      try story.ask(
        "GET /?\(number * 7)\nUser-Agent: Mozilla/\(number % 11)\nReferer: http://a/\(number)")
    }
    #expect(told.map(\.kind) == [.httpFlood])
  }

  @Test func whoMeasuresASiteIsNoFlood() throws {
    let told = try story(30, perSecond: 90) { _, story in
      story.client = "10.10.1.3"
      try story.ask("GET /index.html\nUser-Agent: ApacheBench/2.3")
    }
    #expect(told.isEmpty)
  }

  @Test func strangersWhoMeasureASiteAreAFlood() throws {
    let told = try story(20, perSecond: 95) { number, story in
      story.client = number % 3 == 0 ? "10.10.2.104" : "203.0.113.\(number % 3)"
      try story.ask("GET /search?q=\(number / 200)\nUser-Agent: ApacheBench/2.3")
    }
    #expect(told.map(\.kind) == [.httpFlood])
  }

  @Test func whoGuessesPasswordsTogetherFloodsNothing() throws {
    for (field, isFlood) in [("password", false), ("q", true)] {
      let told = try story(20, perSecond: 12) { number, story in
        story.client = "203.0.113.\(number % 12)"
        try story.ask("POST /login\nUser-Agent: x", body: "user=admin&\(field)=p\(number)x")
      }
      #expect(told.map(\.kind) == (isFlood ? [.httpFlood] : []), "\(field)")
    }
  }

  /// Programs that tell each other what happened, and as many that drown whom they tell.
  @Test(arguments: [(9, 0), (60, 1)])
  func hooksThatPostMessagesAreNoFlood(perSecond: Int, reports: Int) throws {
    let told = try story(30, perSecond: perSecond) { number, story in
      story.client = "203.0.113.\(number % 6)"
      try story.ask(
        "POST /hooks/in\nUser-Agent: hook\nContent-Type: application/json",
        body: #"{"event":\#(number)}"#)
    }
    #expect(told.count == reports)
  }

  @Test func aCrawlerIsNoFlood() throws {
    let told = try story(30, perSecond: 40) { number, story in
      story.client = "198.51.100.10"
      try story.ask("GET /page/\(number)\nUser-Agent: crawler")
    }
    #expect(told.isEmpty)
  }

  /// Every machine of the house fetches the same update, in pieces.
  @Test func anUpdateStormIsNoFlood() throws {
    let told = try story(30, perSecond: 60) { number, story in
      story.client = "10.10.2.\(number % 200)"
      try story.ask("GET /update.cab\nUser-Agent: updater\nRange: bytes=\(number)-")
    }
    #expect(told.isEmpty)
  }

  @Test func pollersOfALivelyPageAreNoFlood() throws {
    let told = try story(60, perSecond: 20) { number, story in
      story.client = "10.10.2.\(number % 40)"
      try story.ask(
        "GET /api/poll?_=\(number)\nUser-Agent: Mozilla/5.0\nReferer: http://x/board")
    }
    #expect(told.isEmpty)
  }
}

@Suite struct RangeRequestsTests {
  private func asked(_ ranges: Int, times: Int) throws -> [Report] {
    var story = try SessionStory(RangeRequests(DetectionContext()))
    let list = (0..<ranges).map { "\($0)-\($0 + 1)" }.joined(separator: ",")
    for number in 0..<times {
      story.wait(0.5)
      story.client = "203.0.113.\(number % 2)"
      try story.ask("HEAD /big.bin\nHost: www\nRange: bytes=\(list)", status: 206)
    }
    return story.finish()
  }

  @Test func requestsForHundredsOfPiecesAreSlowAttacks() throws {
    let told = try asked(700, times: 20)
    #expect(told.map(\.story) == ["dos.slow-http 203.0.113.0 203.0.113.1 > 10.10.1.10"])
    #expect(told.first?.text("technique") == "many-ranges")
    #expect(told.first?.count("connections") == 20)
  }

  @Test func aReaderOfLongDocumentsIsNone() throws {
    #expect(try asked(60, times: 50).isEmpty)
    #expect(try asked(700, times: 2).isEmpty)
  }
}
