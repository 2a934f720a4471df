import Analysis
import Flows
import Packets
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct SlowConnectionTests {
  /// What becomes of the connections of a story after they are made.
  private enum Habit { case trickle, answered, upload, silent, veiled, chat, greeted, pooled }

  /// `count` connections to one port, each heard of every four seconds for a minute and a half.
  private func story(
    _ count: Int, port: UInt16, sources: Int, _ habit: Habit
  ) throws -> [Report] {
    var story = try Story(SlowConnections(DetectionContext()))
    let start = story.clock
    var opened: [FlowEvent] = []
    for number in 0..<count {
      story.wait(0.01)
      let source = "198.51.\(number % sources / 250).\(number % sources % 250)"
      opened.append(try story.event(.established, source, "10.1.1.80", port))
      story.tell(opened[number])
    }
    for round in 1...20 as ClosedRange<UInt64> {
      story.wait(4)
      for var event in opened where habit != .silent {
        event.kind = .progress
        event.isEstablished = true
        event.time = story.clock
        event.packetsOut = 1
        event.payloadOut = habit == .upload ? round * 100_000 : round * 20
        if habit == .greeted || habit == .pooled && round == 1 { event.payloadOut = 0 }
        switch habit {
        case .greeted, .pooled: event.payloadIn = 41
        case .answered: event.payloadIn = round * 300
        case .veiled: event.payloadIn = 2246
        case .chat: event.payloadIn = 2246 + round * 30
        default: event.payloadIn = 0
        }
        story.tell(event)
      }
      story.engine.runDeadlines(through: story.clock, into: &story.sink)
    }
    #expect(story.clock > start)
    return story.finish()
  }

  @Test func connectionsFedDropByDropAreReportedOnce() throws {
    let reports = try Lab.detections("slow-http", in: Lab.segment("10.10.1.0/24"))
      .filter { $0.kind.family == "dos" }
    #expect(reports.map(\.story) == ["dos.slow-http 203.0.113.66 > 10.10.1.10"])
    #expect(reports.first?.ports == [80])
    #expect((reports.first?.revision ?? 99) <= 3)
  }

  @Test func aCrowdOfSlowClientsOfAWebServerIsReportedToo() throws {
    let told = try story(200, port: 80, sources: 200, .trickle)
    #expect(told.map(\.kind) == [.slowHTTP])
    #expect(told.first?.count("connections") == 200)
  }

  @Test func fewConnectionsFedByOneSourceAreEnoughAtAWebServer() throws {
    let told = try story(25, port: 80, sources: 1, .trickle)
    #expect(told.map(\.story) == ["dos.slow-http 198.51.0.0 > 10.1.1.80"])
    // As many of as many clients, or at a port that is not the web's, are nobody's attack.
    let clients = try story(25, port: 80, sources: 25, .trickle)
    #expect(clients.isEmpty)
    let logs = try story(25, port: 6514, sources: 1, .trickle)
    #expect(logs.isEmpty)
  }

  @Test func headersThatTrickleUnderTLSAreSlow() throws {
    let told = try story(50, port: 443, sources: 2, .veiled)
    #expect(told.map { $0.text("technique") } == ["slow-requests"])
    // Where the server answers each drop, and where each drop is another's.
    let chats = try story(300, port: 443, sources: 3, .chat)
    #expect(chats.isEmpty)
    let devices = try story(300, port: 443, sources: 150, .veiled)
    #expect(devices.isEmpty)
  }

  @Test func connectionsHeldByOneSourceAreExhaustion() throws {
    let told = try story(200, port: 21, sources: 2, .silent)
    #expect(told.map { $0.text("technique") } == ["idle-connections"])
  }

  /// Servers that speak first (SSH, mail): greeted and left, or kept for later once the client has
  /// given its name.
  @Test func connectionsLeftAtTheirGreetingAreExhaustion() throws {
    let left = try story(60, port: 22, sources: 1, .greeted)
    #expect(left.map { $0.text("technique") } == ["idle-connections"])
    let pool = try story(60, port: 3306, sources: 1, .pooled)
    #expect(pool.isEmpty)
  }

  @Test func ordinaryLongConnectionsAreNotSlow() throws {
    let answered = try story(300, port: 80, sources: 3, .answered)
    #expect(answered.isEmpty)
    let uploads = try story(60, port: 80, sources: 60, .upload)
    #expect(uploads.isEmpty)
    let logs = try story(300, port: 6514, sources: 300, .trickle)
    #expect(logs.isEmpty)
    let waiting = try story(300, port: 443, sources: 300, .silent)
    #expect(waiting.isEmpty)
  }

  /// Waves of fifteen connections, each fed a few times before the server closes it with an error,
  /// or answers.
  @Test(arguments: [(4, 300, 1), (1, 300, 0), (4, 9000, 0)])
  func whatTheServerGivesUpWasSlow(drops: Int, answer: UInt64, reports: Int) throws {
    var story = try Story(SlowConnections(DetectionContext()))
    for wave in 0..<6 {
      var opened: [FlowEvent] = []
      for number in 0..<15 {
        story.wait(0.02)
        var event = try story.event(.established, "198.51.100.7", "10.1.1.80", 80)
        event.firstPacket = UInt64(wave * 100 + number)
        opened.append(event)
        story.tell(event)
      }
      for drop in 1...4 {
        story.wait(3)
        for var event in opened {
          event.isEstablished = true
          event.kind = drop < 4 ? .progress : .closed
          event.time = story.clock
          event.payloadOut = UInt64(min(drop, drops) * 20)
          event.payloadIn = drop < 4 ? 0 : answer
          story.tell(event)
        }
        story.engine.runDeadlines(through: story.clock, into: &story.sink)
      }
    }
    #expect(story.finish().count == reports)
  }

  /// Connections of one source that say nothing for half a minute: far more than a browser's.
  @Test(arguments: [(90, 443, 1), (30, 443, 0)] as [(Int, UInt16, Int)])
  func manyConnectionsOfOneSourceNeedNotBeHeldForLong(count: Int, port: UInt16, reports: Int)
    throws
  {
    var story = try Story(SlowConnections(DetectionContext()))
    for _ in 0..<count {
      story.wait(0.05)
      story.tell(try story.event(.established, "203.0.113.145", "10.1.1.80", port))
    }
    for _ in 0..<15 {
      story.wait(2)
      story.engine.runDeadlines(through: story.clock, into: &story.sink)
    }
    #expect(story.finish().count == reports)
  }
}
