import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct ServiceHealthTests {
  private typealias Engine = ServiceHealth
  private static let server = "10.1.1.5"

  /// A web server that three clients ask every few seconds for two minutes.
  private func busyServer(port: UInt16 = 80) throws -> Story<ServiceHealth> {
    var story = try Story(ServiceHealth(DetectionContext()))
    for round in 0..<40 {
      try story.session(
        "10.1.2.\(11 + round % 3)", Self.server, port, lasting: 0.2, out: 300, back: 4000)
      story.wait(3)
    }
    return story
  }

  @Test func aServiceThatRefusesItsClientsIsDownSinceTheFirstRefusal() throws {
    var story = try busyServer()
    let began = story.clock
    for round in 0..<8 {
      var refusal = try story.event(.refused, "10.1.2.\(11 + round % 3)", Self.server, 80)
      refusal.totalPacketsIn = 1
      story.tell(refusal)
      story.wait(1)
    }
    let raised = try #require(story.sink.reports.first)
    #expect(raised.kind == .serviceDown)
    #expect(raised.emitted - began <= .seconds(6))
    for _ in 0..<3 {
      story.wait(2)
      try story.session("10.1.2.12", Self.server, 80, lasting: 0.1, out: 300, back: 4000)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["anomaly.service-down  > 10.1.1.5"])
    let report = try #require(told.first)
    #expect(report.ports == [80])
    #expect(report.attributes["since"] == .time(began))
    guard case .time(let end)? = report.attributes["until"] else {
      Issue.record("it says not when the service came back")
      return
    }
    #expect(end > began + .seconds(8))
    #expect(report.count("failures") == 8)
  }

  @Test func aHostThatIsGoneIsSeenBySeveralClients() throws {
    var story = try busyServer(port: 143)
    for round in 0..<8 {
      try story.contact(.unanswered, "10.1.2.\(11 + round % 3)", Self.server, 143)
      story.wait(2)
    }
    #expect(story.finish().map(\.kind) == [.serviceDown])
  }

  @Test func aServiceThatTakesRequestsAndNeverAnswersIsDown() throws {
    var story = try busyServer()
    for round in 0..<8 {
      story.wait(2)
      try story.session("10.1.2.\(11 + round % 3)", Self.server, 80, lasting: 1, out: 300, back: 0)
    }
    #expect(story.finish().map(\.kind) == [.serviceDown])
  }

  @Test func oneClientWithABrokenPathIsNoOutage() throws {
    var story = try busyServer()
    for _ in 0..<30 {
      try story.contact(.unanswered, "10.1.2.11", Self.server, 80)
      story.wait(1)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func oneRefusedClientAmongServedOnesIsNoOutage() throws {
    var story = try busyServer()
    for _ in 0..<30 {
      var refusal = try story.event(.refused, "10.1.2.11", Self.server, 80)
      refusal.totalPacketsIn = 1
      story.tell(refusal)
      story.wait(1)
      try story.session("10.1.2.12", Self.server, 80, lasting: 0.1, out: 300, back: 4000)
      story.wait(1)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func aNightWithoutRequestsIsNoOutage() throws {
    var story = try busyServer()
    story.wait(40_000)
    for round in 0..<10 {
      try story.session(
        "10.1.2.\(11 + round % 3)", Self.server, 80, lasting: 0.1, out: 300, back: 4000)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func aRestartOfSecondsIsNoOutage() throws {
    var story = try busyServer()
    for round in 0..<20 {
      var refusal = try story.event(.refused, "10.1.2.\(11 + round % 3)", Self.server, 80)
      refusal.totalPacketsIn = 1
      story.tell(refusal)
      story.wait(0.15)
    }
    try story.session("10.1.2.12", Self.server, 80, lasting: 0.1, out: 300, back: 4000)
    #expect(story.finish().isEmpty)
  }

  @Test func whoTriesDeadPortsMeetsNoOutage() throws {
    var story = try busyServer()
    for port in 1...200 as ClosedRange<UInt16> {
      try story.contact(.refused, "203.0.113.9", Self.server, port)
      try story.contact(.unanswered, "10.1.2.11", Self.server, port == 80 ? 81 : port)
      story.wait(0.1)
    }
    // A stranger's failures at the service itself do not count either.
    for _ in 0..<50 {
      try story.contact(.unanswered, "203.0.113.9", Self.server, 80)
      story.wait(0.5)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func aServiceWithoutHistoryIsNotMissed() throws {
    var story = try Story(ServiceHealth(DetectionContext()))
    for round in 0..<10 {
      try story.session(
        "10.1.2.\(11 + round % 3)", Self.server, 80, lasting: 0.2, out: 300, back: 4000)
      story.wait(3)
    }
    for round in 0..<20 {
      try story.contact(.unanswered, "10.1.2.\(11 + round % 3)", Self.server, 80)
      story.wait(1)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func aServiceThatOftenFailsNeedsMoreEvidence() throws {
    var story = try Story(ServiceHealth(DetectionContext()))
    for round in 0..<120 {
      let client = "10.1.2.\(11 + round % 3)"
      if round % 2 == 0 {
        try story.session(client, Self.server, 80, lasting: 0.2, out: 300, back: 4000)
      } else {
        try story.contact(.unanswered, client, Self.server, 80)
      }
      story.wait(2)
    }
    for round in 0..<6 {
      try story.contact(.unanswered, "10.1.2.\(11 + round % 3)", Self.server, 80)
      story.wait(2)
    }
    #expect(story.sink.reports.isEmpty)
    for round in 0..<30 {
      try story.contact(.unanswered, "10.1.2.\(11 + round % 3)", Self.server, 80)
      story.wait(2)
    }
    #expect(story.sink.reports.count >= 1)
  }
}
