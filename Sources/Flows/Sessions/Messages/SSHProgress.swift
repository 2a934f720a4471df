/// How far an SSH session (RFC 4253) has come.
public struct SSHProgress: Sendable, Hashable {
  /// Bytes kept of a version line.
  public static let bannerLimit = 255

  public enum Stage: UInt8, Sendable {
    /// `banner` holds the version line of the event's sender.
    case banner
    /// Both sides talk encrypted.
    case encrypted
    /// The server refused an attempt to log in, by the size of what it answered.
    case loginFailed
    /// It accepted one.
    case loginSucceeded
  }

  public var stage = Stage.banner
  public var banner: [UInt8] = []
  /// Attempts refused so far.
  public var failures = 0
  /// With `encrypted`: a digest of all that the client said before, its random cookie among it. It
  /// is the same on both sides of an address translation, and no other session has it.
  public var mark: UInt64 = 0

  public init() {}
}
