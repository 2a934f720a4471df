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
}
