import Analysis
import Flows

/// One attempt to log in and how it ended, whatever the service.
struct LoginTrial: Sendable {
  enum Outcome: Sendable { case accepted, refused }

  var service: String
  var outcome: Outcome
  /// Digests of the account and of the password; 0 where they were not said, or not so that the
  /// same one can be recognised.
  var user: UInt64 = 0
  var secret: UInt64 = 0
  /// The account as it was said; empty where it was not.
  var account: [UInt8] = []
  /// How surely a refusal is one, 0–1.
  var weight = 1.0

  init(_ service: String, _ outcome: Outcome) {
    self.service = service
    self.outcome = outcome
  }

  init?(_ reply: ServerReply, _ service: String) {
    guard reply.endsLogin, reply.outcome != .intermediate else { return nil }
    self.init(service, reply.outcome == .positive ? .accepted : .refused)
    account = reply.user
    user = reply.user.isEmpty ? 0 : reply.user.digest
    secret = reply.secret
  }

  init?(_ attempt: LoginAttempt) {
    guard attempt.outcome != .notAsked else { return nil }
    self.init(Self.name(attempt.service), attempt.outcome == .accepted ? .accepted : .refused)
    account = attempt.user
    user = attempt.user.isEmpty ? 0 : attempt.user.digest
    secret = attempt.secret
  }

  init?(_ progress: SSHProgress) {
    switch progress.stage {
    case .loginFailed: self.init("ssh", .refused)
    case .loginSucceeded: self.init("ssh", .accepted)
    default: return nil
    }
  }

  init?(_ line: TelnetLine) {
    switch line.role {
    case .failure: self.init("telnet", .refused)
    case .success: self.init("telnet", .accepted)
    default: return nil
    }
    account = line.user
    user = line.user.isEmpty ? 0 : line.user.digest
    secret = line.secret
  }

  /// By raw value: what a case is called is found out once, for that costs microseconds.
  private static let names = SessionProtocol.allCases.map { "\($0)" }

  private static func name(_ service: SessionProtocol) -> String {
    switch service {
    case .tds: "mssql"
    case .postgres: "postgresql"
    default: names[Int(service.rawValue)]
    }
  }

  /// Services whose guesses show by the shape of sessions too, which `BruteForce` tells.
  static let shaped: Set<String> = ["ssh", "ftp", "telnet", "rdp"]
}

/// A few numbers told apart, and how many there were.
struct FewDigests: Sendable {
  static let limit = 48

  private(set) var known: [UInt64] = []
  var count: Int { known.count }

  /// Whether it is new; beyond the limit everything is, and nothing is kept.
  mutating func insert(_ digest: UInt64) -> Bool {
    guard !known.contains(digest) else { return false }
    if known.count < Self.limit { known.append(digest) }
    return true
  }

  mutating func remove(_ digest: UInt64) { known.removeAll { $0 == digest } }
  func contains(_ digest: UInt64) -> Bool { known.contains(digest) }
}
