import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// What a segment hands up so that actors can be followed.
@Suite struct ActorEvidenceTests {
  private func logins(_ reports: [Report]) -> [LoginRow] {
    reports.flatMap { report -> [LoginRow] in
      guard case .logins(let rows) = report.summary else { return [] }
      return rows
    }
  }

  private func leases(_ reports: [Report]) -> [LeaseRow] {
    reports.flatMap { report -> [LeaseRow] in
      guard case .leases(let rows) = report.summary else { return [] }
      return rows
    }
  }

  private func story(_ limits: [String: Double] = [:]) throws -> SessionStory<LoginRecords> {
    var context = DetectionContext(segment: "dmz")
    context.limits.overrides = limits
    return try SessionStory(LoginRecords(context), port: 22)
  }

  private func ssh(
    _ story: inout SessionStory<LoginRecords>, _ stages: SSHProgress.Stage...
  ) throws {
    for stage in stages {
      var progress = SSHProgress()
      progress.stage = stage
      progress.mark = stage == .encrypted ? 77 : 0
      try story.tell(.ssh(progress), fromClient: false)
    }
  }

  private func close(_ story: inout SessionStory<LoginRecords>, bytes: UInt64) throws {
    var closing = SessionClosing()
    closing.sessionProtocol = .ssh
    (closing.isEstablished, closing.bytesIn, closing.bytesOut) = (true, bytes, 3000)
    try story.tell(.closed(closing))
  }

  @Test func aLoginIsToldWhenItWorksAndWhenItIsOver() throws {
    var story = try story()
    try ssh(&story, .encrypted, .loginSucceeded)
    story.engine.runDeadlines(through: CaptureTime(seconds: 1002), into: &story.sink)
    let early = story.sink.drain()
    #expect(early.map(\.kind) == [.logins])
    #expect(early.first?.emitted == CaptureTime(seconds: 1002))
    #expect(early.first?.coverage.segments == ["dmz"])
    #expect(logins(early).map(\.description) == ["203.0.113.5 → 10.10.1.10 ssh, accepted"])
    #expect(logins(early).first?.mark == 77)
    try close(&story, bytes: 900)
    let late = logins(story.finish())
    #expect(late.map(\.isClosed) == [true])
    #expect(late.first?.bytesIn == 900)
  }

  @Test func refusedTriesShareARowAndCrowdNobodyOut() throws {
    var story = try story(["login-records.rows": 8])
    for client in 0..<40 {
      story.client = "198.51.100.\(client)"
      for _ in 0..<3 {
        story.clientPort &+= 1
        try ssh(&story, .encrypted, .loginFailed)
      }
    }
    story.client = "10.10.2.7"
    try ssh(&story, .encrypted, .loginSucceeded)
    let rows = logins(story.finish())
    #expect(rows.count == 5)
    #expect(rows.filter { $0.outcome == .refused }.map(\.count) == [3, 3, 3, 3])
    #expect(rows.last?.client == IPAddress("10.10.2.7"))
    #expect(story.engine.losses == 36 * 3)
  }

  /// A login by key may show nothing but that the session goes on.
  @Test func whatGoesOnIsToldAndWhatEndsAtOnceIsNot() throws {
    var story = try story()
    try ssh(&story, .encrypted)
    try close(&story, bytes: 2000)
    story.clientPort += 1
    try ssh(&story, .encrypted)
    story.engine.runDeadlines(through: CaptureTime(seconds: 1030), into: &story.sink)
    let rows = logins(story.sink.drain())
    #expect(rows.map(\.outcome) == [.unknown])
    #expect(rows.first?.clientPort == story.clientPort)
  }

  @Test func namesSaidInClearAreKept() throws {
    var story = try story()
    story.serverPort = 23
    var line = TelnetLine()
    (line.role, line.text, line.isFromClient) = (.user, Array("alice".utf8), true)
    try story.tell(.telnet(line))
    (line.role, line.text, line.isFromClient) = (.success, Array("$".utf8), false)
    try story.tell(.telnet(line), fromClient: false)
    #expect(
      logins(story.finish()).map(\.description)
        == ["203.0.113.5 → 10.10.1.10 telnet as alice, accepted"])
  }

  @Test func webMailAndDatabasesAreNobodysShell() throws {
    var story = try story()
    for service in [SessionProtocol.mysql, .postgres, .redis, .ldap] {
      try story.tell(.login(LoginAttempt(service, .accepted)), fromClient: false)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func aLeaseIsToldOnceAndAgainWhenItMoves() throws {
    var context = DetectionContext(segment: "office")
    context.dhcp = [try #require(IPAddress("10.1.1.2"))]
    var story = try NameStory(LeaseRecords(context))
    func grant(_ address: String, by server: String = "10.1.1.2") throws {
      var message = DHCPMessage()
      (message.kind, message.operation) = (.ack, 2)
      message.hardware = MACAddress(bits: 0x02_0000_0000_20)
      message.serverIdentifier = try #require(IPAddress(server))
      message.offeredAddress = try #require(IPAddress(address))
      message.leaseTime = 3600
      try story.tell(.dhcp(message), from: server, 67, to: address, 68, mac: 2)
    }
    try grant("10.1.1.90")
    story.wait(10)
    try grant("10.1.1.90")
    story.wait(10)
    try grant("10.1.1.91")
    // Whom the topology does not know gives nobody an address.
    try grant("10.1.1.92", by: "10.1.1.66")
    let rows = leases(story.finish())
    #expect(
      rows.map(\.description) == [
        "10.1.1.90 is 02:00:00:00:00:20, by 10.1.1.2",
        "10.1.1.91 is 02:00:00:00:00:20, by 10.1.1.2",
      ])
  }

  @Test func aCaptureShowsWhoCameIn() throws {
    let reports = try Lab.everything("ssh-entry")
    let rows = logins(reports)
    #expect(rows.contains { $0.client == IPAddress("203.0.113.66") && $0.outcome == .accepted })
    #expect(rows.contains { $0.client == IPAddress("203.0.113.66") && $0.outcome == .refused })
    // A key exchange is nobody else's.
    let marks = rows.filter { $0.outcome == .accepted }.map(\.mark)
    #expect(!marks.contains(0))
    #expect(reports.filter { $0.summary != nil }.allSatisfy { $0.reportClass == .evidence })
  }

  @Test func aCaptureShowsWhoHasWhichAddress() throws {
    let rows = leases(try Lab.everything("office-names"))
    #expect(!rows.isEmpty)
    #expect(rows.allSatisfy { $0.hardware != .unknown && $0.until > $0.granted })
  }
}
