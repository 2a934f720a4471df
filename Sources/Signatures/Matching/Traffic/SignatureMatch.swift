import Analysis
import Terms

/// A rule that answered to traffic.
public struct SignatureMatch: TimedEvent {
  public var time: CaptureTime
  /// The packet that completed what the rule looks for.
  public var packet: UInt64
  /// Its place in the compiled rules.
  public var rule: Int32
  /// Of the packet or message that matched.
  public var source: IPAddress
  public var destination: IPAddress
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  public var isFromClient: Bool
  public var transport: TransportProtocol
  /// When it was found, and its place among what was found then.
  var moment: Int64 = 0
  var order: UInt64 = 0
  /// It changes what hosts have, and is not told.
  var isSilent = false

  public var eventTime: CaptureTime { time }
}

/// What the signature engine looked at, found and left out.
public struct SignatureStatistics: Sendable, Hashable {
  public var matches: UInt64 = 0
  /// Rules held against a message in full.
  public var evaluations: UInt64 = 0
  /// Matches that nobody fetched in time, and what bounded tables turned away.
  public var lost: UInt64 = 0
  /// Regular expressions that were given up.
  public var exhausted: UInt64 = 0

  public init() {}

  /// Adds what another inspector did.
  public mutating func add(_ other: SignatureStatistics) {
    matches &+= other.matches
    evaluations &+= other.evaluations
    lost &+= other.lost
    exhausted &+= other.exhausted
  }
}
