import Testing

@testable import Flows

@Suite struct ContentRulesTests {
  /// A command begins with a verb and a blank; an archive sent to the port begins with a name.
  @Test(arguments: [
    ("NOOP\r\n", true), ("XCRC a.bin\r\n", true), ("etc/hosts\u{0}\u{0}0644", false),
  ]) func anArchiveIsNoCommand(text: String, isCommand: Bool) {
    let verdict = Array(text.utf8).withUnsafeBytes { ContentRules.judge($0, .out, port: 2121) }
    #expect((verdict == .known(.ftp)) == isCommand)
  }
}
