import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct BeaconTests {
  private func story() throws -> Story<Beacon> { try Story(Beacon(DetectionContext())) }

  /// A short session with an outside host.
  private func call(
    _ story: inout Story<Beacon>, _ target: String, port: UInt16 = 443, source: String = "10.1.1.5",
    out: UInt64 = 420, back: UInt64 = 260
  ) throws {
    try story.session(source, target, port, lasting: 0.2, out: out, back: back)
  }

  @Test(arguments: [60.0, 300, 3600]) func steadyCallsToOneStrangerAreABeacon(period: Double) throws
  {
    var story = try story()
    var random = SystemlessRandom(seed: 7)
    for _ in 0..<40 {
      // A jitter of up to 30 %, as tools are told to have.
      story.wait(period * (0.85 + 0.3 * Double(random.below(1000)) / 1000))
      try call(&story, "203.0.113.90", out: 400 + UInt64(random.below(60)))
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["c2.beacon 10.1.1.5 > 203.0.113.90"])
    #expect((told.first?.severity ?? 0) > Report.informationalSeverity)
    guard case .duration(let interval)? = told.first?.attributes["interval"] else { return }
    #expect(abs(interval.seconds - period) < period * 0.15)
  }

  @Test func whatGoesOnSinceTheWatchBeganIsHabit() throws {
    var story = try story()
    story.engine.begin(at: story.clock)
    for _ in 0..<60 {
      story.wait(60)
      try call(&story, "203.0.113.90")
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.beacon])
    #expect(told.allSatisfy { $0.severity <= Report.informationalSeverity })
  }

  @Test func whatEverybodyCallsIsNoBeacon() throws {
    var story = try story()
    for _ in 0..<60 {
      for host in 5..<10 {
        story.wait(12)
        try call(&story, "203.0.113.10", source: "10.1.1.\(host)")
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func mailTimeInsideAndPeopleAreNoBeacons() throws {
    var story = try story()
    var random = SystemlessRandom(seed: 5)
    for _ in 0..<100 {
      story.wait(60)
      try call(&story, "203.0.113.20", port: 993)
      try call(&story, "203.0.113.21", port: 123)
      try call(&story, "10.9.1.1")
      try call(&story, "10.1.1.6", source: "203.0.113.5")
      // An update check: regular, with large answers; a page that is read: irregular.
      try call(&story, "203.0.113.22", back: 900_000)
    }
    for _ in 0..<200 {
      story.wait(Double(1 << random.below(10)))
      try call(&story, "203.0.113.23", out: 300 << UInt64(random.below(6)))
    }
    let told = story.finish()
    #expect(told.isEmpty, "\(told.map(\.terms))")
  }
}

@Suite struct ContentPrevalenceTests {
  private func story(port: UInt16 = 5000) throws -> SessionStory<ContentPrevalence> {
    try SessionStory(ContentPrevalence(DetectionContext()), port: port)
  }

  private func send(
    _ story: inout SessionStory<ContentPrevalence>, _ client: String, _ server: String,
    _ bytes: [UInt8]
  ) throws {
    story.wait(1)
    (story.client, story.server) = (client, server)
    story.clientPort &+= 1
    try story.say(bytes, fromClient: true)
  }

  /// A worm's message, with a part that differs each time in front.
  private func message(_ number: Int) -> [UInt8] {
    var random = SystemlessRandom(seed: 99)
    let body = (0..<180).map { _ in UInt8(random.below(256)) }
    return Array("id=\(number * 7919) ".utf8) + body
  }

  @Test func contentThatItsVictimsSendOnIsSpreading() throws {
    var story = try story()
    var number = 0
    for generation in 0..<3 {
      for host in 0..<(1 << generation) {
        let source = generation == 0 ? "203.0.113.5" : "10.1.1.\(10 * generation + host)"
        for next in 0..<4 {
          number += 1
          try send(
            &story, source, "10.1.1.\(10 * (generation + 1) + (host * 4 + next) % 9)",
            message(number))
        }
      }
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.wormPropagation])
    #expect((told.first?.sources.count ?? 0) >= 3)
    #expect(told.first?.ports == [5000])
  }

  /// What everybody asks of one server, far more than there is room for, all through the outbreak.
  @Test func aBusySitesPagesLeaveRoomForWhatSpreads() throws {
    let limits = LimitTable(overrides: ["content-prevalence.contents": 512])
    var story = try SessionStory(ContentPrevalence(DetectionContext(limits: limits)), port: 5000)
    var page = 0
    func browse(_ story: inout SessionStory<ContentPrevalence>, pages: Int) throws {
      for _ in 0..<pages {
        page += 1
        var random = SystemlessRandom(seed: UInt64(1000 + page))
        let bytes = (0..<100).map { _ in UInt8(random.below(256)) }
        for client in 0..<4 { try send(&story, "198.51.100.\(client)", "10.1.1.80", bytes) }
      }
    }
    try browse(&story, pages: 200)
    for (source, first) in [("203.0.113.5", 10), ("10.1.1.11", 20), ("10.1.1.12", 30)] {
      for next in 0..<4 {
        try send(&story, source, "10.1.1.\(first + next)", message(first + next))
        try browse(&story, pages: 5)
      }
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.wormPropagation])
    #expect(told.first?.sources.count == 3)
  }

  /// Several send it who were never sent it: prevalent, but nobody knows how it came to them.
  @Test func contentOfSeveralOriginsIsPrevalent() throws {
    var story = try story()
    for (source, first) in [
      ("10.1.1.5", 10), ("10.1.1.6", 20), ("10.1.1.7", 30), ("10.1.1.11", 40), ("10.1.1.21", 50),
      ("10.1.1.31", 60),
    ] {
      for next in 0..<4 {
        try send(&story, source, "10.1.1.\(first + next)", message(first + next))
      }
    }
    #expect(story.finish().map(\.kind) == [.contentPrevalence])
  }

  @Test func clientsOfOneServiceSpreadNothing() throws {
    var story = try story()
    // Many clients greet many servers alike; servers never greet.
    for client in 0..<60 {
      for server in 0..<12 {
        try send(&story, "10.1.2.\(client)", "10.1.3.\(server)", message(1))
      }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func membersOfAClusterSpreadNothing() throws {
    var story = try story(port: 7946)
    var random = SystemlessRandom(seed: 7)
    for _ in 0..<400 {
      let source = random.below(12)
      // One member is down.
      let target = (source + 1 + random.below(12)) % 13
      try send(&story, "10.1.1.\(source)", "10.1.1.\(target)", message(1))
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func proxiesThatAskOnInOthersNamesSpreadNothing() throws {
    var story = try story(port: 80)
    let path = "/static/images/banner/really-long-name-of-a-picture-that-all-load.png"
    for client in 0..<60 {
      (story.client, story.server) = ("10.1.2.\(client)", "10.1.3.1")
      try story.ask("GET \(path)")
      (story.client, story.server) = ("10.1.3.1", "203.0.113.\(client % 20)")
      try story.ask("GET \(path)")
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func countsAreNeverTooLow() {
    var filter = CopyFilter()
    var random = SystemlessRandom(seed: 1)
    var exact: [UInt64: UInt8] = [:]
    for _ in 0..<4000 {
      let value = UInt64(random.below(1500)) &* 0x9e37_79b9_7f4a_7c15
      exact[value, default: 0] += 1
      _ = filter.add(value)
    }
    #expect(exact.allSatisfy { filter.count($0.key) >= $0.value })
  }
}
