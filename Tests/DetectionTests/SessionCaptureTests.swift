import Reports
import Testing

@testable import Detection

/// Attacks in captures of the lab, with the ordinary traffic beside them, through the whole
/// pipeline.
@Suite struct SessionCaptureTests {
  /// What is worse than informational.
  private func stories(_ name: String, slower: Double) throws -> [String] {
    try Lab.detections(name, slower: slower).filter {
      $0.severity > Report.informationalSeverity
    }.map { report in
      [report.story, report.text("technique") ?? report.text("service")].compactMap { $0 }
        .joined(separator: " ")
    }.sorted()
  }

  @Test(arguments: [1.0, 10, 100]) func webAttacksAreNamedAndVisitorsAreNot(slower: Double) throws {
    let told = try stories("web-attacks", slower: slower)
    #expect(
      told == [
        "access.web-attack 203.0.113.66 > 10.10.1.10 cgi",
        "access.web-attack 203.0.113.66 > 10.10.1.10 traversal",
        "access.web-attack 203.0.113.66 > 10.10.1.11 cgi",
        "access.web-attack 203.0.113.66 > 10.10.1.11 shellshock",
        "access.web-attack 203.0.113.66 > 10.10.1.11 sqli",
        "access.web-attack 203.0.113.66 > 10.10.1.11 traversal",
        "access.web-attack 203.0.113.66 > 10.10.1.11 xss",
        "recon.web-scan 203.0.113.120 > 10.10.1.10",
      ])
  }

  @Test(arguments: [1.0, 10, 100]) func abuseOfAMailServerIsTwoThings(slower: Double) throws {
    let told = try stories("smtp-abuse", slower: slower)
    #expect(
      told == [
        "access.smtp-attack 203.0.113.66 > 10.10.1.25 debug",
        "recon.smtp-enumeration 203.0.113.66 > 10.10.1.25",
      ])
  }

  @Test(arguments: [1.0, 10, 100]) func aReverseShellNamesWhoCommands(slower: Double) throws {
    let told = try stories("reverse-shell", slower: slower)
    #expect(told == ["access.reverse-shell 203.0.113.90 > 10.10.2.104 reverse"])
  }

  @Test func aGuessedSshPasswordIsAnEntryAndABackupIsNot() throws {
    // Four connections with five tries each tell by their outcomes, four more by their shape.
    let told = try stories("ssh-entry", slower: 1)
    #expect(
      Set(told) == [
        "access.brute-force 203.0.113.66 > 10.10.1.30 ssh",
        "access.login-after-guessing 203.0.113.66 > 10.10.1.30 ssh",
      ])
  }

  @Test(arguments: [1.0, 10, 100]) func guessingAtBasicIsFound(slower: Double) throws {
    let told = try stories("http-guessing", slower: slower)
    #expect(told == ["access.brute-force 203.0.113.120 > 10.10.1.10 http"])
  }
}
