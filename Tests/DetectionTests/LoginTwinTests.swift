import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// Logins whose outcome is not plain, each kind of guessing beside people and jobs that do the same.
@Suite struct LoginTwinTests {
  private func story(port: UInt16 = 80) throws -> SessionStory<LoginOutcomes> {
    try SessionStory(LoginOutcomes(DetectionContext()), port: port)
  }

  /// Proofs instead of passwords: somebody in haste, a stranger, a pool at ease, one who comes in.
  @Test(arguments: [
    ("10.20.1.102", 20, 1.1, false, 1), ("203.0.113.5", 12, 4, false, 1),
    ("10.10.3.10", 60, 12, false, 0), ("10.20.1.102", 20, 1.1, true, 0),
  ])
  func hiddenPasswordsAreJudgedByTheirPace(
    client: String, tries: Int, pause: Double, comesIn: Bool, reports: Int
  ) throws {
    var story = try story(port: 445)
    story.client = client
    for turn in 0..<tries {
      story.wait(pause)
      story.clientPort &+= 1
      let isIn = comesIn && turn % 4 == 0
      try story.tell(
        .login(LoginAttempt(.smb, isIn ? .accepted : .refused, user: "administrator".utf8)),
        fromClient: false)
    }
    #expect(story.finish().count { $0.kind == .bruteForce } == reports)
  }

  static let forms = [
    (
      "POST /owa/auth.owa", "username=ACME%5Cbob&password=", 302, "/owa/auth/logon.aspx?reason=2",
      ""
    ),
    ("POST /pma/index.php", "pma_username=root&pma_password=", 200, "", "<form>"),
    ("POST /x", "user%5Bname%5D=a&user%5Bpassword%5D=", 200, "", "<form>"),
    ("POST /signin?x=1", "user=bob&pass=", 302, "/signin?csrf=7", ""),
    ("POST /rest", "user=bob&password=", 200, "", ##"{"success": false, "token": ""}"##),
  ]

  @Test(arguments: forms) func formsOfEverydayProgramsAreGuessedAt(
    head: String, body: String, status: Int, location: String, answer: String
  ) throws {
    var story = try story()
    for index in 0..<20 {
      story.wait(1)
      try story.ask(
        head, body: "\(body)p\(index)", status: status, location: location, answer: answer)
    }
    #expect(story.finish().map(\.kind) == [.bruteForce])
  }

  /// Forty people behind one address, each eighth of whom errs once.
  @Test(arguments: [##"{"success":true}"##, ##"{"access_token": "x1"}"##])
  func peopleBehindOneAddressComeInByTokens(answer: String) throws {
    var story = try story()
    for index in 0..<40 {
      story.wait(1)
      if index % 8 == 0 {
        try story.ask(
          "POST /rest", body: #"{"user":"u\#(index)","password":"t\#(index)"}"#,
          answer: #"{"success":false}"#)
      }
      try story.ask(
        "POST /rest", body: #"{"user":"u\#(index)","password":"p\#(index)"}"#, answer: answer)
    }
    #expect(story.finish().isEmpty)
  }

  @Test func aTokenAfterGuessesIsAnEntry() throws {
    var story = try story()
    for index in 0..<12 {
      story.wait(1)
      try story.ask(
        "POST /rest", body: #"{"user":"bob","password":"p\#(index)"}"#,
        answer: #"{"success":false}"#)
    }
    try story.ask(
      "POST /rest", body: #"{"user":"bob","password":"x"}"#, answer: #"{"token":"x1"}"#)
    #expect(story.finish().contains { $0.kind == LoginOutcomes.entry })
  }

  /// Twelve sources go round three servers: four tries each; once each; until they come in.
  @Test(arguments: [(4, false, 1), (1, false, 0), (4, true, 0)])
  func sourcesThatShareOutServersGuessTogether(tries: Int, comesIn: Bool, reports: Int) throws {
    var story = try story(port: 22)
    var progress = SSHProgress()
    for source in 0..<12 {
      story.client = "192.0.2.\(110 + source)"
      for _ in 0..<tries {
        story.wait(5)
        story.server = "10.10.1.\(20 + source % 3)"
        story.clientPort &+= 1
        progress.stage = .loginFailed
        try story.tell(.ssh(progress), fromClient: false)
        guard comesIn else { continue }
        progress.stage = .loginSucceeded
        try story.tell(.ssh(progress), fromClient: false)
      }
    }
    let told = story.finish().filter { $0.kind == .bruteForce }
    #expect(told.count == reports)
    if reports > 0 { #expect(told.first?.targets.count == 3) }
  }

  @Test(arguments: [(15, 5, 1), (6, 1, 0)])
  func aBotnetThatTakesAccountsByTurnsGuesses(sources: Int, tries: Int, reports: Int) throws {
    var story = try story(port: 8000)
    for turn in 0..<tries {
      for source in 0..<sources {
        story.wait(0.5)
        story.client = "203.0.113.\(120 + source)"
        let user = ["admin", "root", "carol"][turn % 3]
        try story.ask(
          "POST /rest", body: #"{"username":"\#(user)","password":"p\#(turn * 31 + source)"}"#,
          answer: #"{"success":false,"message":"Bad credentials"}"#)
      }
    }
    #expect(story.finish().count { $0.kind == .bruteForce } == reports)
  }

  /// Six sources with five accounts each; six people who err thrice.
  @Test(arguments: [(5, 5, 1), (1, 3, 0)])
  func fewSourcesWithManyAccountsSprayTogether(accounts: Int, tries: Int, reports: Int) throws {
    var story = try story(port: 143)
    for turn in 0..<tries {
      for source in 0..<6 {
        story.wait(2)
        story.client = "203.0.113.\(130 + source)"
        story.clientPort &+= 1
        try story.tell(
          .login(
            LoginAttempt(
              .ldap, .refused, user: "u\(source)-\(turn % accounts)".utf8,
              secret: UInt64(turn + 1))), fromClient: false)
      }
    }
    #expect(story.finish().count { $0.kind == .bruteForce } == reports)
  }

  /// One inside source at four servers in haste; a job at ease; a job that was refused once by each.
  @Test(arguments: [(24, 4, 1.0, 1), (24, 4, 20, 0), (11, 11, 0.1, 0)])
  func whoGoesRoundFewServersInHasteSprays(
    tries: Int, servers: Int, pause: Double, reports: Int
  ) throws {
    var story = try story(port: 22)
    story.client = "10.20.1.113"
    var failed = SSHProgress()
    failed.stage = .loginFailed
    for turn in 0..<tries {
      story.wait(pause)
      story.server = "10.10.3.\(20 + turn % servers)"
      story.clientPort &+= 1
      try story.tell(.ssh(failed), fromClient: false)
    }
    #expect(story.finish().count { $0.kind == .passwordSpray } == reports)
  }
}
