/// How one attempt to log in to a service ended, as the parsers of databases, desktops and
/// directories tell it: of their talk nothing else matters here.
public struct LoginAttempt: Sendable, Hashable {
  /// Bytes kept of a name.
  public static let userLimit = 64

  public enum Outcome: UInt8, Sendable {
    case accepted, refused
    /// The server answers without having asked who is there.
    case notAsked
  }

  public var service = SessionProtocol.unknown
  public var outcome = Outcome.refused
  /// Who tried to; empty where the protocol names nobody, or hides it.
  public var user: [UInt8] = []
  /// A digest of the password, where it was sent so that the same one gives the same digest; else
  /// 0.
  public var secret: UInt64 = 0

  public init() {}

  public init(
    _ service: SessionProtocol, _ outcome: Outcome, user: some Sequence<UInt8> = [],
    secret: UInt64 = 0
  ) {
    self.service = service
    self.outcome = outcome
    self.user = Array(user.prefix(Self.userLimit))
    self.secret = secret
  }
}

extension Collection<UInt8> {
  /// One number for a password (FNV-1a), never 0: enough to tell whether two are the same.
  var secretDigest: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in self { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return Swift.max(hash, 1)
  }
}
