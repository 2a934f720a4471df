import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct LateralMovementTests {
  private func story() throws -> SessionStory<LateralMovement> {
    try SessionStory(LateralMovement(DetectionContext()), port: 22)
  }

  private func ssh(
    _ story: inout SessionStory<LateralMovement>, _ client: String, _ server: String,
    _ stages: SSHProgress.Stage...
  ) throws {
    (story.client, story.server) = (client, server)
    story.clientPort &+= 1
    for stage in stages {
      story.wait(0.2)
      var progress = SSHProgress()
      progress.stage = stage
      try story.tell(.ssh(progress), fromClient: false)
    }
  }

  @Test func whoIsGuessedAtAndThenGoesOnMovesLaterally() throws {
    var story = try story()
    for _ in 0..<5 { try ssh(&story, "203.0.113.66", "10.10.1.30", .encrypted, .loginFailed) }
    try ssh(&story, "203.0.113.66", "10.10.1.30", .encrypted, .loginSucceeded)
    story.wait(60)
    for host in [20, 30, 40] {
      try ssh(&story, "10.10.1.30", "10.10.3.\(host)", .encrypted, .loginSucceeded)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["lateral.movement 10.10.1.30 > 10.10.3.20 10.10.3.30 10.10.3.40"])
    #expect(told.first?.attributes["root"] == IPAddress("203.0.113.66").map { .address($0) })
  }

  @Test func hiddenSharesAndServicesAreSteps() throws {
    var story = try story()
    for _ in 0..<6 { try ssh(&story, "203.0.113.66", "10.10.1.30", .encrypted, .loginFailed) }
    story.client = "10.10.1.30"
    story.serverPort = 445
    for host in [20, 21, 22] {
      story.server = "10.10.3.\(host)"
      var tree = SMBMessage()
      (tree.version, tree.command, tree.isResponse) = (2, 3, true)
      tree.share = Array(#"\\10.10.3.20\ADMIN$"#.utf8)
      try story.tell(.smb(tree), fromClient: false)
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["lateral.movement 10.10.1.30 > 10.10.3.20 10.10.3.21 10.10.3.22"])
    #expect(told.first?.text("service") == "smb")
  }

  @Test func administratorsAndJobsGoWhereTheyAlwaysGo() throws {
    var story = try story()
    // A backup job of seven servers, and an administrator who meets new ones.
    for _ in 0..<5 {
      for host in 20..<27 { try ssh(&story, "10.10.3.8", "10.10.3.\(host)", .encrypted) }
      story.wait(75)
    }
    for host in 20..<60 { try ssh(&story, "10.10.2.5", "10.10.3.\(host)", .encrypted) }
    // A gateway host that is guessed at all day goes where it always went.
    for host in 20..<25 { try ssh(&story, "10.10.1.30", "10.10.3.\(host)", .encrypted) }
    for _ in 0..<50 { try ssh(&story, "203.0.113.66", "10.10.1.30", .encrypted, .loginFailed) }
    for host in 20..<25 { try ssh(&story, "10.10.1.30", "10.10.3.\(host)", .encrypted) }
    let told = story.finish()
    #expect(told.isEmpty)
  }

  @Test func whoErrsAndComesInIsNoIntruder() throws {
    var story = try story()
    try ssh(&story, "10.10.2.5", "10.10.1.30", .encrypted, .loginFailed, .loginSucceeded)
    for host in 20..<25 { try ssh(&story, "10.10.1.30", "10.10.3.\(host)", .encrypted) }
    let told = story.finish()
    #expect(told.isEmpty)
  }
}

@Suite struct ExposureTests {
  @Test func whatLiesOpenIsToldOnceAndOnlyForInformation() throws {
    var story = try SessionStory(Exposure(DetectionContext()), port: 6379)
    for _ in 0..<20 {
      story.wait(10)
      try story.tell(.login(LoginAttempt(.redis, .notAsked)), fromClient: false)
    }
    var hello = TLSHello()
    (hello.isFromClient, hello.version) = (false, 0x0301)
    try story.tell(.tls(hello), fromClient: false)
    hello.version = 0x0304
    story.server = "10.10.1.11"
    try story.tell(.tls(hello), fromClient: false)
    let told = story.finish()
    #expect(told.map(\.kind.text) == ["exposure.weak-service", "exposure.weak-service"])
    #expect(told.compactMap { $0.text("version") } == ["no password", "TLS 1.0"])
    #expect(told.allSatisfy { $0.severity <= Report.informationalSeverity })
  }

  @Test func aShareThatLetsGuestsInIsOpen() throws {
    var story = try SessionStory(Exposure(DetectionContext()), port: 445)
    var tree = SMBMessage()
    (tree.version, tree.command, tree.isResponse) = (2, 3, true)
    tree.share = Array(#"\\files\pub"#.utf8)
    try story.tell(.smb(tree), fromClient: false)
    story.clientPort += 1
    try story.tell(.login(LoginAttempt(.smb, .notAsked)), fromClient: false)
    try story.tell(.smb(tree), fromClient: false)
    let told = story.finish()
    #expect(told.map(\.kind.text) == ["exposure.file-share"])
    #expect(told.first?.text("share") == "pub")
  }
}
