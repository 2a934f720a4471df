/// A command line of SMTP, FTP, POP3 or IMAP.
public struct ClientCommand: Sendable, Hashable {
  /// Bytes kept of an argument.
  public static let argumentLimit = 512

  /// In capitals, at most 16 bytes; empty for a line that answers a challenge (AUTH).
  public var verb = ""
  public var argument: [UInt8] = []
  /// Bytes of the whole line without its end, though not kept.
  public var length = 0
  /// Zero-based number in its connection.
  public var number = 0
  /// Sent before the server had answered the command before.
  public var isPipelined = false
  /// Who logged in, or tries to, as far as it was said in clear (USER, LOGIN, AUTH PLAIN are
  /// decoded by the parser); empty otherwise.
  public var user: [UInt8] = []
  /// The line carries credentials that anybody can read.
  public var carriesPassword = false

  public init() {}
}

/// A reply of an SMTP, FTP, POP3 or IMAP server; replies of several lines are told once, at the
/// last.
public struct ServerReply: Sendable, Hashable {
  /// Bytes kept of the last line.
  public static let textLimit = 256

  public enum Outcome: UInt8, Sendable {
    /// 2xx, +OK, OK.
    case positive
    /// 1xx, 3xx, +: go on.
    case intermediate
    /// 4xx, 5xx, -ERR, NO, BAD.
    case negative
  }

  public var outcome = Outcome.positive
  /// The three digits of SMTP and FTP; 0 for POP3 and IMAP.
  public var code = 0
  public var text: [UInt8] = []
  /// The verb that is answered; empty for a greeting.
  public var verb = ""
  /// The answer ends an attempt to log in (PASS, AUTH, LOGIN): `outcome` says how.
  public var endsLogin = false
  /// Who tried to; see `ClientCommand.user`.
  public var user: [UInt8] = []
  /// Of a login in clear, a digest of the password; 0 where it was hidden.
  public var secret: UInt64 = 0

  /// SMTP's greeting, or its reply to HELO or EHLO: the client had sent an envelope (MAIL, RCPT or
  /// DATA) before it could know this. RFC 5321, 4.1.1.1 and RFC 2920, 3.1 bid it wait.
  public var isForeseen = false

  public init() {}
}

/// A line of a Telnet session (RFC 854), negotiation removed: what the user typed, or what the
/// server showed, possibly a prompt without an end.
public struct TelnetLine: Sendable, Hashable {
  /// Bytes kept of a line.
  public static let textLimit = 256

  public enum Role: UInt8, Sendable {
    case text
    /// The server asks for a name, or a password.
    case loginPrompt, passwordPrompt
    /// What the client said to these.
    case user, password
    /// The server refuses the login, or shows a shell's prompt after it.
    case failure, success
  }

  public var isFromClient = false
  public var role = Role.text
  public var text: [UInt8] = []
  /// With `failure` and `success`: who tried to log in, and a digest of the password; empty and 0
  /// where they were not seen.
  public var user: [UInt8] = []
  public var secret: UInt64 = 0

  public init() {}
}
