/// Services that ask for a password, by their registered port; those apart whose answers are read
/// anyway and whose ordinary clients open many short sessions (SMB, databases).
enum LoginService: UInt16, Sendable, CaseIterable {
  case ftp = 21
  case ssh = 22
  case telnet = 23
  case smtp = 25
  case pop3 = 110
  case imap = 143
  case submission = 587
  case rdp = 3389

  /// Payload from an SSH server up to which a session held no more than key exchange (curve25519,
  /// about 1.8 KB) and a few refusals (52–84 bytes each), in bytes; a shell or a copy adds host
  /// keys and a channel.
  static let sshRefusals: UInt64 = 2600

  init?(port: UInt16) { self.init(rawValue: port) }

  var text: String { "\(self)" }

  /// Payload of a mail client's refused login up to which an SMTP session carried no mail, in
  /// bytes.
  static let smtpLogin: UInt64 = 600

  /// How much one short session speaks for guessing, 0–1. Mail and file clients open small parallel
  /// sessions too, and those that read mail go on with a password that was changed; what they try,
  /// `LoginOutcomes` reads.
  func weight(payloadOut: UInt64, payloadIn: UInt64) -> Double {
    switch self {
    case .ssh: payloadIn <= Self.sshRefusals ? 1 : 0.4
    case .ftp, .telnet, .rdp: 1
    case .smtp, .submission: payloadOut <= Self.smtpLogin ? 0.4 : 0
    case .pop3, .imap: 0.1
    }
  }
}
