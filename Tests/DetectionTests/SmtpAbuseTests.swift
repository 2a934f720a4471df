import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct SmtpAbuseTests {
  private func story() throws -> SessionStory<SmtpAbuse> {
    try SessionStory(SmtpAbuse(DetectionContext()), port: 25)
  }

  @Test(arguments: ["VRFY", "EXPN"]) func searchingForNamesIsFound(verb: String) throws {
    var story = try story()
    for index in 0..<20 {
      story.wait(30)
      try story.line(verb, "name\(index)", code: index % 4 == 0 ? 250 : 550, "unknown")
    }
    let told = story.finish()
    #expect(told.map(\.story) == ["recon.smtp-enumeration 203.0.113.5 > 10.10.1.10"])
    #expect(told.first?.count("failures") == 15)
  }

  @Test func searchingByRecipientsIsFound() throws {
    var story = try story()
    try story.line("MAIL", "FROM:<a@x.example>")
    for index in 0..<20 {
      try story.line("RCPT", "TO:<name\(index)@acme.test>", code: 550, "5.1.1 user unknown")
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == ["recon.smtp-enumeration"])
    #expect(told.first?.text("command") == "RCPT")
  }

  /// Letters to people who left long ago, again and again.
  @Test func aStaleListIsNoSearch() throws {
    var story = try story()
    for index in 0..<40 {
      story.wait(5)
      try story.line("MAIL", "FROM:<news+\(index)@shop.example>")
      try story.line(
        "RCPT", "TO:<former\(index % 4)@acme.test>", code: 550, "5.1.1 user unknown")
    }
    #expect(story.finish().isEmpty)
  }

  @Test(arguments: [
    ("DEBUG", "", "debug"), ("WIZ", "", "debug"),
    ("RCPT", "TO:<\"| sed -e '1,/^$/'d | /bin/sh ; exit 0\">", "pipe"),
    ("MAIL", "FROM:<|/bin/id@acme.test>", "pipe"),
    ("RCPT", "TO:<${run{\\x2Fbin\\x2Fsh}}@acme.test>", "injection"),
    ("MAIL", "FROM:<;for i in 0 1 2;do read r;done;sh;exit 0;>", "injection"),
    ("EHLO", "() { :;}; /bin/id", "injection"),
  ])
  func aTrickIsFound(verb: String, argument: String, technique: String) throws {
    var story = try story()
    try story.line(verb, argument, code: 500)
    let told = story.finish()
    #expect(told.map(\.kind.text) == ["access.smtp-attack"])
    #expect(told.first?.text("technique") == technique)
  }

  @Test func relayingIsFoundAndOneRefusalIsNot() throws {
    var story = try story()
    try story.line("RCPT", "TO:<a@far.example>", code: 554, "5.7.1 Relay access denied")
    let before = Lab.newest(story.sink.drain())
    for index in 0..<4 {
      try story.line("RCPT", "TO:<a\(index)@far.example>", code: 554, "Relay access denied")
    }
    let told = story.finish()
    #expect(before.isEmpty)
    #expect(told.first?.text("technique") == "relay")
  }

  /// One such mail is a clumsy script's.
  @Test(arguments: [(3, true), (2, false)])
  func envelopesThatWaitForNobodyAreFound(mails: Int, isTold: Bool) throws {
    var story = try story()
    for _ in 0..<mails {
      story.wait(20)
      var reply = ServerReply()
      reply.code = 250
      reply.verb = "EHLO"
      reply.isForeseen = true
      try story.tell(.smtpReply(reply), fromClient: false)
    }
    let told = story.finish()
    #expect(told.map { $0.text("technique") } == (isTold ? ["early-talker"] : []))
  }

  @Test func testsForRelayingAreFoundWhateverIsAnswered() throws {
    var story = try story()
    for route in ["v%b.example@acme.test", "@acme.test:v@b.example", "b.example!v@acme.test"] {
      try story.line("MAIL", "FROM:<x@acme.test>")
      try story.line("RCPT", "TO:<\(route)>", code: 550, "5.1.1 user unknown")
    }
    let told = story.finish()
    #expect(told.map(\.kind.text) == ["access.smtp-attack"])
    #expect(told.first?.text("technique") == "relay")
  }

  /// Forms of nmap's and of older tests; a recipient that somebody mistyped, tried twice.
  @Test(arguments: [
    (["\"v@b.example\"", "v@b.example@acme.test", "b.example!v", "\"v%b.example\"@acme.test"], 1),
    (["v@b.example@acme.test", "v@b.example@acme.test"], 0),
    (["bounce+v=b.example@acme.test", "SRS0=x=TT=b.example=v@acme.test", "a!b@acme.test"], 0),
  ])
  func otherFormsOfRoutesAreTestsForRelaying(recipients: [String], reports: Int) throws {
    var story = try story()
    for recipient in recipients {
      try story.line("RCPT", "TO:<\(recipient)>", code: 250)
    }
    #expect(story.finish().count == reports)
  }

  @Test func ordinaryMailIsSilent() throws {
    var story = try story()
    for index in 0..<200 {
      story.wait(5)
      try story.line("EHLO", "client.example.net")
      try story.line("MAIL", "FROM:<u\(index)+tag=x@example.net> SIZE=2287")
      try story.line("RCPT", "TO:<info@acme.test>", code: index % 9 == 0 ? 550 : 250, "unknown")
      try story.line("RCPT", "TO:<o'neil.sales/x@acme.test>")
      try story.line("DATA", "", code: 354)
      try story.line("QUIT", "", code: 221)
    }
    try story.line("VRFY", "postmaster")
    let told = story.finish()
    #expect(told.isEmpty)
  }
}
