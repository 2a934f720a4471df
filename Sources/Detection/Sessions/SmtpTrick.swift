import Flows

/// What nobody sends to a mail server who only wants to deliver mail.
enum SmtpTrick: String, Sendable {
  /// DEBUG, WIZ, KILL: back doors of sendmail (CVE-1999-0095, CVE-1999-0145).
  case debug
  /// A program in the place of a mailbox.
  case pipe
  /// Code for known faults in addresses (CVE-2019-10149, CVE-2020-7247, CVE-2014-6271).
  case injection
  case relay
  /// A mail's envelope, sent before the server's greeting or its reply to HELO was there: who mails in
  /// masses does not wait.
  case earlyTalker = "early-talker"
  /// Commands of another protocol, brought here by a browser or proxy.
  case crossProtocol = "cross-protocol"

  /// A misconfigured client is refused once or twice.
  static let relayWeight = 0.34
  static let routeWeight = 0.5
  static let earlyWeight = 0.34

  /// The trick in a command and its weight, 1 being enough by itself; nil for ordinary mail.
  static func read(_ command: ClientCommand) -> (SmtpTrick, Double)? {
    switch command.verb {
    case "DEBUG", "WIZ", "KILL", "SHOWQ": return (.debug, 1)
    case "GET", "PUT", "OPTIONS", "CONNECT": return (.crossProtocol, 0.5)
    case "MAIL", "RCPT", "EHLO", "HELO", "VRFY", "EXPN":
      if let found = address(command.argument) { return found }
    default: break
    }
    return nil
  }

  private static func address(_ argument: [UInt8]) -> (SmtpTrick, Double)? {
    var weight = 0.0
    let faults: [StaticString] = ["() {", "(){", "${run", "${jndi:", "${lookup", "$(", "`"]
    if faults.contains(where: { argument.mentions($0) }) { return (.injection, 1) }
    let programs: [StaticString] = [
      "/bin/sh", "/bin/bash", "/bin/", "| sed", "uudecode", ":include:",
    ]
    if programs.contains(where: { argument.mentions($0) }) { weight += 0.6 }
    let bracket = argument.firstIndex(of: 0x3c).map { $0 + 1 } ?? 0
    let mailbox = argument[bracket...].drop { $0 == 0x22 || $0 == 0x20 }
    // RFC 5321 lets `|` stand in a name, but not first for anybody but a program.
    if mailbox.first == 0x7c { return (.pipe, 1) }
    if mailbox.first == 0x3b || mailbox.mentions(";sh") || mailbox.mentions("; sh") {
      return (.injection, 1)
    }
    if mailbox.contains(0x7c) { weight += 0.4 }
    if mailbox.first == 0x2f { weight += 0.4 }
    if let relay = relaying(mailbox) { return (.relay, relay) }
    if mailbox.begins("decode@") || mailbox.begins("decode>") { weight += 0.8 }
    return weight > 0 ? (.pipe, weight) : nil
  }

  /// How much an address asks the server to pass mail on to another: a route (RFC 5321, appendix C,
  /// to be ignored and never sent), or a second domain, by `%` or `!`, behind a second `@`, or in quotes
  /// that hide the first, as nobody has written since the tests for open relays.
  private static func relaying(_ mailbox: ArraySlice<UInt8>) -> Double? {
    let end = mailbox.firstIndex(of: 0x3e) ?? mailbox.endIndex
    let address = mailbox[..<end]
    if address.first == 0x40 { return address.contains(0x3a) ? routeWeight : nil }
    // The opening quote is gone: `"user@example.org"`. People err so, too, but seldom thrice.
    if address.last == 0x22 { return isRoute(address.dropLast(), by: [0x40]) ? relayWeight : nil }
    guard let at = address.lastIndex(of: 0x40) else {
      return isRoute(address, by: [0x21]) ? routeWeight : nil
    }
    var name = address[..<at]
    if name.last == 0x22 { name = name.dropLast() }
    if isRoute(name, by: [0x25, 0x21]) { return routeWeight }
    return isRoute(name, by: [0x40]) ? relayWeight : nil
  }

  /// Whether a name and a domain are parted by one of the marks; behind `!` stands the name.
  private static func isRoute(_ name: ArraySlice<UInt8>, by marks: Set<UInt8>) -> Bool {
    guard let mark = name.lastIndex(where: marks.contains) else { return false }
    let domain = name[mark] == 0x21 ? name[..<mark] : name[(mark + 1)...]
    return domain.contains(0x2e) && domain.allSatisfy { $0.isWord || $0 == 0x2e || $0 == 0x2d }
  }
}
