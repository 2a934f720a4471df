import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct LoginOutcomesTests {
  private func story(port: UInt16 = 80) throws -> SessionStory<LoginOutcomes> {
    try SessionStory(LoginOutcomes(DetectionContext()), port: port)
  }

  @Test(arguments: [0.03, 3, 30]) func guessingBasicPasswordsIsFound(pause: Double) throws {
    var story = try story()
    for index in 0..<40 {
      story.wait(pause)
      try story.ask("GET /admin/\nAuthorization: Basic YWRtaW46\(index)", status: 401)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["access.brute-force 203.0.113.5 > 10.10.1.10"])
    #expect(told.first?.text("service") == "http")
  }

  @Test func aJobWithAnOldPasswordIsNoGuessing() throws {
    var story = try story()
    for _ in 0..<500 {
      story.wait(10)
      try story.ask("GET /api\nAuthorization: Basic b2xk", status: 401)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test(arguments: [(401, "", ""), (302, "/login?error=1", ""), (200, "", "Wrong password")])
  func guessingAtAFormIsFound(status: Int, location: String, answer: String) throws {
    var story = try story()
    for index in 0..<20 {
      story.wait(0.2)
      try story.ask(
        "POST /login", body: "user=admin&password=p\(index)", status: status, location: location,
        answer: answer)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.bruteForce])
  }

  @Test func searchingForInjectionsIsNoGuessing() throws {
    var story = try story()
    for index in 0..<60 {
      story.wait(0.2)
      let strange = "bob%27%20AND%20\(index)%3D\(index)--%20x"
      try story.ask("POST /login", body: "user=\(strange)&pass=x", answer: "Invalid password")
      try story.ask("POST /login", body: "user=bob&pass=\(strange)", answer: "Invalid password")
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func oneUsersPasswordsAreGuessesWhateverTheAnswerSays() throws {
    var story = try story()
    for index in 0..<20 {
      story.wait(0.2)
      try story.ask("POST /x", body: #"{"login":"admin","pwd":"p\#(index)"}"#, status: 200)
    }
    let told = story.finish()
    #expect(told.map(\.kind) == [.bruteForce])
  }

  @Test func manyPeopleBehindOneAddressMayLogIn() throws {
    var story = try story()
    for index in 0..<60 {
      story.wait(20)
      try story.ask(
        "POST /login", body: "user=u\(index)&password=p\(index)", status: 302, location: "/home")
      try story.ask("POST /api/session", body: "user=u\(index)&password=p\(index)", status: 200)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func aLoginThatWorksAfterGuessesIsAnEntry() throws {
    var story = try story()
    for index in 0..<12 {
      try story.ask("POST /login", body: "user=admin&password=p\(index)", status: 401)
    }
    story.wait(1)
    try story.ask("POST /login", body: "user=admin&password=x", status: 302, location: "/home")
    let told = story.finish()
    #expect(
      told.map(\.kind.text).sorted() == ["access.brute-force", "access.login-after-guessing"])
  }

  @Test func anFtpPasswordThatIsFoundIsAnEntry() throws {
    var story = try story(port: 21)
    for index in 0..<9 {
      story.wait(4)
      try story.line("PASS", "p\(index)", code: 530)
    }
    try story.line("PASS", "right", code: 230)
    let told = story.finish()
    #expect(told.map(\.story) == ["access.login-after-guessing 203.0.113.5 > 10.10.1.10"])
    #expect(told.first?.count("attempts") == 9)
  }

  @Test func whoErrsTwiceMayComeIn() throws {
    var story = try story(port: 21)
    for _ in 0..<20 {
      story.wait(600)
      try story.line("PASS", "wrong", code: 530)
      try story.line("PASS", "wrong too", code: 530)
      try story.line("PASS", "right", code: 230)
    }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}

@Suite struct CleartextCredentialsTests {
  @Test func eachPairIsToldOnceAndOnlyForInformation() throws {
    var story = try SessionStory(CleartextCredentials(DetectionContext()), port: 21)
    for _ in 0..<30 {
      story.wait(5)
      try story.line("PASS", "secret-word", code: 230)
    }
    story.serverPort = 80
    try story.ask("GET /\nAuthorization: Basic c2VjcmV0")
    try story.ask("POST /login", body: "user=a&password=secret-word")
    let told = story.finish()
    #expect(told.compactMap { $0.text("service") } == ["ftp", "http"])
    #expect(told.allSatisfy { $0.severity <= Report.informationalSeverity })
    #expect(!"\(told)".contains("secret-word") && !"\(told)".contains("c2VjcmV0"))
  }

  private func telnet(
    _ story: inout SessionStory<LoginOutcomes>, _ role: TelnetLine.Role, secret: Int
  ) throws {
    var line = TelnetLine()
    line.role = role
    line.user = Array("admin".utf8)
    line.secret = UInt64(secret)
    try story.tell(.telnet(line), fromClient: false)
  }

  @Test(arguments: [("10.10.2.115", true, 1), ("10.10.2.115", false, 0)])
  func twoPasswordsOnEachConnectionAreGuesses(client: String, isNew: Bool, reports: Int) throws {
    var story = try SessionStory(LoginOutcomes(DetectionContext()), port: 23)
    story.client = client
    for connection in 1...9 {
      story.clientPort += 1
      for attempt in 1...2 {
        story.wait(2)
        try telnet(&story, .failure, secret: isNew ? connection * 10 + attempt : 7)
      }
      story.wait(3)
    }
    #expect(story.finish().count == reports)
  }

  @Test(arguments: [("203.0.113.44", 60.0, 1), ("203.0.113.44", 7200, 0), ("198.51.100.4", 60, 0)])
  func aNeighbourComesInWithWhatWasGuessed(
    client: String, pause: Double, reports: Int
  ) throws {
    var story = try SessionStory(LoginOutcomes(DetectionContext()), port: 23)
    for attempt in 1...9 {
      story.wait(1)
      try telnet(&story, attempt < 9 ? .failure : .success, secret: attempt)
    }
    story.client = client
    story.serverPort = 22
    story.wait(pause)
    var progress = SSHProgress()
    progress.stage = .loginSucceeded
    try story.tell(.ssh(progress), fromClient: false)
    let entries = story.finish().filter {
      $0.kind == LoginOutcomes.entry && $0.sources.listed.map(\.description) == [client]
    }
    #expect(entries.count == reports)
  }
}
