import Terms

/// The account of a TCP conversation that carried payload.
public struct SessionClosing: Sendable, Hashable {
  public var sessionProtocol = SessionProtocol.unknown
  public var ending = FlowEvent.Ending.none
  public var isEstablished = false
  /// Payload bytes from client and from server, retransmissions included.
  public var bytesOut: UInt64 = 0
  public var bytesIn: UInt64 = 0
  public var duration = TimeSpan.zero

  public init() {}
}
