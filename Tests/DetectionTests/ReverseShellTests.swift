import Analysis
import Flows
import Reports
import Terms
import Testing

@testable import Detection

@Suite struct ReverseShellTests {
  /// What the inside host says and what it is told, in turns; true for the host.
  static let shells: [[(Bool, String)]] = [
    [
      (true, "bash: cannot set terminal process group (32441): Inappropriate ioctl for device\n"),
      (false, "id\nuname -a\n"),
    ],
    [
      (false, "hostname\n"), (true, "app1\n"), (false, "find /home -maxdepth 1\n"),
      (true, "/home\n/home/alice\n"), (false, "cat notes\n"), (true, "call bob\n"),
    ],
    [(true, "$ "), (false, "id\n")],
    [(true, "# "), (false, "whoami\n")],
    [(false, "id\n"), (true, "uid=0(root) gid=0(root) groups=0(root)\n")],
    [(false, "ls -la\n"), (true, "total 24\ndrwxr-xr-x 2 root root 4096 .\n-rw-r--r-- 1 a b c\n")],
    [(true, "Microsoft Windows [Version 10.0.19045.2965]\r\n(c) Microsoft\r\n\r\nC:\\Users\\x>")],
    [(true, "PS C:\\Users\\bob> "), (false, "whoami\n"), (true, "corp\\bob\nPS C:\\Users\\bob> ")],
    [(true, "/bin/sh: 0: can't access tty; job control turned off\n$ "), (false, "pwd\n")],
    [(true, "\u{1b}[01;32mroot@web1\u{1b}[00m:\u{1b}[01;34m/\u{1b}[00m# "), (false, "exit\n")],
  ]

  @Test(arguments: shells, [UInt16(4444), 443, 53]) func aShellThatCallsOutIsFound(
    turns: [(Bool, String)], port: UInt16
  ) throws {
    var story = try SessionStory(ReverseShell(DetectionContext()), port: port)
    (story.client, story.server) = ("10.10.2.104", "203.0.113.90")
    for (isHost, text) in turns {
      story.wait(3)
      try story.say(text, fromClient: isHost)
    }
    var closing = SessionClosing()
    closing.bytesIn = 40
    closing.bytesOut = 400
    try story.tell(.closed(closing))
    let told = story.finish()
    #expect(told.map(\.story) == ["access.reverse-shell 203.0.113.90 > 10.10.2.104"])
    #expect(told.first?.text("technique") == "reverse")
    #expect(told.first?.attributes["bytes"] == .bytes(440))
  }

  @Test func aShellThatWaitsIsFoundAsWell() throws {
    var story = try SessionStory(ReverseShell(DetectionContext()), port: 31_337)
    try story.say("id\n", fromClient: true)
    try story.say("uid=0(root) gid=0(root)\n", fromClient: false)
    let told = story.finish()
    #expect(told.map(\.story) == ["access.reverse-shell 203.0.113.5 > 10.10.1.10"])
    #expect(told.first?.text("technique") == "bind")
  }

  @Test func aStageThatIsSentToWhoCallsIsAShell() throws {
    var story = try SessionStory(ReverseShell(DetectionContext()), port: 4444)
    (story.client, story.server) = ("10.10.2.104", "203.0.113.90")
    let program = Array(repeating: UInt8(0x11), count: 300)
    try story.say([0x00, 0x78, 0x02, 0x00, 0x4d, 0x5a, 0x90, 0x00] + program, fromClient: false)
    let told = story.finish()
    #expect(told.map(\.story) == ["access.reverse-shell 203.0.113.90 > 10.10.2.104"])
    // A file that is fetched has no length before it.
    var fetch = try SessionStory(ReverseShell(DetectionContext()), port: 50_021)
    try fetch.say([0x4d, 0x5a, 0x90, 0x00] + program, fromClient: false)
    try fetch.say([0x7f, 0x45, 0x4c, 0x46] + program, fromClient: true)
    let nothing = fetch.finish()
    #expect(nothing.isEmpty)
  }

  static let talks: [[(Bool, String)]] = [
    [
      (false, ":irc.example.net NOTICE * :*** Looking up your hostname\r\n"),
      (true, "NICK bob\r\n"),
    ],
    [(true, "PING\r\n"), (false, "+PONG\r\n"), (true, "SET id 5\r\n"), (false, "+OK\r\n")],
    [(true, "stats\r\n"), (false, "STAT pid 23\r\nSTAT uptime 5\r\nEND\r\n")],
    [
      (false, "Welcome to the game!\r\n> "), (true, "look\r\n"),
      (false, "A room. $ 5 lie here.\r\n"),
    ],
    [(true, "{\"id\":1,\"method\":\"ls\"}\n"), (false, "{\"result\":[\"a\",\"b\"]}\n")],
    [(false, "HELO 1.0 # ready\n"), (true, "user admin\n"), (false, "ok\n")],
    [(true, "price?\n"), (false, "set 5 $ \n")],
    [
      (false, "ping 1\n"), (true, "pong 1\n"), (false, "ping 2\n"), (true, "pong 2\n"),
      (false, "set rate 5\n"), (true, "ok\n"), (false, "ping 3\n"), (true, "pong 3\n"),
    ],
  ]

  @Test(arguments: talks) func otherTalkIsNoShell(turns: [(Bool, String)]) throws {
    var story = try SessionStory(ReverseShell(DetectionContext()), port: 6667)
    for _ in 0..<10 {
      story.clientPort += 1
      for (isClient, text) in turns { try story.say(text, fromClient: isClient) }
    }
    let told = story.finish()
    #expect(told.isEmpty, "\(turns) \(told.map(\.terms))")
  }
}
