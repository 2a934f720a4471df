import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// Real guessing tools at real services (see Tests/Captures).
@Suite struct GuessingCaptureTests {
  private func attacks(_ name: String) throws -> [Report] {
    try Lab.attacks(name).filter { $0.kind.family == "access" || $0.kind.family == "lateral" }
  }

  @Test(arguments: [
    ("mysql-logins", "mysql"), ("postgresql-logins", "postgresql"), ("redis-logins", "redis"),
    ("smb-logins", "smb"),
  ])
  func guessesAreTiedToTheirServiceAndTheEntryIsTold(name: String, service: String) throws {
    let reports = try attacks(name)
    #expect(
      Set(reports.map(\.story)) == [
        "access.brute-force 203.0.113.60 > 10.10.3.50",
        "access.login-after-guessing 203.0.113.60 > 10.10.3.50",
      ])
    #expect(reports.contains { $0.kind == .bruteForce && $0.text("service") == service })
  }

  @Test func fewTriesOverEachOfFewConnectionsAreGuessing() throws {
    let told = try attacks("ssh-medusa").map(\.story)
    #expect(told == ["access.brute-force 203.0.113.60 > 10.10.3.50"])
  }

  @Test func aPasswordEveryFewSecondsIsGuessing() throws {
    let told = try attacks("ssh-patient").map(\.story)
    #expect(told == ["access.brute-force 198.51.100.10 > 10.10.1.30"])
  }

  @Test func onePasswordFromEachOfManySourcesIsGuessing() throws {
    let told = try attacks("ssh-crowd").map(\.story)
    #expect(told.count == 1)
    #expect(told.first?.hasPrefix("access.brute-force") == true)
    #expect(told.first?.hasSuffix("> 10.10.1.30") == true)
  }

  @Test func oneTryAtEachServerIsASpray() throws {
    let told = try attacks("ssh-spray").map(\.story)
    #expect(told == ["access.password-spray 203.0.113.60 > 8 hosts"])
  }

  @Test func whatSqlmapDoesToALoginIsNoGuessing() throws {
    let told = try attacks("sqlmap-form")
    #expect(Set(told.map(\.kind.text)) == ["access.web-attack"])
    #expect(told.contains { $0.text("technique") == "sqli" })
  }

  @Test(arguments: ["vnc-guessing", "mssql-guessing", "ldap-guessing"])
  func guessesThatAllFailAreGuessing(name: String) throws {
    let told = try attacks(name).map(\.story)
    #expect(told == ["access.brute-force 203.0.113.60 > 10.10.3.50"])
  }

  @Test func onePasswordAtManyAccountsIsASpray() throws {
    let told = try attacks("smb-spray").filter { $0.kind == .passwordSpray }
    #expect(told.map(\.story) == ["access.password-spray 203.0.113.60 > 10.10.3.50"])
    #expect((told.first?.count("accounts") ?? 0) >= 8)
  }

  @Test func aVeiledShellIsToldByItsSilences() throws {
    let told = try attacks("veiled-shell")
    #expect(told.map(\.story) == ["access.reverse-shell 203.0.113.60 > 10.10.3.50"])
  }

  @Test func aTunnelInEchoIsToldAndPingsAreNot() throws {
    let told = try Lab.attacks("icmp-tunnel").map(\.story)
    #expect(told == ["exfil.icmp-tunnel 10.10.3.50 > 203.0.113.60"])
  }
}

@Suite struct GuessingTests {
  private func story(port: UInt16 = 21) throws -> SessionStory<LoginOutcomes> {
    try SessionStory(LoginOutcomes(DetectionContext()), port: port)
  }

  /// A login with the outcome, by a connection of its own.
  private func login(
    _ story: inout SessionStory<LoginOutcomes>, _ service: SessionProtocol,
    user: String = "", secret: UInt64 = 0, _ outcome: LoginAttempt.Outcome = .refused
  ) throws {
    story.clientPort &+= 1
    try story.tell(
      .login(LoginAttempt(service, outcome, user: user.utf8, secret: secret)), fromClient: false)
  }

  private func password(
    _ story: inout SessionStory<LoginOutcomes>, user: String, _ secret: UInt64,
    accepted: Bool = false
  ) throws {
    var reply = ServerReply()
    reply.verb = "PASS"
    reply.endsLogin = true
    reply.outcome = accepted ? .positive : .negative
    reply.user = Array(user.utf8)
    reply.secret = secret
    try story.tell(story.serverPort == 110 ? .popReply(reply) : .ftpReply(reply), fromClient: false)
  }

  @Test func manyTriesOverOneConnectionAreGuessing() throws {
    var story = try story(port: 110)
    for index in 0..<20 as Range<UInt64> {
      story.wait(1)
      try password(&story, user: "bob", index + 1)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["access.brute-force 203.0.113.5 > 10.10.1.10"])
    #expect(told.first?.text("service") == "pop3")
  }

  @Test(arguments: [600, 1800]) func slowGuessesAddUpOverHours(pause: Double) throws {
    var story = try story()
    for index in 0..<40 as Range<UInt64> {
      story.wait(pause)
      story.clientPort &+= 1
      try password(&story, user: "root", index + 1)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.bruteForce])
  }

  @Test(arguments: [600, 1800]) func aJobWithOneOldPasswordIsNoSlowGuessing(pause: Double) throws {
    var story = try story()
    story.client = "10.10.3.8"
    for _ in 0..<200 {
      story.wait(pause)
      story.clientPort &+= 1
      try password(&story, user: "backup", 77)
    }
    story.serverPort = 22
    var failed = SSHProgress()
    failed.stage = .loginFailed
    for _ in 0..<200 {
      story.wait(pause)
      story.clientPort &+= 1
      try story.tell(.ssh(failed), fromClient: false)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  /// Strangers who take their time, and somebody inside who is in haste.
  @Test(arguments: [
    ("203.0.113.5", 10, 3.0), ("203.0.113.5", 10, 11), ("10.10.2.105", 20, 2),
  ])
  func whoIsRefusedAgainAndAgainGuesses(client: String, tries: Int, pause: Double) throws {
    #expect(try told(of: client, tries: tries, pause: pause) == [.bruteForce])
  }

  /// Somebody who errs, an administrator's job, a stranger's job without the new key.
  @Test(arguments: [
    ("203.0.113.5", 6, 4.0), ("10.10.3.8", 40, 4), ("203.0.113.5", 16, 60),
  ])
  func errorsAndJobsAreNoGuessing(client: String, tries: Int, pause: Double) throws {
    #expect(try told(of: client, tries: tries, pause: pause).isEmpty)
  }

  private func told(of client: String, tries: Int, pause: Double) throws -> [ReportKind] {
    var story = try story(port: 22)
    story.client = client
    var failed = SSHProgress()
    failed.stage = .loginFailed
    for _ in 0..<tries {
      story.wait(pause)
      story.clientPort &+= 1
      try story.tell(.ssh(failed), fromClient: false)
    }
    return story.finish().map(\.kind)
  }

  /// Somebody inside who takes his time, and a job that tries again by the clock.
  @Test(arguments: [(4.0, 8.0, 1), (6, 6, 0), (20, 40, 0)])
  func unevenTriesOfAnInsideHostAreGuessing(one: Double, other: Double, reports: Int) throws {
    var story = try story(port: 22)
    story.client = "10.20.1.103"
    var failed = SSHProgress()
    failed.stage = .loginFailed
    for turn in 0..<12 {
      story.wait(turn % 2 == 0 ? one : other)
      story.clientPort &+= 1
      try story.tell(.ssh(failed), fromClient: false)
    }
    #expect(story.finish().count == reports)
  }

  /// Six outside sources: thrice each, once each, thrice each before they come in.
  @Test(arguments: [(3, false, 1), (1, false, 0), (3, true, 0)])
  func fewStubbornSourcesGuessTogether(tries: Int, comesIn: Bool, reports: Int) throws {
    var story = try story(port: 22)
    var progress = SSHProgress()
    for source in 0..<6 {
      story.client = "198.51.100.\(150 + source)"
      for _ in 0..<tries {
        story.wait(4)
        story.clientPort &+= 1
        progress.stage = .loginFailed
        try story.tell(.ssh(progress), fromClient: false)
      }
      guard comesIn else { continue }
      progress.stage = .loginSucceeded
      try story.tell(.ssh(progress), fromClient: false)
    }
    let told = story.finish()
    #expect(told.count { $0.kind == .bruteForce } == reports)
  }

  @Test func oneLoginAtEachOfManyServersIsASpray() throws {
    var story = try story(port: 22)
    var failed = SSHProgress()
    failed.stage = .loginFailed
    for host in 10..<24 {
      story.wait(30)
      story.server = "10.10.1.\(host)"
      story.clientPort &+= 1
      try story.tell(.ssh(failed), fromClient: false)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["access.password-spray 203.0.113.5 > 14 hosts"])
  }

  @Test(arguments: [(1, 0), (2, 1)])
  func anInsideHostSpraysWhereItTriesAgain(tries: Int, reports: Int) throws {
    var story = try story(port: 22)
    story.client = "10.10.2.104"
    var failed = SSHProgress()
    failed.stage = .loginFailed
    for host in 10..<18 {
      story.server = "10.10.3.\(host)"
      for _ in 0..<tries {
        story.wait(1)
        story.clientPort &+= 1
        try story.tell(.ssh(failed), fromClient: false)
      }
    }
    #expect(story.finish().count { $0.kind == .passwordSpray } == reports)
  }

  @Test func aSprayThatHitsIsAnEntry() throws {
    var story = try story(port: 445)
    for index in 0..<12 {
      story.wait(20)
      try login(&story, .smb, user: "user\(index)")
    }
    story.server = "10.10.1.12"
    try login(&story, .smb, user: "carol", .accepted)
    let told = story.finish()
    #expect(
      Set(told.map(\.story)) == [
        "access.password-spray 203.0.113.5 > 10.10.1.10",
        "access.login-after-guessing 203.0.113.5 > 10.10.1.12",
      ])
    #expect(told.contains { $0.text("account") == "carol" })
  }

  @Test func aFrontEndWhosePeopleErrSpraysNothing() throws {
    var story = try story(port: 143)
    story.client = "10.10.1.11"
    for index in 0..<60 {
      story.wait(40)
      if index % 3 == 0 { try login(&story, .ldap, user: "u\(index)", secret: 1) }
      try login(&story, .ldap, user: "u\(index)", secret: UInt64(index + 2), .accepted)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func manySourcesAfterOneAccountGuessTogether() throws {
    var story = try story(port: 3389)
    for index in 0..<40 {
      story.wait(60)
      story.client = "203.0.113.\(100 + index % 20)"
      try login(&story, .smb, user: "administrator")
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.bruteForce])
    #expect((told.first?.sources.count ?? 0) >= 8)
  }

  @Test func aMorningOfWrongPasswordsIsNoCrowd() throws {
    var story = try story(port: 445)
    for index in 0..<60 {
      story.wait(20)
      story.client = "10.10.2.\(100 + index)"
      try login(&story, .smb, user: "user\(index)")
      if index % 4 == 0 { try login(&story, .smb, user: "user\(index)") }
      story.wait(5)
      if index % 5 != 0 { try login(&story, .smb, user: "user\(index)", .accepted) }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aPoolThatTriesAgainAtEaseIsNoGuessing() throws {
    var story = try story(port: 3306)
    story.client = "10.10.3.10"
    for _ in 0..<300 {
      story.wait(30)
      try login(&story, .mysql, user: "app")
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func communitiesTriedOneByOneAreGuessing() throws {
    var story = try story(port: 161)
    var message = SNMPMessage()
    for index in 0..<30 {
      story.wait(0.1)
      message.community = Array("c\(index)".utf8)
      try story.tell(.snmp(message))
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.bruteForce])
    #expect(told.first?.text("service") == "snmp")
  }

  @Test func aPollerHasItsCommunity() throws {
    var story = try story(port: 161)
    var message = SNMPMessage()
    message.community = Array("public".utf8)
    for index in 0..<300 {
      story.wait(30)
      message.operation = 0
      try story.tell(.snmp(message))
      message.operation = 2
      if index % 3 == 0 { try story.tell(.snmp(message), fromClient: false) }
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
